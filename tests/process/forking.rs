//! A fork in the middle: the child's calls are neither held up nor exported, and are counted as lost; the parent goes
//! on, and nothing is written twice.
#![allow(missing_docs, unsafe_code)]

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use prof_runtime::export::{ExportError, Exporter};
use prof_runtime::{ProfBuilder, ProfGuard, Snapshot, prof};

#[cfg(unix)]
unsafe extern "C" {
    safe fn fork() -> i32;
    safe fn _exit(code: i32) -> !;
    unsafe fn waitpid(process: i32, status: *mut i32, options: i32) -> i32;
}

#[prof(name = "work")]
fn work() {}

/// An exporter of the program's own: it appends the number of calls since the snapshot before.
struct Calls(fs::File, u64);

impl Exporter for Calls {
    fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
        let calls = snapshot.function("work").map_or(0, prof_runtime::FunctionStats::calls);
        writeln!(self.0, "{}", calls - self.1).unwrap();
        self.1 = calls;
        Ok(())
    }
}

/// More than a queue has room for.
const CALLS: u64 = 100_000;

/// Everything that has a thread.
fn start(dir: &Path, daemon: &UdpSocket, collector: &TcpListener) -> ProfGuard {
    ProfBuilder::new()
        .json(dir.join("points"))
        .snapshots(dir.join("snapshots"))
        .statsd(daemon.local_addr().unwrap().to_string())
        .otlp(format!("http://{}", collector.local_addr().unwrap()))
        .prometheus("127.0.0.1:0")
        .exporter("calls", Calls(fs::File::create(dir.join("calls")).unwrap(), 0))
        .start()
        .unwrap()
}

/// What the child does; 0 if all is well.
fn child(prof: ProfGuard, targets: &[String; 5]) -> i32 {
    for _ in 0..CALLS {
        work();
    }
    if prof.flush().is_ok() {
        return 1;
    }
    let losses = prof.losses().clone();
    drop(prof);
    // Every call was refused.
    match targets.each_ref().map(|target| losses.get(target)) {
        [CALLS, CALLS, 1, 1, 1] => 0,
        lost => {
            eprintln!("lost: {lost:?}");
            2
        }
    }
}

/// A thread that holds a lock of the system's at the moment of a fork holds it for ever in the child. That is nothing
/// which a program with threads could rule out; this test does.
#[cfg(unix)]
fn wait_until_the_others_wait() {
    let is_running = |task: &fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('R'))
    };
    // Where there is no such directory, no thread is known to run.
    let tasks = || fs::read_dir("/proc/self/task").into_iter().flatten().filter_map(Result::ok);
    while tasks().filter(is_running).count() > 1 {
        std::thread::yield_now();
    }
}

/// This test is a program of its own, without a harness, since it is about a process as a whole.
#[cfg(unix)]
fn main() {
    let dir = std::env::temp_dir().join(format!("prof-forking-{}", std::process::id()));
    fs::create_dir(&dir).unwrap();
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Gone before anything is pushed to it.
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let prof = start(&dir, &daemon, &collector);
    let targets = [
        format!("json:{} queue", dir.join("points").display()),
        format!("statsd:{} queue", daemon.local_addr().unwrap()),
        format!("snapshots:{}", dir.join("snapshots").display()),
        format!("otlp:http://{}", collector.local_addr().unwrap()),
        "calls".to_owned(),
    ];
    drop(collector);
    (0..3).for_each(|_| work());
    // What is queued at the fork is queued in both, and lost to one. The collector that is not there fails the flush.
    assert!(prof.flush().is_err());
    wait_until_the_others_wait();

    let process = fork();
    if process == 0 {
        // Nothing of the parent's may be written by its end.
        _exit(child(prof, &targets));
    }
    assert!(process > 0);
    let mut status = 0;
    // SAFETY: `status` is an integer that lives until the call returns.
    let waited = unsafe { waitpid(process, &raw mut status, 0) };
    assert_eq!((waited, status), (process, 0), "the child has ended, and well");

    (0..2).for_each(|_| work());
    drop(prof);
    let points = fs::read_to_string(dir.join("points")).unwrap();
    assert_eq!(points.matches("\"name\":\"work.success\",\"count\":1}\n").count(), 5, "{points}");
    let snapshots = fs::read_to_string(dir.join("snapshots")).unwrap();
    let snapshots = snapshots.lines().map(|line| serde_json::from_str::<Snapshot>(line).unwrap());
    assert_eq!(snapshots.filter_map(|snapshot| Some(snapshot.function("work")?.calls())).sum::<u64>(), 5);
    let calls = fs::read_to_string(dir.join("calls")).unwrap();
    assert_eq!(calls.lines().map(|calls| calls.parse::<u64>().unwrap()).sum::<u64>(), 5, "{calls}");
    fs::remove_dir_all(dir).unwrap();
    println!("test a_child_exports_nothing_and_takes_nothing_from_its_parent ... ok");
}

#[cfg(not(unix))]
fn main() {
    println!("test a_child_exports_nothing_and_takes_nothing_from_its_parent ... ignored, there is no fork");
}
