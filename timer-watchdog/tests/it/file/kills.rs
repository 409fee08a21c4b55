//! Kills of real processes.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use timer_watchdog::{
    Event, FileTimerServerBuilder, KillOutcome, KillPolicy, KillTarget, LinuxProcesses, Pid, Processes, RefusedWorker,
    Standing, TimerClient, WorkerEvent,
};

use super::{Desk, pid_of};
use crate::support::{PATIENCE, ms};

/// A shell that has said that it is ready.
fn shell(script: &str) -> (Child, String) {
    spawn(Command::new("sh").args(["-c", script]))
}

fn spawn(command: &mut Command) -> (Child, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    // `Child::wait` would close its input, and with that end a shell that reads.
    std::mem::forget(child.stdin.take());
    (child, line.trim().to_owned())
}

/// Ignores SIGTERM and waits for input, in this very process.
const STUBBORN: &str = "trap '' TERM; echo ready; while :; do read line; done";

fn started(change: impl FnOnce(FileTimerServerBuilder) -> FileTimerServerBuilder) -> Desk {
    let desk = Desk::new(change);
    desk.server.start().unwrap();
    desk
}

/// Lets a timer of this process expire.
fn expire(desk: &Desk, pid: Pid, signal: i32) {
    let client = desk.client().for_process(pid).signal(signal);
    client.acquire(&"stuck".into(), client.now()).unwrap();
}

#[test]
fn fault_30_processes_that_must_not_be_workers_are_refused() {
    let processes = LinuxProcesses::new(&KillPolicy::new());
    for number in [0, 1, -1, i32::MIN] {
        assert!(matches!(processes.find(Pid(number)), Err(RefusedWorker::Number)), "{number}");
    }
    assert!(matches!(processes.find(Pid::current()), Err(RefusedWorker::OwnProcess)));
    assert!(matches!(processes.find(Pid(i32::MAX)), Err(RefusedWorker::Gone)));
    let own = LinuxProcesses::new(&KillPolicy::new().own_process_too());
    assert!(matches!(own.find(Pid::current()).unwrap().standing(), Standing::Alive { .. }));

    let desk = started(|builder| builder);
    for number in [0, 1, -1, Pid::current().0] {
        expire(&desk, Pid(number), 9);
    }
    for _ in 0..4 {
        desk.event(|event| matches!(event, Event::Worker(WorkerEvent::Refused { .. })).then_some(()));
    }
    assert_eq!((desk.server.len(), desk.server.counts().incidents), (0, 0));
}

#[test]
fn fault_40_the_process_that_the_server_runs_for_is_refused_unless_admitted() {
    let parent = Pid(std::os::unix::process::parent_id().cast_signed());
    let find = |policy: KillPolicy| LinuxProcesses::new(&policy).find(parent);
    assert!(matches!(find(KillPolicy::new()), Err(RefusedWorker::Ancestor)));
    assert!(find(KillPolicy::new().ancestors_too()).is_ok());
}

