//! Faults of the watchdog itself: its time, its thread, its callbacks.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use timer_watchdog::{
    BoundedReaper, LocalQueue, LocalTimerServer, PassError, QueueError, ReapError, Reaper,
    RequestQueue, StartError, StopError, ThreadReaper, TimerClient, TimerEvent, TimerRequest,
    TimerServer, Timestamp, Watchdog, WatchdogHandle, expires_in,
};

use crate::support::{Bench, PATIENCE, ms};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn every_step_has_its_event() {
    let bench = Bench::new(ms(10));
    bench.watchdog.start().unwrap();
    let client = bench.client(1);
    client.acquire(&"load".into(), Timestamp::ZERO).unwrap();
    let text = |event: &TimerEvent<u32>| Some(event.to_string());
    assert_eq!(
        bench.event(text),
        "watchdog started, it looks at least every 10ms"
    );
    assert_eq!(bench.event(text), "1 timer requests");
    assert_eq!(
        bench.event(text),
        r#"timer expired: worker 1, 1s ago, scopes "load""#
    );
    assert_eq!(bench.event(text), "worker 1 reaped");
    bench.watchdog.stop().unwrap();
    assert_eq!(bench.event(text), "watchdog stopped");
}

#[test]
fn the_thread_wakes_at_the_next_deadline_not_at_the_interval() {
    let bench = Bench::new(LONG);
    bench.watchdog.start().unwrap();
    let client = bench.client(1);
    let _timer = expires_in("load", ms(5), &client).unwrap();
    assert_eq!(bench.registered(), 1);
    bench.mock.wait_for_parked(1);
    bench.mock.advance(ms(4));
    bench.mock.wait_for_parked(1);
    assert!(bench.reaped.try_recv().is_err(), "never early");
    bench.mock.advance(ms(1));
    assert_eq!(bench.reaped.recv_timeout(PATIENCE), Ok(1));
}

#[test]
fn fault_21_a_frozen_process_charges_nobody() {
    let bench = Bench::new(ms(50));
    bench.watchdog.start().unwrap();
    let client = bench.client(1);
    let _before = expires_in("before", ms(200), &client).unwrap();
    bench.registered();
    bench.mock.wait_for_parked(1);
    // Ten minutes pass, and the watchdog, which wanted to wake after 50 ms, did not.
    bench.mock.advance(Duration::from_secs(600));
    let gap = bench.event(|event| match event {
        TimerEvent::ObserverGap { gap } => Some(*gap),
        _ => None,
    });
    assert_eq!(gap, Duration::from_millis(599_950));
    bench.mock.wait_for_parked(1);
    assert!(bench.reaped.try_recv().is_err());
    // What is acquired after the gap is not credited with it; the old one has 150 ms left.
    let second = bench.client(2);
    let _after = expires_in("after", ms(150), &second).unwrap();
    bench.registered();
    for _ in 0..2 {
        bench.mock.wait_for_parked(1);
        bench.mock.advance(ms(50));
    }
    bench.mock.wait_for_parked(1);
    assert!(bench.reaped.try_recv().is_err());
    bench.mock.advance(ms(50));
    let mut both = [
        bench.reaped.recv_timeout(PATIENCE).unwrap(),
        bench.reaped.recv_timeout(PATIENCE).unwrap(),
    ];
    both.sort_unstable();
    assert_eq!(both, [1, 2]);
}

#[test]
fn fault_22_what_waits_in_the_queue_during_a_gap_shares_in_its_credit() {
    /// Gives a request that was made before ten seconds passed during which it could not be given.
    struct Starved(timer_watchdog::MockClock, Mutex<bool>);
    impl RequestQueue<u32> for Starved {
        fn size(&self) -> usize {
            0
        }

        fn get(
            &self,
            _size: usize,
            _timeout: Duration,
        ) -> Result<Vec<TimerRequest<u32>>, QueueError> {
            if std::mem::replace(&mut *self.1.lock().unwrap(), true) {
                return Ok(Vec::new());
            }
            let expiration = self.0.clock().now().after(ms(500));
            self.0.advance(Duration::from_secs(10));
            Ok(vec![TimerRequest::acquire(1, "load", expiration)])
        }
    }
    let mock = timer_watchdog::MockClock::new();
    let queue = Starved(mock.clone(), Mutex::new(false));
    let server = LocalTimerServer::new(|_: &u32| Ok(true));
    let watchdog = Watchdog::builder(server, queue, ms(50))
        .clock(mock.clock())
        .build();
    assert_eq!(watchdog.run_watchdog().unwrap().expired, 0);
    mock.advance(ms(449));
    assert_eq!(watchdog.run_watchdog().unwrap().expired, 0);
    mock.advance(ms(1));
    assert_eq!(watchdog.run_watchdog().unwrap().expired, 1);
}

