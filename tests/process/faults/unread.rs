//! Readers that do not read: of stderr, and of a named pipe.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use crate::program::{Program, service};

#[test]
fn a_report_that_nobody_reads_holds_up_no_end_for_ever() {
    let ends: [fn(&mut Program); 3] =
        [Program::close, |program| program.tell("exit 0"), |program| drop((program.ask("drop"), program.close()))];
    for end in ends {
        let (setup, _unread) = service("report").arg("timeout-ms=50").unread_stderr();
        let mut program = setup.start();
        program.ask("work 3");
        end(&mut program);
        program.wait().succeeded();
    }
}

#[test]
fn a_terminal_that_is_stopped_holds_up_no_end_for_ever() {
    let mut program = service("report").arg("timeout-ms=50").terminal(80).start();
    program.ask("work 3");
    program.ask("stop-terminal");
    program.tell("exit 7");
    assert_eq!(program.wait().status.code(), Some(7));
}

#[test]
fn a_report_of_its_own_that_nobody_reads_holds_up_no_end_for_ever() {
    let (setup, _unread) = service("").unread_stderr();
    let mut program = setup.start();
    program.ask("report");
    program.close();
    program.wait().succeeded();
}

#[test]
fn lines_that_nobody_reads_hold_up_no_call() {
    let (setup, _unread) = service("").unread_stderr();
    let mut program = setup.start();
    // The third panic of a handler is told.
    program.ask("handler panics-quietly");
    program.ask("work 5");
    program.end().succeeded();
}

const CALLS: u64 = 5_000;

#[test]
fn a_reader_of_a_pipe_that_stops_holds_up_no_end_for_ever_and_what_it_did_not_take_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
    let mut reader = File::options().read(true).custom_flags(flags).open(&path).unwrap();
    let mut program = service("json:pipe").directory(dir.path()).arg("timeout-ms=100").start();
    program.ask(&format!("work {CALLS}"));
    let ended = program.end().succeeded();
    assert_eq!(ended.said("prof: json:pipe queue did not end within 100ms\n"), 1, "{ended:?}");
    let lost = ended.stderr.lines().find_map(|line| line.strip_prefix("prof: ")?.split_once(" calls were lost"));
    let lost: u64 = lost.expect("it is told").0.parse().unwrap();
    // What is in the pipe was written.
    let whole = std::io::read_to_string(&mut reader).unwrap().matches('\n').count() as u64;
    // A call is one metric in the queue, and two lines.
    assert_eq!(lost + whole / 2, CALLS, "{whole} lines");
}
