//! The pipe: bad input, bad neighbours, a bad path.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::time::Duration;

use timer_watchdog::{Event, FileTimerRequest, FileTimerServer, Pid, PipeError, TimerClient, Timestamp, WorkerEvent};

use super::{Desk, FakeProcesses, Folder};
use crate::process::{child, is_child};
use crate::support::PATIENCE;

fn fake_desk() -> (Desk, FakeProcesses) {
    let fake = FakeProcesses::default();
    let desk = Desk::new(|builder| builder.processes(fake.clone()).evidence_limit(Duration::ZERO));
    (desk, fake)
}

fn line(pid: i32, scope: &str, expiration_time: f64) -> Vec<u8> {
    FileTimerRequest::acquire(Pid(pid), scope.to_owned(), expiration_time, 9).to_line().unwrap()
}

#[test]
fn fault_42_half_a_line_and_then_silence_holds_up_nobody() {
    let (desk, fake) = fake_desk();
    desk.server.start().unwrap();
    desk.write(b"{\"version\": 1, \"pid\": 5, \"scope_id\": \"ha");
    // The half line stays; another writer's line, which runs into it, is carried out all the same.
    desk.write(line(7, "load", 0.0));
    assert_eq!(desk.ended().pid, 7);
    assert_eq!(fake.sent(), [(Pid(7), 9)]);
    assert_eq!(desk.server.counts().bad_lines, 1);
    // A half line that nothing follows is given up after its time.
    desk.write(b"{\"version\": 1, \"pi");
    desk.event(|event| matches!(event, Event::Worker(WorkerEvent::BadLine { total: 2, .. })).then_some(()));
    // As is, carried out, a whole one that lacks only its newline.
    let whole = line(8, "load", 0.0);
    desk.write(&whole[..whole.len() - 1]);
    assert_eq!(desk.ended().pid, 8);
}

#[test]
fn fault_44_bad_lines_are_counted_told_rarely_and_cost_nobody_else() {
    let (desk, _) = fake_desk();
    let mut bytes = Vec::new();
    for n in 0..100 {
        bytes.extend(b"\xff\0garbage\n");
        bytes.extend(line(7, &n.to_string(), 1e300));
    }
    desk.write(bytes);
    assert_eq!(desk.server.run_watchdog().unwrap(), 100);
    let counts = desk.server.counts();
    assert_eq!((counts.bad_lines, counts.timers), (100, 100));
    assert_eq!(desk.told().len(), 8 + 3, "the first eight, 16, 32 and 64");
}

#[test]
fn fault_46_whatever_else_is_on_the_path_is_left_alone() {
    let folder = Folder::new();
    let path = folder.file("timer");
    let taken = |path: &std::path::Path| match FileTimerServer::new(path).unwrap_err() {
        PipeError::NotAPipe { kind, .. } => kind,
        error => panic!("{error}"),
    };
    std::fs::write(&path, "precious").unwrap();
    assert_eq!(taken(&path), "a file");
    std::os::unix::fs::symlink(&path, folder.file("link")).unwrap();
    assert_eq!(taken(&folder.file("link")), "a symbolic link");
    std::fs::create_dir(folder.file("folder")).unwrap();
    assert_eq!(taken(&folder.file("folder")), "a folder");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    let error = FileTimerServer::new(folder.file("no/such/folder")).unwrap_err();
    assert!(error.to_string().starts_with("cannot create"), "{error}");
}

#[test]
fn fault_46_a_pipe_that_vanishes_is_made_again_and_the_old_one_is_still_read() {
    let (desk, _) = fake_desk();
    let old = desk.client();
    old.acquire(&"old".into(), Timestamp::NEVER).unwrap();
    std::fs::remove_file(desk.path()).unwrap();
    desk.server.run_watchdog().unwrap();
    assert_eq!(desk.told(), ["pipe restored"]);
    desk.client().acquire(&"new".into(), Timestamp::NEVER).unwrap();
    old.acquire(&"old, too".into(), Timestamp::NEVER).unwrap();
    desk.server.run_watchdog().unwrap();
    assert_eq!(desk.server.len(), 3);
}

#[test]
fn fault_46_a_path_that_is_taken_over_is_told_once_and_never_removed() {
    let (desk, _) = fake_desk();
    let client = desk.client();
    client.acquire(&"before".into(), Timestamp::NEVER).unwrap();
    std::fs::remove_file(desk.path()).unwrap();
    std::fs::write(desk.path(), "precious").unwrap();
    for _ in 0..3 {
        desk.server.run_watchdog().unwrap();
    }
    assert_eq!(desk.told(), ["pipe lost"]);
    client.acquire(&"after".into(), Timestamp::NEVER).unwrap();
    desk.server.run_watchdog().unwrap();
    assert_eq!(desk.server.len(), 2);
    desk.server.stop().unwrap();
    assert_eq!(std::fs::read_to_string(desk.path()).unwrap(), "precious");
}