#[test]
fn fault_21_a_gap_while_requests_are_carried_out_charges_nobody() {
    /// Stands still for a minute when a worker's first timer is registered.
    struct Frozen(timer_watchdog::MockClock);
    impl Reaper<u32> for Frozen {
        fn meet(&self, _worker_id: &u32) {
            self.0.advance(Duration::from_secs(60));
        }

        fn reap(&self, _worker_id: &u32) -> Result<bool, ReapError> {
            Ok(true)
        }
    }
    let mock = timer_watchdog::MockClock::new();
    let queue = LocalQueue::with_clock(8, mock.clock());
    let expiration = mock.clock().now().after(ms(500));
    queue
        .put(TimerRequest::acquire(1, "load", expiration))
        .unwrap();
    let server = LocalTimerServer::new(Frozen(mock.clone()));
    let watchdog = Watchdog::builder(server, queue, Duration::ZERO)
        .clock(mock.clock())
        .build();
    assert_eq!(watchdog.run_watchdog().unwrap().expired, 0);
    mock.advance(ms(499));
    assert_eq!(watchdog.run_watchdog().unwrap().expired, 0);
    mock.advance(ms(1));
    assert_eq!(watchdog.run_watchdog().unwrap().expired, 1);
}

#[test]
fn fault_37_many_expire_together_each_is_told_and_reaped_once() {
    let bench = Bench::new(Duration::ZERO);
    for worker in 0..10 {
        for scope in ["a", "b", "c"] {
            let client = bench.client(worker);
            client.acquire(&scope.into(), Timestamp::ZERO).unwrap();
        }
    }
    let report = bench.watchdog.run_watchdog().unwrap();
    assert_eq!(
        (report.registered, report.expired, report.reaped),
        (30, 10, 10)
    );
    bench.watchdog.run_watchdog().unwrap();
    let mut reaped: Vec<_> = bench.reaped.try_iter().collect();
    reaped.sort_unstable();
    assert_eq!(reaped, (0..10).collect::<Vec<_>>());
    let mut told = Vec::new();
    while told.len() < 10 {
        told.push(bench.event(|event| match event {
            TimerEvent::Expired {
                worker_id, timers, ..
            } => Some((*worker_id, timers.len())),
            _ => None,
        }));
    }
    told.sort_unstable();
    assert_eq!(told, (0..10).map(|worker| (worker, 3)).collect::<Vec<_>>());
}

#[test]
fn fault_53_a_thread_that_cannot_be_had_is_an_error_and_a_pass_still_works() {
    let server = LocalTimerServer::new(|_: &u32| Ok(true));
    let watchdog = Watchdog::builder(server, LocalQueue::new(8), Duration::ZERO)
        .stack_bytes(usize::MAX / 4)
        .build();
    let error = watchdog.start().unwrap_err();
    assert!(matches!(error, StartError::Spawn { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        r#"cannot start the thread "timer-watchdog""#
    );
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
        queue
            .put(TimerRequest::acquire(worker, "load", Timestamp::ZERO))
            .unwrap();
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
    assert!(
        (passes - 1025..=passes - 1024).contains(&dropped),
        "{dropped}"
    );
    drop(release);
    let delivered = passes - dropped;
    for _ in 0..delivered {
        entered.recv_timeout(PATIENCE).unwrap();
    }
    drop(watchdog);
}

#[test]
fn fault_56_a_long_pass_is_followed_by_one_not_by_a_burst() {
    let bench = Bench::new(ms(10));
    let mock = bench.mock.clone();
    let server = LocalTimerServer::new(move |_: &u32| {
        // The reap takes a hundred intervals.
        mock.advance(ms(1000));
        Ok(true)
    });
    let queue = LocalQueue::with_clock(8, bench.mock.clock());
    let watchdog = Watchdog::builder(server, queue.clone(), ms(10))
        .clock(bench.mock.clock())
        .build();
    watchdog.start().unwrap();
    bench.mock.wait_for_parked(1);
    queue
        .put(TimerRequest::acquire(1, "load", Timestamp::ZERO))
        .unwrap();
    while watchdog.health().passes == 0 {
        std::thread::yield_now();
    }
    bench.mock.wait_for_parked(1);
    assert_eq!(watchdog.health().passes, 1);
    bench.mock.advance(ms(10));
    bench.mock.wait_for_parked(1);
    assert_eq!(watchdog.health().passes, 2);
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
    let starts =
        |event: &TimerEvent<u32>| matches!(event, TimerEvent::Started { .. }).then_some(());
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
    assert!(
        gone.recv_timeout(PATIENCE)
            .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Disconnected)
    );
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
    queue
        .put(TimerRequest::acquire(1, "load", Timestamp::ZERO))
        .unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(Some(Ok(()))));
    watchdog.stop().unwrap();
    assert!(!watchdog.health().is_running);
}

