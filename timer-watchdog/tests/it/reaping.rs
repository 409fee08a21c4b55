//! Reapers that are many, slow or stuck.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use timer_watchdog::{
    BoundedReaper, Event, LocalQueue, LocalTimerServer, ReapError, Reaper, StartError, StopError, ThreadReaper,
    TimerClient, TimerRequest, TimerServer, Timestamp, Watchdog,
};

use crate::support::{Bench, PATIENCE, ms};

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
    assert_eq!((report.registered, report.expired, report.reaped), (30, 10, 10));
    bench.watchdog.run_watchdog().unwrap();
    let mut reaped: Vec<_> = bench.reaped.try_iter().collect();
    reaped.sort_unstable();
    assert_eq!(reaped, (0..10).collect::<Vec<_>>());
    let mut told = Vec::new();
    while told.len() < 10 {
        told.push(bench.event(|event| match event {
            Event::Expired { worker_id, timers, .. } => Some((*worker_id, timers.len())),
            _ => None,
        }));
    }
    told.sort_unstable();
    assert_eq!(told, (0..10).map(|worker| (worker, 3)).collect::<Vec<_>>());
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
    queue.put(TimerRequest::acquire(1, "load", Timestamp::ZERO)).unwrap();
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
    assert!(reaper.reap(&id).unwrap(), "a thread that is gone counts as reaped");
}