#[test]
fn fault_52_workers_of_other_users_or_from_elsewhere_are_refused() {
    let (mut child, _) = shell("echo ready; read line");
    let inside = LinuxProcesses::new(&KillPolicy::new().within(Pid::current()));
    assert!(inside.find(pid_of(&child)).is_ok());
    let outside = LinuxProcesses::new(&KillPolicy::new().within(pid_of(&child)).own_process_too());
    assert!(matches!(outside.find(Pid::current()), Err(RefusedWorker::NotWithin { .. })));
    child.kill().unwrap();
    child.wait().unwrap();

    let mut command = Command::new("sh");
    command.args(["-c", "echo ready; read line"]).uid(65534);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    // Only the superuser can start a process of another user; for others, the first process is one.
    let spawned = command.spawn();
    let pid = spawned.as_ref().map_or(Pid(2), pid_of);
    let found = LinuxProcesses::new(&KillPolicy::new()).find(pid);
    if let Ok(mut child) = spawned {
        assert!(matches!(found, Err(RefusedWorker::OtherUser { uid: 65534 })), "{found:?}");
        assert!(LinuxProcesses::new(&KillPolicy::new().other_users_too()).find(pid).is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
    } else {
        assert!(found.is_err());
    }
}

#[test]
fn fault_29_41_a_number_that_is_nobodys_any_more_is_never_signalled() {
    let (mut child, _) = shell("echo ready; read line");
    let worker = LinuxProcesses::new(&KillPolicy::new()).find(pid_of(&child)).unwrap();
    assert!(matches!(worker.standing(), Standing::Alive { .. }));
    child.kill().unwrap();
    // Somebody else asks for its status, as another thread may; then its number is free.
    child.wait().unwrap();
    assert_eq!(worker.standing(), Standing::Gone);
    for target in [KillTarget::Process, KillTarget::Group, KillTarget::Cgroup] {
        assert_eq!(worker.send(9, target).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    }
}

#[test]
fn fault_34_a_worker_that_ignores_sigterm_is_killed_after_its_grace() {
    let desk = started(|builder| builder.policy(KillPolicy::new().grace(ms(50))));
    let (mut child, _) = shell(STUBBORN);
    expire(&desk, pid_of(&child), 15);
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    let report = desk.ended();
    assert_eq!((report.signal, report.outcome), (15, Some(KillOutcome::Exited)));
}

#[test]
fn fault_34_a_stopped_worker_takes_sigterm() {
    let desk = started(|builder| builder.policy(KillPolicy::new().grace(PATIENCE)));
    let (mut child, _) = shell("echo ready; read line");
    let pid = pid_of(&child);
    let worker = LinuxProcesses::new(&KillPolicy::new()).find(pid).unwrap();
    worker.send(19, KillTarget::Process).unwrap();
    while !matches!(worker.standing(), Standing::Alive { state: 'T', .. }) {
        std::thread::yield_now();
    }
    expire(&desk, pid, 15);
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}

#[test]
fn fault_32_a_zombie_is_dead_and_told_as_one() {
    let desk = started(|builder| builder);
    // The shell does not wait for its child.
    let (mut parent, line) = shell("sleep 600 & echo $!; kill -STOP $$");
    let pid = Pid(line.parse().unwrap());
    let zombie = LinuxProcesses::new(&KillPolicy::new()).find(pid).unwrap();
    let stopped = LinuxProcesses::new(&KillPolicy::new()).find(pid_of(&parent)).unwrap();
    while !matches!(stopped.standing(), Standing::Alive { state: 'T', .. }) {
        std::thread::yield_now();
    }
    expire(&desk, pid, 9);
    assert_eq!(desk.ended().outcome, Some(KillOutcome::Zombie { parent: pid_of(&parent).0 }));
    assert_eq!(zombie.standing(), Standing::Zombie { parent: pid_of(&parent) });
    assert!(desk.server.is_empty());
    expire(&desk, pid, 9);
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert_eq!(desk.server.counts().incidents, 1, "it is not a worker anymore");
}

#[test]
fn fault_35_a_group_goes_as_a_whole_but_never_the_servers_own() {
    let desk = started(|builder| builder.policy(KillPolicy::new().target(KillTarget::Group).grace(ms(50))));
    let (mut child, line) = spawn(Command::new("sh").args(["-c", "sleep 600 & echo $!; wait"]).process_group(0));
    let grandchild = LinuxProcesses::new(&KillPolicy::new()).find(Pid(line.parse().unwrap())).unwrap();
    expire(&desk, pid_of(&child), 9);
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    while matches!(grandchild.standing(), Standing::Alive { .. }) {
        std::thread::yield_now();
    }
    desk.ended();

    let (mut child, _) = shell("echo ready; read line");
    expire(&desk, pid_of(&child), 9);
    let denied = KillOutcome::Denied { reason: "the server is in the same process group".into() };
    assert_eq!(desk.ended().outcome, Some(denied));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Returns a new control group, where this user may make one.
fn new_cgroup(name: &str) -> Option<std::path::PathBuf> {
    let mounts = std::fs::read_to_string("/proc/mounts").ok()?;
    let root = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"))?.split(' ').nth(1)?.to_owned();
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
    let folder = std::path::Path::new(&root).join(own).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir(&folder).ok()?;
    Some(folder)
}

#[test]
fn fault_35_a_control_group_reaches_those_that_left_the_session() {
    let desk = started(|builder| builder.policy(KillPolicy::new().target(KillTarget::Cgroup).grace(ms(50))));
    let (mut child, line) = shell("setsid sh -c 'echo $$; exec sleep 600' & wait");
    let Some(folder) = new_cgroup("timer-watchdog-test") else {
        // The server shares the worker's control group, which is refused.
        expire(&desk, pid_of(&child), 9);
        assert!(matches!(desk.ended().outcome, Some(KillOutcome::Denied { .. })));
        child.kill().unwrap();
        child.wait().unwrap();
        return;
    };
    let grandchild = Pid(line.parse().unwrap());
    let left = LinuxProcesses::new(&KillPolicy::new()).find(grandchild).unwrap();
    for pid in [pid_of(&child), grandchild] {
        std::fs::write(folder.join("cgroup.procs"), pid.to_string()).unwrap();
    }
    expire(&desk, pid_of(&child), 9);
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    assert_eq!(desk.ended().outcome, Some(KillOutcome::Exited));
    while matches!(left.standing(), Standing::Alive { .. }) {
        std::thread::yield_now();
    }
    while std::fs::remove_dir(&folder).is_err() {
        std::thread::yield_now();
    }
}

#[test]
fn fault_36_a_worker_that_goes_on_before_the_next_signal_is_spared() {
    let desk = started(|builder| builder.policy(KillPolicy::new().grace(ms(300))));
    let (mut child, _) = shell(STUBBORN);
    let client = desk.client().for_process(pid_of(&child)).signal(15);
    client.acquire(&"stuck".into(), client.now()).unwrap();
    desk.event(|event| matches!(event, Event::Worker(WorkerEvent::Expired { .. })).then_some(()));
    client.release(&"stuck".into()).unwrap();
    desk.event(|event| matches!(event, Event::Worker(WorkerEvent::Recovered { .. })).then_some(()));
    assert!(child.try_wait().unwrap().is_none());
    assert!(desk.server.is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_first_timer_with_a_signal_decides_and_without_one_nobody_is_killed() {
    let desk = Desk::new(|builder| builder);
    let (mut child, _) = shell("echo ready; read line");
    let ask = |scope: &str, signal: i32, late: u64| {
        let client = desk.client().for_process(pid_of(&child)).signal(signal);
        client.acquire(&scope.to_owned().into(), client.now().before(Duration::from_secs(late))).unwrap();
    };
    ask("first", 0, 3);
    ask("second", -5, 2);
    desk.server.start().unwrap();
    let spared = desk.ended();
    assert_eq!((spared.signal, spared.outcome.clone(), desk.server.len()), (0, None, 0));
    assert!(spared.to_string().contains("is stuck in"), "{spared}");

    desk.server.stop().unwrap();
    let desk = Desk::new(|builder| builder.run_id("second run"));
    for (scope, signal) in [("none", 0), ("gentle", 15), ("hard", 9)] {
        let client = desk.client().for_process(pid_of(&child)).signal(signal);
        client.acquire(&scope.into(), client.now()).unwrap();
    }
    desk.server.start().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert_eq!(desk.ended().scopes.len(), 3);
}

#[test]
fn observing_tells_and_kills_nobody() {
    let desk = started(|builder| builder.policy(KillPolicy::new().observe()));
    let (mut child, _) = shell("echo ready; read line");
    expire(&desk, pid_of(&child), 9);
    let report = desk.ended();
    assert!(report.is_observed_only);
    assert_eq!(report.outcome, None);
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_a_worker_was_doing_is_in_the_event_and_in_a_dump() {
    let folder = super::Folder::new();
    let desk = started(|builder| builder.dump_dir(folder.file(".")));
    let (mut child, _) = shell("echo ready; read line");
    expire(&desk, pid_of(&child), 9);
    child.wait().unwrap();
    let report = desk.ended();
    let evidence = report.evidence.clone().unwrap();
    assert_eq!(evidence.command, "sh -c echo ready; read line");
    assert_eq!(evidence.threads.len(), 1);
    assert!(desk.server.flush(PATIENCE));
    let dump = std::fs::read_to_string(report.dump_path.clone().unwrap()).unwrap();
    for part in ["\"run_id\":\"test run\"", "\"scope_id\":\"stuck\"", "\"command\":\"sh -c echo ready; read line\""] {
        assert!(dump.contains(part), "{part} in {dump}");
    }
    assert_eq!(desk.server.recent_incidents(), [report]);
}

#[test]
fn fault_54_a_dump_that_cannot_be_written_delays_no_kill() {
    let folder = super::Folder::new();
    let desk = started(|builder| builder.dump_dir(folder.file("no such folder")));
    let (mut child, _) = shell("echo ready; read line");
    expire(&desk, pid_of(&child), 9);
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    desk.event(|event| matches!(event, Event::Worker(WorkerEvent::DumpFailed { .. })).then_some(()));
    // Kept in memory.
    while desk.server.recent_incidents().is_empty() {
        std::thread::yield_now();
    }
}

/// Processes whose finding goes wrong: by a panic, or because there are no descriptors left.
struct Failing(std::sync::atomic::AtomicBool);

impl Processes for Failing {
    fn find(&self, _pid: Pid) -> Result<std::sync::Arc<dyn timer_watchdog::WorkerProcess>, RefusedWorker> {
        // "Too many open files" on Linux.
        let exhausted = std::io::Error::from_raw_os_error(24);
        let panics = self.0.swap(false, std::sync::atomic::Ordering::Relaxed);
        assert!(!panics, "test panic");
        Err(RefusedWorker::Os(exhausted))
    }
}

#[test]
fn fault_38_53_panics_and_exhausted_descriptors_are_told_and_the_server_goes_on() {
    let desk = started(|builder| builder.processes(Failing(true.into())).max_interval(ms(1)));
    expire(&desk, Pid(7), 9);
    desk.event(|event| matches!(event, Event::PassFailed { .. }).then_some(()));
    expire(&desk, Pid(7), 9);
    let cause = desk.event(|event| match event {
        Event::Worker(WorkerEvent::Refused { cause, .. }) => Some(cause.to_string()),
        _ => None,
    });
    assert!(cause.starts_with("it cannot be identified: Too many open files"), "{cause}");
}

/// A process whose evidence never comes, as where the kernel is stuck in the process's memory.
#[derive(Debug, Clone)]
struct Opaque(super::FakeProcesses);

impl Processes for Opaque {
    fn find(&self, pid: Pid) -> Result<std::sync::Arc<dyn timer_watchdog::WorkerProcess>, RefusedWorker> {
        Ok(std::sync::Arc::new(OpaqueProcess(self.0.find(pid)?)))
    }
}

#[derive(Debug)]
struct OpaqueProcess(std::sync::Arc<dyn timer_watchdog::WorkerProcess>);

impl timer_watchdog::WorkerProcess for OpaqueProcess {
    fn standing(&self) -> Standing {
        self.0.standing()
    }

    fn send(&self, signal: i32, target: KillTarget) -> std::io::Result<()> {
        self.0.send(signal, target)
    }

    fn evidence(&self) -> timer_watchdog::Evidence {
        loop {
            std::thread::park();
        }
    }
}

#[test]
fn fault_54_58_evidence_that_never_comes_delays_no_kill_for_long_and_takes_few_threads() {
    let fake = super::FakeProcesses::default();
    let desk = started(|builder| builder.processes(Opaque(fake.clone())).evidence_limit(ms(20)));
    for pid in 100..140 {
        expire(&desk, Pid(pid), 9);
    }
    for _ in 100..140 {
        assert_eq!(desk.ended().evidence, None);
    }
    assert_eq!(fake.sent().len(), 40, "one kill each");
    assert!(!desk.server.flush(ms(1)), "sixteen are still at it");
}
