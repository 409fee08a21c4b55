//! `#[expires]`: when its timers are acquired and released, and that it changes nothing else.
#![allow(missing_docs, dead_code, clippy::unused_self, clippy::unused_async)]
#![deny(warnings)]

use std::future::Future;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use prof_runtime::{MemoryHandler, Outcome, prof};
use timer_watchdog::{LocalQueue, LocalTimerClient, NoClient, RequestKind, RequestQueue, expires, unwatched_scopes};

const LIMIT: Duration = Duration::from_secs(60);

/// What happened to timers while `run` ran: `+scope` for each that was acquired, `-scope` for each released.
fn timers(run: impl FnOnce()) -> Vec<String> {
    let queue = LocalQueue::new(64);
    let _client = timer_watchdog::scoped(LocalTimerClient::new(queue.clone(), "worker"));
    run();
    let requests = queue.get(64, Duration::ZERO).unwrap();
    let line = |request: &timer_watchdog::TimerRequest<&str>| match request.kind {
        RequestKind::Release => format!("-{}", request.scope_id),
        RequestKind::Acquire { .. } => format!("+{}", request.scope_id),
    };
    requests.iter().map(line).collect()
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[expires("5s", scope = "plain")]
fn plain(n: u8) -> u8 {
    n + 1
}

#[expires(after = LIMIT, scope = "early")]
fn early(text: &str) -> Result<u8, std::num::ParseIntError> {
    let number: u8 = text.parse()?;
    if number > 9 {
        return Ok(9);
    }
    Ok(number)
}

#[expires("1h", scope = "panics")]
fn panics() -> u8 {
    panic!("in the body")
}

#[expires("1h", scope = "never")]
fn never() -> ! {
    panic!("in the body")
}

struct Store(Vec<u8>);

impl Store {
    #[expires("250ms", scope = "first")]
    fn first(&mut self) -> Option<&mut u8> {
        self.0.first_mut()
    }

    #[expires("250ms", scope = "adder")]
    fn adder(&self) -> impl Fn(u8) -> u8 + use<> {
        |n| n + 1
    }

    #[expires(after = Duration::from_millis(250), scope = "slow")]
    async fn slow<T: Clone>(&self, value: T) -> Result<T, ()> {
        std::future::pending::<()>().await;
        Ok(value)
    }
}

#[test]
fn a_timer_is_held_for_the_call() {
    assert_eq!(timers(|| assert_eq!(plain(1), 2)), ["+plain", "-plain"]);
    assert_eq!(timers(|| assert_eq!(early("77"), Ok(9))), ["+early", "-early"]);
    assert_eq!(timers(|| assert!(early("x").is_err())), ["+early", "-early"]);
    assert_eq!(timers(|| assert!(catch_unwind(panics).is_err())), ["+panics", "-panics"]);
    assert_eq!(timers(|| assert!(catch_unwind(|| never()).is_err())), ["+never", "-never"]);
    assert_eq!(timers(|| *Store(vec![1]).first().unwrap() += 1), ["+first", "-first"]);
    assert_eq!(timers(|| assert_eq!(Store(vec![]).adder()(1), 2)), ["+adder", "-adder"]);
}

#[test]
fn a_future_holds_its_timer_from_its_first_poll_until_it_is_dropped() {
    let store = Store(vec![]);
    assert_eq!(timers(|| drop(store.slow(1))), [""; 0]);
    assert_eq!(timers(|| assert!(poll_once(Box::pin(store.slow(1)).as_mut()).is_pending())), ["+slow", "-slow"]);
    assert_send(store.slow(1));
}

fn assert_send(_: impl Send) {}

mod named {
    #[timer_watchdog::expires("5s")]
    pub(super) fn by_its_path() {}
}

#[test]
fn the_default_scope_is_the_path() {
    let scope = concat!(module_path!(), "::named::by_its_path");
    assert_eq!(timers(named::by_its_path), [format!("+{scope}"), format!("-{scope}")]);
}

#[test]
fn without_a_client_a_call_runs_unwatched() {
    let _none = timer_watchdog::scoped(NoClient);
    let before = unwatched_scopes();
    assert_eq!(plain(1), 2);
    assert!(unwatched_scopes() > before);
}

#[prof(name = "prof_outside")]
#[expires("5s", scope = "inside")]
fn prof_outside(text: &str) -> Result<u8, std::num::ParseIntError> {
    let number = text.parse()?;
    Ok(number)
}

#[expires("5s", scope = "outside")]
#[prof(name = "prof_inside")]
async fn prof_inside(text: &str) -> Result<u8, std::num::ParseIntError> {
    let number = text.parse()?;
    Ok(number)
}

#[test]
fn it_stacks_with_prof_in_either_order() {
    let memory = MemoryHandler::new();
    let _scope = prof_runtime::scoped(memory.clone());
    assert_eq!(timers(|| assert!(prof_outside("x").is_err())), ["+inside", "-inside"]);
    assert_eq!(timers(|| assert!(poll_once(Box::pin(prof_inside("1")).as_mut()).is_ready())), ["+outside", "-outside"]);
    assert_eq!(memory.outcomes("prof_outside"), [Outcome::Failure]);
    assert_eq!(memory.outcomes("prof_inside"), [Outcome::Success]);
}
