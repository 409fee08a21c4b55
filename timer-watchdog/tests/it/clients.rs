//! Faults of clients, guards and the local queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use timer_watchdog::{
    ClientError, Expires, LocalQueue, LocalTimerClient, NoClient, RequestQueue, ScopeId, TimerClient, TimerRequest,
    Timestamp, expires_in, expires_or_noop, failed_releases, scoped, unwatched_scopes,
};

use crate::support::{Bench, ms};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn fault_01_a_client_thread_that_dies_releases_its_timers() {
    let bench = Bench::new(Duration::ZERO);
    let client = bench.client(1);
    let died = std::thread::spawn(move || {
        let _timer = expires_in("load", LONG, &client).unwrap();
        panic!("the client dies");
    });
    died.join().unwrap_err();
    bench.watchdog.run_watchdog().unwrap();
    assert!(bench.watchdog.server().is_empty());
    bench.mock.advance(LONG * 2);
    assert_eq!(bench.watchdog.run_watchdog().unwrap().expired, 0);
}

#[test]
fn fault_03_a_panic_of_the_body_goes_on_unchanged_and_releases() {
    let queue = LocalQueue::new(8);
    let client = LocalTimerClient::new(queue.clone(), 1);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _timer = expires_in("load", LONG, &client).unwrap();
        std::panic::panic_any(42_u8);
    }));
    assert_eq!(*panic.unwrap_err().downcast::<u8>().unwrap(), 42);
    let requests = queue.get(2, Duration::ZERO).unwrap();
    assert_eq!(requests[1], TimerRequest::release(1, "load"));
}

/// Panics or fails at each release.
struct Broken {
    panics: bool,
    releases: AtomicUsize,
}

impl TimerClient for Broken {
    fn acquire(&self, _scope: &ScopeId, _expiration: Timestamp) -> Result<(), ClientError> {
        Ok(())
    }

    fn release(&self, scope: &ScopeId) -> Result<(), ClientError> {
        self.releases.fetch_add(1, Ordering::Relaxed);
        assert!(!self.panics, "the client panics");
        Err(ClientError::Other { scope: scope.clone(), source: "lost".into() })
    }
}

#[test]
fn fault_04_a_drop_never_panics_not_even_while_panicking() {
    let client = Broken { panics: true, releases: AtomicUsize::new(0) };
    let before = failed_releases();
    drop(expires_in("load", LONG, &client).unwrap());
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _timer = expires_in("load", LONG, &client).unwrap();
        std::panic::panic_any(42_u8);
    }));
    assert_eq!(*panic.unwrap_err().downcast::<u8>().unwrap(), 42);
    assert_eq!(client.releases.into_inner(), 2);
    assert!(failed_releases() >= before + 2);
}

#[test]
fn fault_05_a_forgotten_guard_expires_honestly() {
    let bench = Bench::new(Duration::ZERO);
    let client = bench.client(5);
    std::mem::forget(expires_in("load", ms(10), &client).unwrap());
    bench.mock.advance(ms(10));
    assert_eq!(bench.watchdog.run_watchdog().unwrap().reaped, 1);
    assert_eq!(bench.reaped.try_recv(), Ok(5));
}

#[test]
fn fault_06_guards_dropped_out_of_order_release_their_own_scopes() {
    let bench = Bench::new(Duration::ZERO);
    let client = bench.client(6);
    let outer = expires_in("outer", LONG, &client).unwrap();
    let inner = expires_in("inner", ms(10), &client).unwrap();
    drop(outer);
    bench.mock.advance(ms(10));
    assert_eq!(bench.watchdog.run_watchdog().unwrap().reaped, 1);
    drop(inner);
    bench.watchdog.run_watchdog().unwrap();
    assert!(bench.watchdog.server().is_empty());
}

#[test]
fn fault_07_a_compatible_guard_may_move_and_keeps_its_worker() {
    fn is_send<T: Send>(_: &T) {}
    let queue = LocalQueue::new(8);
    let client = LocalTimerClient::new(queue.clone(), 7);
    let timer = expires_in("load", LONG, &client).unwrap();
    is_send(&timer);
    std::thread::scope(|scope| scope.spawn(move || drop(timer)).join().unwrap());
    let requests = queue.get(2, Duration::ZERO).unwrap();
    assert_eq!(requests[1], TimerRequest::release(7, "load"));
}

