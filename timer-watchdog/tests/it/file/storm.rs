//! A storm of requests from many processes: none is lost, and what is held stays bounded.

use std::process::{Child, Stdio};
use std::time::Duration;

use timer_watchdog::{FileTimerClient, FileTimerRequest, Pid, ScopeId, TimerClient};

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
            most = most.max(desk.server.health().timers);
            std::thread::yield_now();
        }
        assert!(worker.wait().unwrap().success());
    }
    while desk.server.health().requests < requests {
        std::thread::yield_now();
    }
    assert!(most <= 16 * usize::try_from(processes).unwrap(), "{most} timers");
    let health = desk.server.health();
    assert_eq!((health.requests, health.bad_lines, health.over_quota, health.incidents), (requests, 0, 0, 0));
    desk
}

#[test]
fn a_storm_loses_nothing_and_leaves_nothing() {
    let desk = storm(4, 8000);
    assert!(desk.server.is_empty());
}

/// `cargo test --release -p timer-watchdog --all-features --test it -- --ignored --nocapture storm::a_million`
#[test]
#[ignore = "takes a while: a million requests from 16 processes, with numbers"]
fn a_million_requests_from_sixteen_processes() {
    let resident = || -> u64 {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let (before, start) = (resident(), std::time::Instant::now());
    let desk = storm(16, 1_000_000);
    let seconds = start.elapsed().as_secs_f64();
    println!("{:.0} requests/s, {seconds:.1} s in all", 1e6 / seconds);
    println!("resident memory of the server: {before} bytes before, {} after", resident());
    println!("{:?}", desk.server.health());
    println!(
        "one request: {:?} by this client, {:?} as upstream's does (open, write, close)",
        kept_open(&desk),
        reopened(&desk)
    );
    println!("detection, p50 and p99 of {} expiries: {:?}", 200, detection(&desk));
}

/// Requests that one figure is the mean of.
const MEAN_OF: u32 = 20_000;

fn kept_open(desk: &Desk) -> Duration {
    let client = FileTimerClient::new(desk.path());
    let scope = ScopeId::from("step");
    let start = std::time::Instant::now();
    for _ in 0..MEAN_OF {
        client.release(&scope).unwrap();
    }
    start.elapsed() / MEAN_OF
}

fn reopened(desk: &Desk) -> Duration {
    let line = FileTimerRequest::release(Pid::current(), "step").to_line().unwrap();
    let start = std::time::Instant::now();
    for _ in 0..MEAN_OF {
        desk.write(&line);
    }
    start.elapsed() / MEAN_OF
}

/// Lets timers of a process that ends nobody expire, one after the other; returns how late they were told.
fn detection(desk: &Desk) -> (Duration, Duration) {
    let mut worker = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let client = FileTimerClient::new(desk.path()).for_process(Pid(worker.id().cast_signed())).signal(0);
    let mut late: Vec<f64> = (0..200)
        .map(|_| {
            client.acquire(&"stuck".into(), client.now().after(Duration::from_millis(2))).unwrap();
            desk.ended().scopes[0].late_secs
        })
        .collect();
    late.sort_by(f64::total_cmp);
    worker.kill().unwrap();
    worker.wait().unwrap();
    (Duration::from_secs_f64(late[100]), Duration::from_secs_f64(late[198]))
}
