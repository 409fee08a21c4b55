//! A storm of acquires and releases, with expiries and stops: every timer ends exactly once.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use timer_watchdog::Event;
use timer_watchdog::hang::{Activity, Domain, HangConfig, Scope, watch, watch_in};
use timer_watchdog::{
    LocalQueue, LocalTimerClient, LocalTimerServer, RequestQueue, TimerClient, Timestamp, Watchdog, expires_in,
};

use crate::support::{PATIENCE, ms};

const THREADS: u32 = 4;
const ROUNDS: u32 = 3000;

/// Workers that are to be reaped: every tenth round of each thread, under a number of its own.
fn stuck_workers() -> Vec<u32> {
    let of_thread = |thread| (0..ROUNDS).step_by(10).map(move |round| thread * ROUNDS + round);
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

/// Stalled scopes of each thread in the storm of guards.
const STALLS: usize = 20;

fn storm_of_guards(domain: Domain, told: &Mutex<Receiver<()>>) {
    let _here = domain.enter();
    for _ in 0..STALLS {
        for _ in 0..500 {
            let outer = watch(Duration::from_secs(3600));
            let inner = watch(Duration::from_secs(3600));
            inner.pet();
            drop(outer);
            drop(inner);
        }
        let stuck = watch_in(&STUCK, ms(1));
        told.lock().unwrap().recv_timeout(PATIENCE).expect("the stall should be told");
        drop(stuck);
    }
}

static STUCK: Scope = Scope::new("stuck");

#[test]
fn each_stalled_scope_is_told_once_and_healthy_ones_never() {
    let domain = Domain::new(timer_watchdog::Clock::monotonic());
    let names: Vec<String> = (0..THREADS).map(|n| format!("storm {n}")).collect();
    let (senders, receivers): (HashMap<_, _>, HashMap<_, _>) = names
        .iter()
        .map(|name| {
            let (tell, told) = channel::<()>();
            ((name.clone(), tell), (name.clone(), Mutex::new(told)))
        })
        .unzip();
    let (tell, all) = channel();
    let config = HangConfig::new().soft_fraction(f64::NAN).max_interval(ms(1));
    let watcher = config.on_event(move |event| {
        if let Event::Stalled(stall) = &event
            && let Activity::InScope { thread } = &stall.activity
        {
            senders[thread.name.as_ref().unwrap()].send(()).unwrap();
        }
        tell.send(event).unwrap();
    });
    let watcher = watcher.start_in(&domain).unwrap();
    thread::scope(|scope| {
        for name in &names {
            let told = &receivers[name];
            let storm = move || storm_of_guards(domain, told);
            thread::Builder::new().name(name.clone()).spawn_scoped(scope, storm).unwrap();
        }
    });
    // The last scopes end: all episodes are closed once a look has found nothing.
    let passes = watcher.health().passes;
    while watcher.health().passes < passes + 2 {
        thread::yield_now();
    }
    drop(watcher);
    let mut counts = (0, 0);
    for event in &all {
        match event {
            Event::Stalled(stall) => {
                assert_eq!(stall.scope, Some("stuck"));
                counts.0 += 1;
            }
            Event::Recovered(recovery) => {
                assert!(recovery.has_ended);
                counts.1 += 1;
            }
            _ => {}
        }
    }
    let expect = STALLS * THREADS as usize;
    assert_eq!(counts, (expect, expect), "told once, ended once");
    assert_eq!(domain.guard_stats().leaked, 0);
}
