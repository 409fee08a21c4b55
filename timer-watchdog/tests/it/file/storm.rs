//! A storm of requests from many processes: none is lost, and what is held stays bounded. (`prof-bench storm` raises a
//! larger one, and prints its figures.)

use std::process::{Child, Stdio};
use std::time::Duration;

use timer_watchdog::{FileTimerClient, ScopeId, TimerClient};

use super::Desk;
use crate::process::{child, is_child};

/// How many requests each process sends; half of them acquires, half releases.
const REQUESTS: &str = "TIMER_WATCHDOG_STORM_REQUESTS";

#[test]
#[ignore = "the worker's part of the storm"]
fn storm_worker() {
    if !is_child() {
        return;
    }
    let client = FileTimerClient::from_env().unwrap().retry_for(Duration::ZERO);
    let requests: u64 = std::env::var(REQUESTS).unwrap().parse().unwrap();
    for n in 0..requests / 2 {
        let scope = ScopeId::from(format!("step {}", n % 16));
        // A full pipe refuses; that is its way of saying "later".
        while client.acquire(&scope, client.now().after(Duration::from_secs(3600))).is_err() {
            std::thread::yield_now();
        }
        client.release(&scope).unwrap();
    }
    assert!(client.flush(crate::support::PATIENCE));
}

fn storm(processes: u64, requests: u64) -> Desk {
    let desk = Desk::new(|builder| builder);
    desk.server.start().unwrap();
    let spawn = |_| -> Child {
        let mut worker = child("file::storm::storm_worker");
        worker.env("TIMER_WATCHDOG_FILE", desk.path()).env(REQUESTS, (requests / processes).to_string());
        worker.stdout(Stdio::null()).spawn().unwrap()
    };
    let workers: Vec<Child> = (0..processes).map(spawn).collect();
    let mut most = 0;
    for mut worker in workers {
        while worker.try_wait().unwrap().is_none() {
            most = most.max(desk.server.counts().timers);
            std::thread::yield_now();
        }
        assert!(worker.wait().unwrap().success());
    }
    while desk.server.counts().requests < requests {
        std::thread::yield_now();
    }
    assert!(most <= 16 * usize::try_from(processes).unwrap(), "{most} timers");
    let counts = desk.server.counts();
    assert_eq!((counts.requests, counts.bad_lines, counts.over_quota, counts.incidents), (requests, 0, 0, 0));
    desk
}

#[test]
fn a_storm_loses_nothing_and_leaves_nothing() {
    let desk = storm(4, 8000);
    assert!(desk.server.is_empty());
}
