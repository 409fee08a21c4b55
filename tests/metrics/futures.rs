//! Futures: when their clock runs, and how they end.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use prof_runtime::Outcome::{Cancelled, Failure, Panic, Success};
use prof_runtime::{MemoryHandler, Outcome, WithHandlerExt, prof, scoped};

/// Ready at the second poll.
#[derive(Default)]
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        cx.waker().wake_by_ref();
        match std::mem::replace(&mut self.0, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn outcomes(name: &str, run: impl FnOnce(&MemoryHandler)) -> Vec<Outcome> {
    let memory = MemoryHandler::new();
    let _scope = scoped(memory.clone());
    run(&memory);
    memory.outcomes(name)
}

#[prof(name = "work")]
async fn work(how: u8) -> Result<u8, u8> {
    Yield::default().await;
    match how {
        0 => Ok(0),
        1 => Err(1),
        _ => panic!("in a poll"),
    }
}

#[test]
fn a_future_counts_when_it_ends() {
    let seen = outcomes("work", |memory| {
        for how in [0, 1] {
            let mut future = pin!(work(how));
            assert!(memory.outcomes("work").len() == usize::from(how), "nothing before the first poll");
            assert!(poll_once(future.as_mut()).is_pending());
            assert!(poll_once(future.as_mut()).is_ready());
        }
    });
    assert_eq!(seen, [Success, Failure]);
}

#[test]
fn a_future_dropped_half_way_is_cancelled() {
    let seen = outcomes("work", |memory| {
        let mut future = Box::pin(work(0));
        assert!(poll_once(future.as_mut()).is_pending());
        drop(future);
        assert_eq!(memory.names(), ["work.cancelled", "work.duration.ms"]);
    });
    assert_eq!(seen, [Cancelled]);
}

#[test]
fn a_future_never_polled_counts_nothing() {
    assert_eq!(outcomes("work", |_| drop(work(0))), []);
}

#[test]
fn a_panic_in_a_poll_is_a_panic() {
    let seen = outcomes("work", |_| {
        let mut future = Box::pin(work(2));
        assert!(poll_once(future.as_mut()).is_pending());
        catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut()))).unwrap_err();
    });
    assert_eq!(seen, [Panic]);
}

/// A limit: see `docs/limits.md`.
#[test]
fn a_suspended_future_dropped_by_another_panic_counts_as_panicked() {
    let seen = outcomes("work", |_| {
        let panicked = catch_unwind(|| {
            let mut future = Box::pin(work(0));
            assert!(poll_once(future.as_mut()).is_pending());
            panic!("elsewhere");
        });
        panicked.unwrap_err();
    });
    assert_eq!(seen, [Panic]);
}

#[async_trait]
trait Fetch {
    async fn fetch(&self, how: u8) -> Result<u8, u8>;

    #[prof(name = "Fetch.twice")]
    async fn twice(&self, how: u8) -> Result<u8, u8> {
        self.fetch(how).await?;
        self.fetch(how).await
    }
}

struct Inside;
struct Outside;

#[async_trait]
#[prof]
impl Fetch for Inside {
    async fn fetch(&self, how: u8) -> Result<u8, u8> {
        work(how).await
    }
}

#[prof]
#[async_trait]
impl Fetch for Outside {
    async fn fetch(&self, how: u8) -> Result<u8, u8> {
        work(how).await
    }
}

fn returns_boxed(how: u8) -> Pin<Box<dyn Future<Output = Result<u8, u8>> + Send>> {
    Box::pin(work(how))
}

type Boxed = Pin<Box<dyn Future<Output = Result<u8, u8>> + Send>>;

#[prof(name = "boxed.alias")]
fn boxed_alias(how: u8) -> Boxed {
    if how == 77 {
        return Box::pin(async { Ok(77) });
    }
    returns_boxed(how)
}

#[prof(name = "boxed.local")]
fn boxed_local<'a>(how: &'a u8) -> Pin<Box<dyn Future<Output = Result<u8, u8>> + 'a>> {
    let how = *how;
    Box::pin(async move { work(how).await })
}

