//! The behaviors of the file timers that upstream's own tests pin: U21 to U37, with real processes and real pipes.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use timer_watchdog::{
    ClientError, Event, ExpiresError, FileTimerClient, NoClient, TimerClient, Timestamp, WorkerEvent, configure,
    expires, expires_in, scoped,
};

use super::{Desk, FakeProcesses, Folder, pid_of};
use crate::process::{child, is_child};
use crate::support::{PATIENCE, ms};

/// Takes this long, without a timer of its own.
fn work(time: Duration) {
    let (_never, nothing) = channel::<()>();
    let _ = nothing.recv_timeout(time);
}

/// Runs `body` in a worker, which finds its server in the environment.
fn as_worker(body: impl FnOnce()) {
    if !is_child() {
        return;
    }
    configure(FileTimerClient::from_env().expect("the environment should name a server"));
    body();
}

fn worker(desk: &Desk, name: &str) -> Command {
    let mut command = child(&format!("file::upstream::{name}"));
    command.env("TORCHELASTIC_TIMER_FILE", desk.path()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn started(
    change: impl FnOnce(timer_watchdog::FileTimerServerBuilder) -> timer_watchdog::FileTimerServerBuilder,
) -> Desk {
    let desk = Desk::new(change);
    desk.server.start().unwrap();
    desk
}

fn killed_by(mut child: Child) -> Option<i32> {
    child.wait().unwrap().signal()
}

#[test]
fn u21_an_error_of_the_body_comes_out() {
    fn body(client: &dyn TimerClient) -> Result<(), Box<dyn std::error::Error>> {
        let _timer = expires_in("test", Duration::from_secs(1), client)?;
        Err("of the body".into())
    }
    let fake = FakeProcesses::default();
    let desk = Desk::new(|builder| builder.processes(fake.clone()));
    assert_eq!(body(&desk.client()).unwrap_err().to_string(), "of the body");
    assert_eq!(desk.server.run_watchdog().unwrap(), 2, "acquired and released");
}

#[test]
fn u22_no_client_is_legal_and_then_expires_fails_on_entry() {
    let _none = scoped(NoClient);
    assert!(matches!(expires(ms(1000)).unwrap_err(), ExpiresError::NotConfigured { .. }));
}

#[test]
fn u23_an_explicit_client_works_without_a_global_one() {
    let fake = FakeProcesses::default();
    let desk = Desk::new(|builder| builder.processes(fake.clone()));
    let client = desk.client();
    let timer = expires_in("test", PATIENCE, &client).unwrap();
    assert_eq!((desk.server.run_watchdog().unwrap(), desk.server.len()), (1, 1));
    drop(timer);
    assert_eq!((desk.server.run_watchdog().unwrap(), desk.server.len()), (1, 0));
}

#[test]
#[ignore = "the worker's part of u24"]
fn u24_worker() {
    as_worker(|| {
        let _timer = expires(PATIENCE).unwrap();
        work(ms(100));
    });
}

#[test]
fn u24_a_process_within_its_time_survives() {
    let desk = started(|builder| builder);
    assert!(worker(&desk, "u24_worker").status().unwrap().success());
    assert_eq!(desk.server.counts().incidents, 0);
}

fn recurse(depth: u32, timeout: Duration, time: Duration) {
    if depth > 0 {
        let _timer = expires(timeout).unwrap();
        recurse(depth - 1, timeout, time);
        work(time);
    }
}

#[test]
#[ignore = "the worker's part of u25"]
fn u25_worker() {
    // The outermost scope lives twice its timeout.
    as_worker(|| recurse(4, ms(2000), ms(1000)));
}

#[test]
#[ignore = "the worker's other part of u25"]
fn u25_worker_stuck() {
    as_worker(|| recurse(2, ms(200), PATIENCE));
}

#[test]
fn u25_a_recursion_shares_one_timer() {
    let desk = started(|builder| builder);
    let stuck = worker(&desk, "u25_worker_stuck").spawn().unwrap();
    assert!(worker(&desk, "u25_worker").status().unwrap().success());
    assert_eq!(killed_by(stuck), Some(9));
}

#[test]
#[ignore = "the worker's part of u26"]
fn u26_worker() {
    fn nest(depth: u32, client: &FileTimerClient) {
        if depth > 0 {
            let _timer = expires_in(format!("level {depth}"), Duration::from_secs(100), client).unwrap();
            nest(depth - 1, client);
        }
    }
    as_worker(|| nest(10, &FileTimerClient::from_env().unwrap()));
}

#[test]
fn u26_ten_processes_with_ten_nested_timers_each_lose_nothing() {
    let desk = Desk::new(|builder| builder);
    let workers: Vec<_> = (0..10).map(|_| worker(&desk, "u26_worker").spawn().unwrap()).collect();
    for mut worker in workers {
        assert!(worker.wait().unwrap().success());
    }
    assert_eq!(desk.server.run_watchdog().unwrap(), 200, "all waited in the pipe");
    let counts = desk.server.counts();
    assert_eq!((counts.requests, counts.bad_lines, counts.timers), (200, 0, 0));
}

#[test]
#[ignore = "the worker's part of u27"]
fn u27_worker() {
    as_worker(|| {
        let client = FileTimerClient::from_env().unwrap();
        client.acquire(&"left behind".into(), client.now().after(PATIENCE)).unwrap();
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
    });
}

#[test]
fn u27_a_worker_that_ends_without_releasing_is_purged_at_once_and_not_killed() {
    let desk = started(|builder| builder);
    let mut worker = worker(&desk, "u27_worker").stdin(Stdio::piped()).spawn().unwrap();
    while desk.server.is_empty() {
        std::thread::yield_now();
    }
    drop(worker.stdin.take());
    let (pid, timers) = desk.event(|event| match event {
        Event::Worker(WorkerEvent::Exited { pid, timers }) => Some((pid, timers)),
        _ => None,
    });
    assert_eq!((pid, timers), (pid_of(&worker), 1));
    assert!(worker.wait().unwrap().success());
    assert_eq!((desk.server.len(), desk.server.counts().incidents), (0, 0));
}

#[test]
fn u28_a_worker_that_counts_as_running_is_killed() {
    let fake = FakeProcesses::default();
    let desk = Desk::new(|builder| builder.processes(fake.clone()).evidence_limit(Duration::ZERO));
    let client = desk.client();
    client.acquire(&"left behind".into(), client.now()).unwrap();
    desk.server.run_watchdog().unwrap();
    assert_eq!(fake.sent().len(), 1);
    assert!(desk.server.is_empty());
}

#[test]
#[ignore = "the worker's part of u29"]
fn u29_worker() {
    as_worker(|| {
        let _timer = expires(ms(100)).unwrap();
        work(PATIENCE);
    });
}

#[test]
fn u29_a_process_over_its_time_is_killed() {
    let desk = started(|builder| builder);
    assert_eq!(killed_by(worker(&desk, "u29_worker").spawn().unwrap()), Some(9));
    let report = desk.ended();
    assert_eq!((report.run_id.as_str(), report.signal), ("test run", 9));
    assert!(report.scopes[0].scope_id.contains("upstream.rs:"), "{report:?}");
}

#[test]
fn u30_without_a_pipe_or_a_server_a_scope_fails_on_entry() {
    let folder = Folder::new();
    let client = FileTimerClient::new(folder.file("timer")).retry_for(ms(5));
    let unserved =
        |error: ExpiresError| matches!(error, ExpiresError::Client { source: ClientError::Unserved { .. }, .. });
    assert!(unserved(expires_in("test", ms(1000), &client).unwrap_err()));
    assert!(Command::new("mkfifo").arg(folder.file("timer")).status().unwrap().success());
    assert!(unserved(expires_in("test", ms(1000), &client).unwrap_err()));
}

#[test]
fn u31_a_server_looks_all_the_time() {
    let desk = started(|builder| builder.max_interval(ms(1)));
    // Upstream counts ten rounds in a tenth of a second; here only that they go on matters.
    while desk.server.health().passes < 10 {
        std::thread::yield_now();
    }
    desk.server.stop().unwrap();
    let passes = desk.server.health().passes;
    assert!(!desk.server.health().is_running);
    assert_eq!(desk.server.health().passes, passes);
}

#[test]
fn u32_a_server_without_clients_stops() {
    let desk = started(|builder| builder.max_interval(PATIENCE));
    desk.server.stop().unwrap();
    assert_eq!(desk.told(), ["watchdog started", "watchdog stopped"]);
}

#[test]
fn u33_one_round_kills_an_expired_worker_once_clears_all_and_tells_what_expired() {
    let fake = FakeProcesses::default();
    let desk = Desk::new(|builder| builder.processes(fake.clone()).evidence_limit(Duration::ZERO));
    let client = desk.client().for_process(timer_watchdog::Pid(-3));
    client.acquire(&"test1".into(), Timestamp::ZERO).unwrap();
    client.acquire(&"test2".into(), Timestamp::NEVER).unwrap();
    desk.server.run_watchdog().unwrap();
    assert!(desk.server.is_empty());
    assert_eq!(fake.sent(), [(timer_watchdog::Pid(-3), 9)]);
    let report = desk.ended();
    let expired: Vec<_> = report.expired().map(|scope| scope.scope_id.as_str()).collect();
    assert_eq!((report.run_id.as_str(), expired, report.scopes.len()), ("test run", vec!["test1"], 2));
}

#[test]
fn u34_releases_empty_the_table_and_unknown_ones_do_no_harm() {
    let fake = FakeProcesses::default();
    let desk = Desk::new(|builder| builder.processes(fake.clone()));
    let client = desk.client();
    client.acquire(&"test1".into(), Timestamp::NEVER).unwrap();
    client.release(&"test1".into()).unwrap();
    client.release(&"test2".into()).unwrap();
    assert_eq!(desk.server.run_watchdog().unwrap(), 3);
    assert!(desk.server.is_empty());
    assert_eq!(fake.sent(), []);
}

#[test]
fn u35_valid_timers_stay_one_for_each_worker_and_scope() {
    let fake = FakeProcesses::default();
    let desk = Desk::new(|builder| builder.processes(fake.clone()));
    for pid in [1, 2] {
        let client = desk.client().for_process(timer_watchdog::Pid(pid));
        client.acquire(&"test1".into(), Timestamp::NEVER).unwrap();
        client.acquire(&"test2".into(), Timestamp::NEVER).unwrap();
    }
    desk.server.run_watchdog().unwrap();
    assert_eq!((desk.server.len(), fake.sent()), (4, vec![]));
}

#[test]
#[ignore = "the worker's part of u36 and u37"]
fn u36_worker_happy() {
    as_worker(|| {
        let _timer = expires(PATIENCE).unwrap();
        work(ms(50));
    });
}

#[test]
fn u36_of_eight_workers_the_stuck_half_is_killed() {
    let desk = started(|builder| builder);
    let part = |rank| if rank % 2 == 0 { "u29_worker" } else { "u36_worker_happy" };
    let workers: Vec<_> = (0..8).map(|rank| worker(&desk, part(rank)).spawn().unwrap()).collect();
    for (rank, mut worker) in workers.into_iter().enumerate() {
        let status = worker.wait().unwrap();
        let expect = if rank % 2 == 0 { (None, Some(9)) } else { (Some(0), None) };
        assert_eq!((status.code(), status.signal()), expect, "rank {rank}");
    }
}

#[test]
fn u37_eight_happy_workers_complete_and_eight_stuck_ones_are_all_told() {
    let desk = started(|builder| builder);
    let happy: Vec<_> = (0..8).map(|_| worker(&desk, "u36_worker_happy").spawn().unwrap()).collect();
    for mut worker in happy {
        assert!(worker.wait().unwrap().success());
    }
    let stuck: Vec<_> = (0..8).map(|_| worker(&desk, "u29_worker").spawn().unwrap()).collect();
    let mut pids: Vec<_> = stuck.iter().map(|worker| pid_of(worker).0).collect();
    for worker in stuck {
        assert_eq!(killed_by(worker), Some(9));
    }
    let mut told: Vec<_> = (0..8).map(|_| desk.ended().pid).collect();
    pids.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, pids);
}