#[test]
fn fault_47_a_second_server_fails_and_says_who_holds_the_path() {
    let (desk, _) = fake_desk();
    let error = FileTimerServer::new(desk.path()).unwrap_err();
    let expect = format!("{:?} is served already, by process {}", desk.path(), std::process::id());
    assert_eq!(error.to_string(), expect);
    desk.client().acquire(&"load".into(), Timestamp::NEVER).unwrap();
    assert_eq!(desk.server.run_watchdog().unwrap(), 1, "the first one is not disturbed");
}

#[test]
#[ignore = "the server's part of fault_47"]
fn fault_47_server_that_crashes() {
    if is_child() {
        let _server = FileTimerServer::new(std::env::var_os("TIMER_WATCHDOG_FILE").unwrap()).unwrap();
        std::process::abort();
    }
}

#[test]
fn fault_47_what_a_crashed_server_left_behind_is_taken_over() {
    let folder = Folder::new();
    let path = folder.file("timer");
    let mut server = child("file::channel::fault_47_server_that_crashes");
    assert!(!server.env("TIMER_WATCHDOG_FILE", &path).output().unwrap().status.success());
    assert!(std::fs::metadata(&path).unwrap().file_type().is_fifo());
    let server = FileTimerServer::new(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(server);
    assert!(!path.exists(), "it is its own, and goes with it");
}

#[test]
fn the_pipe_is_the_owners_alone() {
    let folder = Folder::new();
    let path = folder.file("timer");
    assert!(std::process::Command::new("mkfifo").args(["-m", "666"]).arg(&path).status().unwrap().success());
    let _server = FileTimerServer::new(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn fault_50_a_client_that_asks_for_too_much_is_bounded_and_others_are_served() {
    let fake = FakeProcesses::default();
    let desk = Desk::new(|builder| builder.processes(fake.clone()).quota(10).evidence_limit(Duration::ZERO));
    let mut bytes = Vec::new();
    for n in 0..1000 {
        bytes.extend(line(7, &n.to_string(), 1e300));
    }
    bytes.extend(line(7, "3", 1e300));
    bytes.extend(line(8, "load", 0.0));
    desk.write(bytes);
    desk.server.run_watchdog().unwrap();
    let counts = desk.server.counts();
    assert_eq!((counts.timers, counts.over_quota), (10, 990), "what it holds already it may renew");
    assert_eq!(fake.sent(), [(Pid(8), 9)]);
}

#[test]
fn fault_50_a_flood_does_not_hold_up_an_expiry() {
    let (desk, fake) = fake_desk();
    desk.server.start().unwrap();
    let path = desk.path().to_owned();
    let flood = std::thread::spawn(move || {
        use std::io::Write as _;
        let mut pipe = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let block: Vec<u8> = (0..40).flat_map(|n| line(5, &n.to_string(), 1e300)).collect();
        // Ends when the server, its only reader, is gone.
        while pipe.write_all(&block).is_ok() {}
    });
    while desk.server.counts().requests < 1000 {
        std::thread::yield_now();
    }
    desk.write(line(7, "load", 0.0));
    assert_eq!(desk.ended().pid, 7);
    assert_eq!(fake.sent(), [(Pid(7), 9)]);
    desk.server.stop().unwrap();
    flood.join().unwrap();
}

#[test]
fn fault_57_start_and_stop_in_any_order_and_again() {
    let (desk, _) = fake_desk();
    desk.server.stop().unwrap();
    assert!(!desk.path().exists());
    for _ in 0..2 {
        desk.server.start().unwrap();
        desk.server.start().unwrap();
        assert!(desk.path().exists());
        desk.client().acquire(&"load".into(), Timestamp::NEVER).unwrap();
        while desk.server.is_empty() {
            std::thread::yield_now();
        }
        desk.server.stop().unwrap();
        desk.server.stop().unwrap();
        assert!(desk.client().acquire(&"load".into(), Timestamp::NEVER).is_err(), "stopped, and clients notice");
    }
    std::fs::write(desk.path(), "").unwrap();
    let error = desk.server.start().unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().ends_with("is a file, not a named pipe"));
}

#[test]
fn progress_is_told_without_any_client() {
    let desk = Desk::new(|builder| builder.max_interval(Duration::from_millis(1)));
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let close = |time: Duration| now().abs_diff(time) < PATIENCE;
    assert!(close(desk.server.last_progress_time()));
    desk.server.start().unwrap();
    let passes = desk.server.health().passes;
    while desk.server.health().passes == passes {
        std::thread::yield_now();
    }
    assert!(close(desk.server.last_progress_time()));
}