#[prof(name = "boxed.predicate", err = |n: &u8| *n == 1)]
fn boxed_predicate(n: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> {
    Box::pin(async move { n })
}

#[prof(name = "returned.impl")]
fn returned_impl(how: u8) -> impl Future<Output = Result<u8, u8>> + Send {
    let prelude = how;
    async move { work(prelude).await }
}

#[prof(name = "returned.ok", ok = Result::is_err)]
fn returned_ok(how: u8) -> impl Future<Output = Result<u8, u8>> {
    work(how)
}

/// Awaits `future` in two polls, and looks after each whether its function was counted.
fn await_and_check<F: Future>(name: &str, future: F, memory: &MemoryHandler) {
    let mut future = Box::pin(future);
    assert_eq!(memory.outcomes(name), [], "{name} counts before it is polled");
    assert!(poll_once(future.as_mut()).is_pending());
    assert_eq!(memory.outcomes(name), [], "{name} counts before it is ready");
    assert!(poll_once(future.as_mut()).is_ready());
    assert_eq!(memory.outcomes(name).len(), 1, "{name} counts once it is ready");
    memory.clear();
}

#[test]
fn functions_that_return_futures_are_measured_over_the_await() {
    let memory = MemoryHandler::new();
    let _scope = scoped(memory.clone());
    await_and_check("Inside.fetch", Inside.fetch(0), &memory);
    await_and_check("Outside.fetch", Outside.fetch(1), &memory);
    await_and_check("Fetch.twice", Outside.twice(1), &memory);
    await_and_check("boxed.alias", boxed_alias(1), &memory);
    await_and_check("boxed.local", boxed_local(&1), &memory);
    await_and_check("returned.impl", returned_impl(1), &memory);
    await_and_check("returned.ok", returned_ok(1), &memory);
}

#[test]
fn the_output_decides() {
    let block_on = |future: Boxed| {
        let mut future = future;
        while poll_once(future.as_mut()).is_pending() {}
    };
    let run = |name, make: fn(u8) -> Boxed| outcomes(name, |_| [0, 1].map(make).into_iter().for_each(block_on));
    assert_eq!(run("boxed.alias", boxed_alias), [Success, Failure]);
    assert_eq!(run("returned.impl", |how| Box::pin(returned_impl(how))), [Success, Failure]);
    assert_eq!(run("returned.ok", |how| Box::pin(async move { returned_ok(how).await })), [Failure, Success]);
    let predicate = |how| -> Boxed { Box::pin(async move { Ok(boxed_predicate(how).await) }) };
    assert_eq!(run("boxed.predicate", predicate), [Success, Failure]);
    let cancelled = outcomes("boxed.alias", |_| {
        let mut future = boxed_alias(0);
        assert!(poll_once(future.as_mut()).is_pending());
    });
    assert_eq!(cancelled, [Cancelled]);
}

#[prof]
async fn on_any_thread() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
        work(0).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_future_takes_its_handler_along() {
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let memory = MemoryHandler::new();
            let task = tokio::spawn(on_any_thread().with_handler(memory.clone()));
            (memory, task)
        })
        .collect();
    for (memory, task) in tasks {
        task.await.unwrap();
        assert_eq!(memory.outcomes("work").len(), 20);
        assert_eq!(memory.outcomes("futures.on_any_thread"), [Success]);
    }
}

#[test]
fn a_future_keeps_its_handler_when_it_is_dropped() {
    let memory = MemoryHandler::new();
    let mut future = Box::pin(work(0).with_handler(memory.clone()));
    assert!(poll_once(future.as_mut()).is_pending());
    drop(future);
    assert_eq!(memory.outcomes("work"), [Cancelled]);
}

#[prof(name = "named")]
fn named(how: u8) -> std::future::Ready<Result<u8, u8>> {
    std::future::ready(if how == 0 { Ok(0) } else { Err(how) })
}

/// A limit: see `docs/limits.md`.
#[test]
fn a_future_of_a_named_type_counts_when_it_is_made() {
    let seen = outcomes("named", |memory| {
        let mut future = named(1);
        assert_eq!(memory.outcomes("named"), [Success]);
        assert_eq!(poll_once(Pin::new(&mut future)), Poll::Ready(Err(1)));
    });
    assert_eq!(seen, [Success]);
}
