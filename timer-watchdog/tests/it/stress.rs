//! A storm of acquires and releases, with expiries and stops: every timer ends exactly once.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use timer_watchdog::{
    LocalQueue, LocalTimerClient, LocalTimerServer, RequestQueue, TimerClient, Timestamp, Watchdog,
    expires_in,
};

use crate::support::{PATIENCE, ms};

const THREADS: u32 = 4;
const ROUNDS: u32 = 3000;

/// Workers that are to be reaped: every tenth round of each thread, under a number of its own.
fn stuck_workers() -> Vec<u32> {
    let of_thread = |thread| {
        (0..ROUNDS)
            .step_by(10)
            .map(move |round| thread * ROUNDS + round)
    };
    (0..THREADS).flat_map(of_thread).collect()
}

fn storm(queue: &LocalQueue<u32>, thread: u32) {
    for round in 0..ROUNDS {
        let worker = thread * ROUNDS + round;
        let client = LocalTimerClient::new(queue.clone(), worker);
        if round % 10 == 0 {
            // A timer that has expired and is never released. A full queue refuses it: then once more.
            while client.acquire(&"stuck".into(), Timestamp::ZERO).is_err() {
                thread::yield_now();
            }
        } else if let Ok(timer) = expires_in("healthy", Duration::from_secs(3600), &client) {
            drop(timer);
        }
    }
}

#[test]
fn no_timer_is_lost_or_reaped_twice() {
    let queue = LocalQueue::new(256);
    let (report, reaped) = channel();
    let server = LocalTimerServer::new(move |worker: &u32| Ok(report.send(*worker).is_ok()));
    let watchdog = Watchdog::new(server, queue.clone(), ms(20));
    let _handle = watchdog.start().unwrap();
    let mut seen = Vec::new();
    thread::scope(|scope| {
        let storms: Vec<_> = (0..THREADS)
            .map(|thread| {
                let queue = &queue;
                scope.spawn(move || storm(queue, thread))
            })
            .collect();
        while storms.iter().any(|storm| !storm.is_finished()) {
            watchdog.stop().unwrap();
            let _handle = watchdog.start().unwrap();
            thread::yield_now();
        }
    });
    let expect = stuck_workers();
    while seen.len() < expect.len() {
        seen.push(reaped.recv_timeout(PATIENCE).expect("a timer was lost"));
    }
    watchdog.stop().unwrap();
    while queue.size() > 0 {
        watchdog.run_watchdog().unwrap();
    }
    assert_eq!(reaped.try_iter().count(), 0, "reaped twice");
    seen.sort_unstable();
    assert_eq!(seen, expect);
    assert!(watchdog.server().is_empty(), "a release was lost");
}