#[test]
fn a_pass_inside_a_pass_is_refused() {
    type Slot =
        Arc<OnceLock<Watchdog<LocalTimerServer<Arc<dyn Reaper<u32>>, u32>, LocalQueue<u32>, u32>>>;
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

#[test]
fn fault_58_a_reaper_that_blocks_for_ever_bounds_stop_and_drop() {
    let (enter, entered) = channel();
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let server = LocalTimerServer::new(move |_: &u32| {
        enter.send(()).unwrap();
        let _ = released.lock().unwrap().recv();
        Ok(true)
    });
    let queue = LocalQueue::new(8);
    let watchdog = Watchdog::new(server, queue.clone(), Duration::ZERO);
    watchdog.start().unwrap();
    queue
        .put(TimerRequest::acquire(1, "load", Timestamp::ZERO))
        .unwrap();
    entered.recv_timeout(PATIENCE).unwrap();
    let error = watchdog.stop().unwrap_err();
    assert!(matches!(error, StopError::StillRunning { .. }));
    let error = watchdog.start().unwrap_err();
    assert!(matches!(error, StartError::StillStopping { .. }), "{error}");
    drop(watchdog);
    drop(release);
}

#[test]
fn fault_58_a_bounded_reaper_lets_detection_go_on() {
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let (report, reported) = channel();
    let reaper = BoundedReaper::new(
        move |worker: &u32| {
            if *worker == 0 {
                let _ = released.lock().unwrap().recv();
            }
            report.send(*worker).unwrap();
            Ok(true)
        },
        // Also what the healthy reap at the end has on a busy machine.
        ms(1000),
        1,
    );
    let server = LocalTimerServer::new(reaper);
    server.register_timers(&[
        TimerRequest::acquire(0, "stuck", Timestamp::ZERO),
        TimerRequest::acquire(1, "next", Timestamp::from_nanos(1)),
    ]);
    // One is stuck, and no more are allowed, so the second is refused; both lose their timers.
    let watchdog = Watchdog::new(server, LocalQueue::new(8), Duration::ZERO);
    assert_eq!(watchdog.run_watchdog().unwrap().failed, 2);
    assert_eq!(watchdog.server().reaper().stuck(), [0]);
    let busy = watchdog.server().reap_worker(&1).unwrap_err();
    assert!(matches!(busy, ReapError::Busy { stuck: 1, .. }), "{busy}");
    drop(release);
    assert_eq!(reported.recv_timeout(PATIENCE), Ok(0));
    while !watchdog.server().reaper().stuck().is_empty() {
        std::thread::yield_now();
    }
    assert!(watchdog.server().reap_worker(&1).unwrap());
}

#[test]
fn fault_59_a_watchdog_that_hangs_shows_in_its_health() {
    let mock = timer_watchdog::MockClock::new();
    let (enter, entered) = channel();
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let server = LocalTimerServer::new(move |_: &u32| {
        enter.send(()).unwrap();
        let _ = released.lock().unwrap().recv();
        Ok(true)
    });
    let queue = LocalQueue::with_clock(8, mock.clock());
    let watchdog = Watchdog::builder(server, queue.clone(), ms(10))
        .clock(mock.clock())
        .build();
    watchdog.start().unwrap();
    queue
        .put(TimerRequest::acquire(1, "load", Timestamp::ZERO))
        .unwrap();
    entered.recv_timeout(PATIENCE).unwrap();
    mock.advance(LONG);
    assert_eq!(watchdog.health().since_last_pass, LONG);
    drop(release);
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
        let failures = told
            .iter()
            .filter(|text| text.starts_with("watchdog pass failed"));
        assert_eq!(failures.take(3).count(), 3);
        assert!(watchdog.health().is_running);
        watchdog.stop().unwrap();
    }
}

#[test]
fn a_thread_is_asked_to_end() {
    let reaper = ThreadReaper::new();
    let enrol = reaper.clone();
    let (tell, told) = channel();
    let thread = std::thread::spawn(move || {
        let enrolment = enrol.enrol();
        tell.send(std::thread::current().id()).unwrap();
        while !enrolment.is_cancelled() {
            std::thread::park();
        }
    });
    let id = told.recv().unwrap();
    assert!(reaper.reap(&id).unwrap());
    thread.join().unwrap();
    assert!(
        reaper.reap(&id).unwrap(),
        "a thread that is gone counts as reaped"
    );
}

#[test]
fn fault_19_and_invariant_4_only_the_clock_module_reads_clocks_and_only_workers_start_threads() {
    fn visit(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                let reads = ["Instant::now", "SystemTime", "quanta", "Instant>"]
                    .iter()
                    .any(|word| line.contains(word));
                let starts = ["thread::spawn", "thread::Builder", "thread::sleep"]
                    .iter()
                    .any(|word| line.contains(word));
                if reads && !path.parent().unwrap().ends_with("clock")
                    || starts && !path.ends_with("worker.rs")
                {
                    found.push(format!("{}: {line}", path.display()));
                }
            }
        }
    }
    let mut found = Vec::new();
    visit(
        &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    found.retain(|line| !line.contains("loom::thread::spawn"));
    assert_eq!(found, Vec::<String>::new());
}