#[test]
fn fault_09_guards_in_thread_locals_release_when_the_thread_ends() {
    thread_local! {
        static KEPT: std::cell::RefCell<Option<Expires<'static>>> = const { std::cell::RefCell::new(None) };
    }
    let queue = LocalQueue::new(8);
    let for_thread = queue.clone();
    let thread = std::thread::spawn(move || {
        let client = scoped(LocalTimerClient::new(for_thread, 9));
        KEPT.set(Some(timer_watchdog::expires(LONG).unwrap()));
        drop(client);
    });
    thread.join().unwrap();
    let requests = queue.get(2, ms(0)).unwrap();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].expiration(), None);
}

#[test]
fn fault_14_without_a_client_the_other_variant_does_nothing() {
    let _none = scoped(NoClient);
    let before = unwatched_scopes();
    let timer = expires_or_noop(LONG);
    assert!(!timer.is_held());
    assert!(timer.scope().as_str().contains("clients.rs:"));
    assert!(unwatched_scopes() > before);
    timer.extend(LONG).unwrap();
    timer.release().unwrap();
}

#[test]
fn fault_15_a_client_outlives_its_server() {
    let bench = Bench::new(Duration::ZERO);
    let client = bench.client(1);
    let queue = bench.queue.clone();
    let timer = expires_in("load", LONG, &client).unwrap();
    assert!(client.is_served());
    drop(bench);
    assert!(!client.is_served());
    // More than the queue holds: nothing piles up.
    for _ in 0..1000 {
        drop(expires_in("load", LONG, &client).unwrap());
    }
    drop(timer);
    assert_eq!(queue.size(), 0);
}

#[test]
fn fault_16_a_full_queue_refuses_acquires_and_keeps_releases() {
    let queue = LocalQueue::new(2);
    let client = LocalTimerClient::new(queue.clone(), 1);
    let first = expires_in("first", LONG, &client).unwrap();
    let second = expires_in("second", LONG, &client).unwrap();
    let error = expires_in("third", LONG, &client).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    let expect = r#"cannot acquire a timer for "third" of worker 1: the queue holds 2 requests already"#;
    assert_eq!(source, expect);
    drop(first);
    drop(second);
    for _ in 0..100 {
        client.release(&"second".into()).unwrap();
    }
    assert_eq!(queue.size(), 4, "one release for each name");
    let late = client.acquire(&"first".into(), Timestamp::NEVER);
    assert!(late.is_err(), "nothing may pass a release that waits");
    // Also once there is room again: the release would come after it and take the new timer away.
    assert_eq!(queue.get(1, Duration::ZERO).unwrap().len(), 1);
    let late = client.acquire(&"first".into(), Timestamp::NEVER);
    assert!(late.is_err(), "nothing may pass a release that waits");
    let requests = queue.get(3, Duration::ZERO).unwrap();
    assert_eq!(requests[1..], [TimerRequest::release(1, "first"), TimerRequest::release(1, "second")]);
    client.acquire(&"third".into(), Timestamp::NEVER).unwrap();
}

#[test]
fn fault_24_the_longest_timeout_never_expires_and_does_not_panic() {
    let bench = Bench::new(Duration::ZERO);
    let client = bench.client(1);
    let _timer = expires_in("load", Duration::MAX, &client).unwrap();
    bench.mock.advance(Duration::from_secs(500 * 365 * 86_400));
    assert_eq!(bench.watchdog.run_watchdog().unwrap().expired, 0);
    assert_eq!(bench.watchdog.server().len(), 1);
}

#[test]
fn fault_25_no_time_at_all_expires_at_the_next_pass() {
    let bench = Bench::new(Duration::ZERO);
    let client = bench.client(1);
    let _timer = expires_in("load", Duration::ZERO, &client).unwrap();
    assert_eq!(bench.watchdog.run_watchdog().unwrap().reaped, 1);
}

#[test]
fn extend_gives_a_scope_more_time() {
    let bench = Bench::new(Duration::ZERO);
    let client = bench.client(1);
    let timer = expires_in("load", ms(10), &client).unwrap();
    bench.mock.advance(ms(9));
    timer.extend(ms(10)).unwrap();
    bench.mock.advance(ms(9));
    assert_eq!(bench.watchdog.run_watchdog().unwrap().expired, 0);
    bench.mock.advance(ms(1));
    assert_eq!(bench.watchdog.run_watchdog().unwrap().expired, 1);
}
