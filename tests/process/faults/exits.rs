//! Ends that drop no guard. Whatever was counted until then has to be in the report, the files and the datagrams, and
//! in the last push.

use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, Sender, channel};

use prof_runtime::Snapshot;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::files::{count, lines};
use crate::otlp::calls;
use crate::peers::{Answer, Peer, ok};
use crate::program::{Ended, LONG, Program, Setup, service};
use crate::statsd::received;

/// All that a program can write to.
pub(crate) struct Everything {
    dir: TempDir,
    daemon: UdpSocket,
    collector: Peer,
}

impl Everything {
    pub(crate) fn new() -> Self {
        Self::pushed_to(Peer::always(ok()))
    }

    fn pushed_to(collector: Peer) -> Self {
        let (dir, daemon) = (tempfile::tempdir().unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        Self { dir, daemon, collector }
    }

    /// With a collector that is held up.
    pub(crate) fn held_up() -> (Self, HeldUp) {
        let ((arrive, arrived), (release, released)) = (channel(), channel());
        let collector = Peer::answering(move |_| {
            arrive.send(()).unwrap();
            let _ = released.recv_timeout(LONG);
            ok()
        });
        (Self::pushed_to(collector), HeldUp { arrived, release })
    }

    /// A program that writes to all of it, and prints a report.
    pub(crate) fn service(&self, more: &str) -> Setup {
        let (daemon, collector) = (self.daemon.local_addr().unwrap(), self.collector.url());
        let prof = format!("report,json:points,snapshots:lines,statsd:{daemon},otlp:{collector}{more}");
        service(&prof).directory(self.dir.path())
    }

    /// Everything has so many calls of `work`.
    #[track_caller]
    pub(crate) fn has(&self, ended: &Ended, expect: u64) {
        let mut pushed = 0;
        while let Ok(request) = self.collector.requests.try_recv() {
            // Sums are of all that was counted since the start.
            pushed = calls(&request).0;
        }
        assert_eq!(pushed, i64::try_from(expect).unwrap(), "{ended:?}");
        assert_eq!(count(&lines(&self.dir.path().join("points")), "work.success"), expect, "{ended:?}");
        let snapshots = lines(&self.dir.path().join("lines"));
        let snapshots = snapshots.iter().map(|line| serde_json::from_str::<Snapshot>(line).unwrap());
        let in_snapshots: u64 = snapshots.filter_map(|snapshot| Some(snapshot.function("work")?.calls())).sum();
        assert_eq!(in_snapshots, expect, "{ended:?}");
        let datagrams = received(&self.daemon);
        assert_eq!(datagrams.matches("work.success:1|c").count() as u64, expect, "{ended:?}");
        assert_eq!(reported(ended), Some(expect), "{ended:?}");
        assert_eq!(ended.said("did not end") + ended.said("lost"), 0, "{ended:?}");
    }
}

/// A collector that answers the first push when it is told to. Until then, an end that has begun goes on.
pub(crate) struct HeldUp {
    arrived: Receiver<()>,
    release: Sender<()>,
}

impl HeldUp {
    /// Waits for the push.
    #[track_caller]
    pub(crate) fn wait(&self) {
        self.arrived.recv_timeout(LONG).expect("something is pushed");
    }

