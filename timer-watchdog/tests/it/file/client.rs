//! The client when the pipe is full or the server away.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use timer_watchdog::{ClientError, FileTimerClient, FileTimerServer, Pid, ScopeId, TimerClient, Timestamp, expires_in};

use super::{Desk, FakeProcesses, Folder};
use crate::support::{PATIENCE, ms};

/// `O_NONBLOCK` on Linux.
const NONBLOCK: i32 = 0o4000;

#[test]
fn fault_16_a_full_pipe_refuses_acquires_and_keeps_releases() {
    let fake = FakeProcesses::default();
    let desk = Desk::new(|builder| builder.processes(fake.clone()));
    let client = desk.client();
    let timer = expires_in("held", PATIENCE, &client).unwrap();
    let mut pipe = OpenOptions::new().write(true).custom_flags(NONBLOCK).open(desk.path()).unwrap();
    // Full to the last byte.
    for block in [4096, 1] {
        while pipe.write(&vec![b'\n'; block]).is_ok() {}
    }
    let error = client.acquire(&"more".into(), Timestamp::NEVER).unwrap_err();
    assert!(matches!(error, ClientError::PipeFull { .. }), "{error}");
    drop(timer);
    assert_eq!(client.pending_releases(), 1, "kept, and the caller went on");
    client.release(&"held".into()).unwrap();
    assert_eq!(client.pending_releases(), 1, "once");
    while desk.server.counts().requests < 2 {
        desk.server.run_watchdog().unwrap();
    }
    assert_eq!((desk.server.len(), client.pending_releases()), (0, 0));
}

#[test]
fn an_acquire_takes_the_place_of_a_release_of_the_same_scope_that_waits() {
    let folder = Folder::new();
    let path = folder.file("timer");
    let fake = FakeProcesses::default();
    let client = FileTimerClient::new(&path).retry_for(Duration::ZERO);
    client.release(&"load".into()).unwrap();
    client.release(&"store".into()).unwrap();
    assert_eq!(client.pending_releases(), 2);
    let server = FileTimerServer::builder(&path).processes(fake).build().unwrap();
    client.acquire(&"load".into(), Timestamp::NEVER).unwrap();
    assert!(client.flush(PATIENCE));
    server.run_watchdog().unwrap();
    assert_eq!(server.len(), 1);
}

#[test]
fn fault_48_a_restarted_server_reads_what_waited_and_clients_find_it() {
    let folder = Folder::new();
    let path = folder.file("timer");
    let fake = FakeProcesses::default();
    let server = || FileTimerServer::builder(&path).processes(fake.clone()).build().unwrap();
    let client = FileTimerClient::new(&path).retry_for(Duration::ZERO);

    // A crash leaves the pipe behind: the server is gone, its path is not.
    let crashed = server();
    client.acquire(&"before".into(), Timestamp::NEVER).unwrap();
    let kept = folder.file("kept");
    std::fs::hard_link(&path, &kept).unwrap();
    drop(crashed);
    std::fs::rename(&kept, &path).unwrap();
    assert!(client.acquire(&"meanwhile".into(), Timestamp::NEVER).is_err());
    client.release(&"meanwhile".into()).unwrap();

    let second = server();
    assert!(client.flush(PATIENCE));
    client.acquire(&"after".into(), Timestamp::NEVER).unwrap();
    second.run_watchdog().unwrap();
    assert_eq!((second.len(), second.counts().requests), (2, 3), "what waited in the pipe is not lost");
    second.stop().unwrap();

    // An orderly stop removes the path, and the next server makes another pipe.
    let third = server();
    client.acquire(&"third".into(), Timestamp::NEVER).unwrap();
    third.run_watchdog().unwrap();
    assert_eq!(third.len(), 1);
}

#[test]
fn fault_49_a_client_that_is_first_waits_for_its_server_and_only_once_in_vain() {
    let folder = Folder::new();
    let path = folder.file("timer");
    let waiting = FileTimerClient::new(&path).retry_for(PATIENCE);
    std::thread::scope(|scope| {
        let acquire = scope.spawn(|| waiting.acquire(&"load".into(), Timestamp::NEVER));
        let server = FileTimerServer::builder(&path).processes(FakeProcesses::default()).build().unwrap();
        acquire.join().unwrap().unwrap();
        assert_eq!(server.run_watchdog().unwrap(), 1);
    });
    // Having waited in vain, a client fails at once, so that its program is not slowed down at every scope: with
    // this limit, another wait would not end before the test's own.
    let nowhere = FileTimerClient::new(folder.file("nowhere")).retry_for(ms(20));
    assert!(nowhere.acquire(&"load".into(), Timestamp::NEVER).is_err());
    let nowhere = nowhere.retry_for(PATIENCE * 1000);
    assert!(nowhere.acquire(&"load".into(), Timestamp::NEVER).is_err());
}

#[test]
fn fault_46_a_client_writes_to_nothing_but_a_pipe() {
    let folder = Folder::new();
    let file = folder.file("file");
    std::fs::write(&file, "precious").unwrap();
    std::os::unix::fs::symlink(&file, folder.file("link")).unwrap();
    for name in ["file", "link", "."] {
        let client = FileTimerClient::new(folder.file(name)).retry_for(PATIENCE);
        let error = client.acquire(&"load".into(), Timestamp::NEVER).unwrap_err();
        assert!(matches!(error, ClientError::Unserved { .. }), "{name}: {error}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[test]
fn releases_that_wait_are_delivered_after_the_client_is_dropped() {
    let folder = Folder::new();
    let path = folder.file("timer");
    let client = FileTimerClient::new(&path).retry_for(Duration::ZERO).for_process(Pid(7));
    client.release(&ScopeId::from("load")).unwrap();
    drop(client);
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    // Blocks until the writer is there, and ends when it has closed the pipe.
    let mut text = String::new();
    std::fs::File::open(&path).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "{\"version\":1,\"pid\":7,\"scope_id\":\"load\",\"expiration_time\":-1.0,\"signal\":0}\n");
}
