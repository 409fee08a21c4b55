//! The watchdog itself: its events, its thread, its callbacks.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use timer_watchdog::{
    Event, LocalQueue, LocalTimerServer, PassError, QueueError, Reaper, RequestQueue, StartError, TimerClient,
    TimerRequest, TimerServer, Timestamp, Watchdog, WatchdogHandle, expires_in,
};

use crate::support::{Bench, PATIENCE, ms};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn every_step_has_its_event() {
    let bench = Bench::new(ms(10));
    bench.watchdog.start().unwrap();
    let client = bench.client(1);
    client.acquire(&"load".into(), Timestamp::ZERO).unwrap();
    let text = |event: &Event<u32>| Some(event.to_string());
    assert_eq!(bench.event(text), "watchdog started, with a pass at least every 10ms");
    assert_eq!(bench.event(text), "1 timer requests");
    assert_eq!(bench.event(text), r#"timer expired: worker 1, 1s ago, scopes "load""#);
    assert_eq!(bench.event(text), "worker 1 reaped");
    bench.watchdog.stop().unwrap();
    assert_eq!(bench.event(text), "watchdog stopped");
}

#[test]
fn fault_53_a_thread_that_cannot_be_had_is_an_error_and_a_pass_still_works() {
    let server = LocalTimerServer::new(|_: &u32| Ok(true));
    let watchdog = Watchdog::builder(server, LocalQueue::new(8), Duration::ZERO).stack_bytes(usize::MAX / 4).build();
    let error = watchdog.start().unwrap_err();
    assert!(matches!(error, StartError::Spawn { .. }), "{error}");
    assert_eq!(error.to_string(), r#"cannot start the thread "timer-watchdog""#);
    assert!(!watchdog.health().is_running);
    watchdog.run_watchdog().unwrap();
    watchdog.stop().unwrap();
}

#[test]
fn fault_55_a_blocked_callback_does_not_hold_up_the_watchdog() {
    let (enter, entered) = channel();
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let (report, reaped) = channel();
    let server = LocalTimerServer::new(move |worker: &u32| Ok(report.send(*worker).is_ok()));
    let queue = LocalQueue::new(8);
    let watchdog = Watchdog::builder(server, queue.clone(), ms(10))
        .on_event(move |_| {
            let _ = enter.send(());
            let _ = released.lock().unwrap().recv();
        })
        .build();
    watchdog.start().unwrap();
    entered.recv_timeout(PATIENCE).unwrap();
    for worker in 0..5 {
        queue.put(TimerRequest::acquire(worker, "load", Timestamp::ZERO)).unwrap();
        assert_eq!(reaped.recv_timeout(PATIENCE), Ok(worker));
    }
    watchdog.stop().unwrap();
    drop(release);
}

#[test]
fn events_beyond_the_bound_are_counted_and_so_are_panics() {
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let (enter, entered) = channel();
    let server = LocalTimerServer::new(|_: &u32| Ok(true));
    let queue = LocalQueue::new(8);
    let watchdog = Watchdog::builder(server, queue.clone(), Duration::ZERO)
        .on_event(move |_| {
            let _ = enter.send(());
            let _ = released.lock().unwrap().recv();
            panic!("the callback panics");
        })
        .build();
    let passes = 2000;
    for _ in 0..passes {
        queue.put(TimerRequest::release(1, "load")).unwrap();
        watchdog.run_watchdog().unwrap();
    }
    // One event may be with the callback, 1024 may wait.
    let dropped = watchdog.health().undelivered_events;
    assert!((passes - 1025..=passes - 1024).contains(&dropped), "{dropped}");
    drop(release);
    let delivered = passes - dropped;
    for _ in 0..delivered {
        entered.recv_timeout(PATIENCE).unwrap();
    }
    drop(watchdog);
}

#[test]
fn fault_57_start_and_stop_in_any_order() {
    let bench = Bench::new(LONG);
    bench.watchdog.stop().unwrap();
    let first = bench.watchdog.start().unwrap();
    let second = bench.watchdog.start().unwrap();
    bench.mock.wait_for_parked(1);
    first.stop().unwrap();
    assert!(!bench.watchdog.health().is_running);
    second.stop().unwrap();
    bench.watchdog.stop().unwrap();
    // Started again, it works again.
    bench.watchdog.start().unwrap();
    let client = bench.client(3);
    let _timer = expires_in("load", Duration::ZERO, &client).unwrap();
    assert_eq!(bench.reaped.recv_timeout(PATIENCE), Ok(3));
    let starts = |event: &Event<u32>| matches!(event, Event::Started { .. }).then_some(());
    bench.event(starts);
    bench.event(starts);
}

#[test]
fn fault_57_a_stop_wakes_a_thread_in_its_longest_wait() {
    let server = LocalTimerServer::new(|_: &u32| Ok(true));
    let watchdog = Watchdog::new(server, LocalQueue::new(8), LONG);
    watchdog.start().unwrap();
    // Were it not woken, this would take an hour.
    watchdog.stop().unwrap();
    assert!(!watchdog.health().is_running);
}

#[test]
fn fault_57_a_drop_without_stop_ends_the_thread() {
    let (alive, gone) = channel::<()>();
    let server = LocalTimerServer::new(move |_: &u32| {
        let _ = &alive;
        Ok(true)
    });
    let watchdog = Watchdog::new(server, LocalQueue::new(8), LONG);
    let handle = watchdog.start().unwrap();
    drop(watchdog);
    assert!(handle.health().is_running, "a handle keeps it");
    drop(handle);
    // The server is gone, so the thread let go of it.
    assert!(gone.recv_timeout(PATIENCE).is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn fault_57_a_reaper_may_stop_the_watchdog_and_may_not_run_it() {
    let handle: Arc<OnceLock<WatchdogHandle>> = Arc::default();
    let inside = Arc::clone(&handle);
    let (tell, told) = channel();
    let server = LocalTimerServer::new(move |_: &u32| {
        tell.send(inside.get().map(WatchdogHandle::stop)).unwrap();
        Ok(true)
    });
    let queue = LocalQueue::new(8);
    let watchdog = Watchdog::new(server, queue.clone(), LONG);
    handle.set(watchdog.start().unwrap()).unwrap();
    queue.put(TimerRequest::acquire(1, "load", Timestamp::ZERO)).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(Some(Ok(()))));
    watchdog.stop().unwrap();
    assert!(!watchdog.health().is_running);
}

#[test]
fn a_pass_inside_a_pass_is_refused() {
    type Slot = Arc<OnceLock<Watchdog<LocalTimerServer<Arc<dyn Reaper<u32>>, u32>, LocalQueue<u32>, u32>>>;
    let slot: Slot = Arc::default();
    let inside = Arc::downgrade(&slot);
    let (tell, told) = channel();
    let reaper: Arc<dyn Reaper<u32>> = Arc::new(move |_: &u32| {
        let watchdog = inside.upgrade().unwrap();
        let nested = watchdog.get().unwrap().run_watchdog();
        tell.send(matches!(nested, Err(PassError::Nested))).unwrap();
        Ok(true)
    });
    let server = LocalTimerServer::new(reaper);
    server.register_timers(&[TimerRequest::acquire(1, "load", Timestamp::ZERO)]);
    let watchdog = Watchdog::new(server, LocalQueue::new(8), Duration::ZERO);
    slot.set(watchdog).unwrap();
    slot.get().unwrap().run_watchdog().unwrap();
    assert_eq!(told.try_recv(), Ok(true));
}

/// Panics or fails at each request.
struct BadQueue(bool);

impl RequestQueue<u32> for BadQueue {
    fn size(&self) -> usize {
        0
    }

    fn get(&self, _size: usize, _timeout: Duration) -> Result<Vec<TimerRequest<u32>>, QueueError> {
        assert!(!self.0, "the queue panics");
        Err(QueueError::Other("the queue fails".into()))
    }
}

#[test]
fn a_queue_that_fails_or_panics_does_not_end_the_thread() {
    for panics in [false, true] {
        let (tell, told) = channel();
        let server = LocalTimerServer::new(|_: &u32| Ok(true));
        let watchdog = Watchdog::builder(server, BadQueue(panics), ms(1))
            .on_event(move |event| tell.send(event.to_string()).unwrap_or(()))
            .build();
        watchdog.start().unwrap();
        let failures = told.iter().filter(|text| text.starts_with("watchdog pass failed"));
        assert_eq!(failures.take(3).count(), 3);
        assert!(watchdog.health().is_running);
        watchdog.stop().unwrap();
    }
}