    /// Has it answer.
    pub(crate) fn release(&self) {
        self.release.send(()).unwrap();
    }
}

/// How many calls of `work` the one report has. `None` if there is no report.
#[track_caller]
pub(crate) fn reported(ended: &Ended) -> Option<u64> {
    let reports = ended.said(" functions in ") + ended.said(" function in ") + ended.said("no annotated function");
    assert!(reports <= 1, "{ended:?}");
    let row = ended.stderr.lines().find(|line| line.split_whitespace().next() == Some("work"))?;
    let calls = row.split_whitespace().nth(2).expect("the calls come after the name and the group");
    let digits: String = calls.chars().filter(char::is_ascii_digit).collect();
    Some(digits.parse().expect("it is a number"))
}

#[track_caller]
fn ends_whole(end: impl FnOnce(&mut Program), status: i32) {
    let everything = Everything::new();
    let mut program = everything.service("").start();
    program.ask("work 5");
    end(&mut program);
    let ended = program.wait();
    assert_eq!(ended.status.code(), Some(status), "{ended:?}");
    everything.has(&ended, 5);
}

#[test]
fn an_exit_loses_nothing_and_keeps_its_status() {
    ends_whole(|program| program.tell("exit 7"), 7);
}

#[test]
fn an_exit_of_c_loses_nothing() {
    ends_whole(|program| program.tell("exit-of-c 7"), 7);
}

#[test]
fn an_exit_on_another_thread_loses_nothing() {
    ends_whole(|program| program.tell("exit-on-thread 7"), 7);
}

#[test]
fn a_return_from_main_without_the_guard_loses_nothing() {
    let end = |program: &mut Program| {
        program.ask("forget");
        program.close();
    };
    ends_whole(end, 0);
}

#[test]
fn a_return_from_main_loses_nothing() {
    ends_whole(Program::close, 0);
}

#[test]
fn calls_in_exit_handlers_are_counted_and_an_exit_in_one_ends_nothing_twice() {
    let everything = Everything::new();
    let mut program = everything.service("").start();
    program.ask("work 5");
    // Handlers that were installed last are called first, and so before ours.
    program.ask("again-at-exit");
    program.tell("exit-of-c 7");
    let ended = program.wait();
    assert_eq!(ended.status.code(), Some(9), "{ended:?}");
    everything.has(&ended, 6);
}

#[test]
fn an_exit_in_a_handler_of_the_programs_loses_nothing() {
    let everything = Everything::new();
    let mut program = everything.service("").start();
    program.ask("work 5");
    program.ask("handler exits");
    program.tell("catch");
    let ended = program.wait();
    assert_eq!(ended.status.code(), Some(7), "{ended:?}");
    everything.has(&ended, 5);
}

#[test]
fn calls_after_an_end_has_begun_are_nowhere() {
    let (everything, collector) = Everything::held_up();
    let mut program = everything.service(",signals").start();
    program.ask("work 5");
    program.signal(Signal::TERM);
    // The last push, and so the end, has begun.
    collector.wait();
    program.ask("work 3");
    assert_eq!(program.ask("counted work"), "5 0");
    collector.release();
    let ended = program.wait();
    everything.has(&ended, 5);
}

#[test]
fn a_lock_of_stdout_or_stderr_holds_up_no_exit_and_costs_nothing() {
    for output in ["stdout", "stderr"] {
        let mut program = service("report,console").start();
        program.ask("work 5");
        program.tell(&format!("exit-locked {output}"));
        let ended = program.wait();
        assert_eq!((ended.status.code(), reported(&ended)), (Some(7), Some(5)), "{output}: {ended:?}");
        assert_eq!(ended.stdout.matches("[faults]: work.success=1\n").count(), 5, "{output}: {ended:?}");
        assert_eq!(ended.said("did not end") + ended.said("lost"), 0, "{output}: {ended:?}");
    }
}

#[test]
fn an_exit_in_a_handler_behind_a_queue_does_not_wait_for_it_and_tells_what_is_lost() {
    // Longer than any test may take.
    let mut program = service("report").arg("timeout-ms=100000000").start();
    program.tell("exit-in-queue 5");
    let ended = program.wait();
    assert_eq!((ended.status.code(), reported(&ended)), (Some(7), Some(5)), "{ended:?}");
    assert_eq!(
        ended.said("prof: buffered ended the process itself; 5 calls were lost on their way to buffered\n"),
        1,
        "{ended:?}"
    );
    assert_eq!(ended.said("did not end"), 0, "{ended:?}");
}

#[test]
fn calls_on_other_threads_are_in_the_report() {
    let mut program = service("report").start();
    program.ask("background 2");
    let counted = loop {
        let counted = program.ask("counted work");
        let calls: u64 = counted.split(' ').next().unwrap().parse().unwrap_or(0);
        if calls > 100_000 {
            break calls;
        }
    };
    program.tell("exit 0");
    let ended = program.wait().succeeded();
    assert!(reported(&ended).unwrap() >= counted, "{counted} and {ended:?}");
}

#[test]
fn a_report_of_its_own_is_printed_at_an_exit() {
    let mut program = service("").start();
    program.ask("report");
    program.ask("work 5");
    program.tell("exit 7");
    let ended = program.wait();
    assert_eq!((ended.status.code(), reported(&ended)), (Some(7), Some(5)), "{ended:?}");
}

#[test]
fn what_handlers_and_exporters_of_the_program_hold_back_is_written_at_an_exit() {
    for end in ["exit 7", "exit-on-thread 7"] {
        let dir = tempfile::tempdir().unwrap();
        let mut program = service("").directory(dir.path()).start();
        program.ask("hold");
        program.ask("work 5");
        program.tell(end);
        assert_eq!(program.wait().status.code(), Some(7));
        for file in ["buffer", "queue"] {
            assert_eq!(count(&lines(&dir.path().join(file)), "work.success"), 5, "{file}");
        }
        let snapshots = lines(&dir.path().join("lines"));
        let snapshots = snapshots.iter().map(|line| serde_json::from_str::<Snapshot>(line).unwrap());
        assert_eq!(snapshots.filter_map(|snapshot| Some(snapshot.function("work")?.calls())).sum::<u64>(), 5);
    }
}

/// The lock is that of the handler, which is to be flushed at the exit.
#[test]
fn an_exit_under_a_lock_is_not_held_up_for_ever_and_loses_nothing_else() {
    let everything = Everything::new();
    let mut program = everything.service("").start();
    program.ask("work 4");
    program.tell("exit-in-write");
    let ended = program.wait();
    assert_eq!(ended.status.code(), Some(7), "{ended:?}");
    // The call during which it exits has ended, and come to those that are listed before the handler that exits.
    let calls = reported(&ended).unwrap();
    assert!((4..=5).contains(&calls), "{ended:?}");
}

#[test]
fn an_exit_while_the_report_is_written_ends_nothing_twice() {
    let everything = Everything::new();
    let mut program = everything.service("").start();
    program.ask("work 5");
    program.tell("exit-in-report");
    let ended = program.wait();
    assert_eq!(ended.status.code(), Some(7), "{ended:?}");
}

#[test]
fn a_collector_that_is_silent_holds_up_no_exit_for_longer_than_the_timeout() {
    let silent = Peer::always(Answer::Silence);
    let mut program = service(&format!("report,otlp:{}", silent.url())).arg("timeout-ms=50").start();
    program.ask("work 5");
    program.tell("exit 7");
    let ended = program.wait();
    assert_eq!((ended.status.code(), reported(&ended)), (Some(7), Some(5)), "{ended:?}");
    assert_eq!(ended.said(" did not end within 50ms\n"), 1, "{ended:?}");
}

#[test]
fn an_abort_says_nothing() {
    let mut program = service("report").start();
    program.ask("work 5");
    program.tell("abort");
    assert_eq!(reported(&program.wait()), None);
}
