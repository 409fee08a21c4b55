//! Signals that end a program, with and without the part `signals`.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::exits::{Everything, reported};
use crate::peers::{Answer, Peer};
use crate::program::{Program, service};

#[track_caller]
fn loses_nothing(signal: Signal) {
    let everything = Everything::new();
    let mut program = everything.service(",signals").start();
    program.ask("work 5");
    program.signal(signal);
    let ended = program.wait();
    assert_eq!(ended.status.signal(), Some(signal.as_raw()), "{ended:?}");
    everything.has(&ended, 5);
}

#[test]
fn sigterm_loses_nothing_and_is_the_status() {
    loses_nothing(Signal::TERM);
}

#[test]
fn ctrl_c_loses_nothing_and_is_the_status() {
    loses_nothing(Signal::INT);
}

#[test]
fn a_terminal_that_is_closed_loses_nothing_and_is_the_status() {
    loses_nothing(Signal::HUP);
}

#[test]
fn signals_are_left_alone_unless_asked_for() {
    let mut program = service("report").start();
    program.ask("work 5");
    program.signal(Signal::TERM);
    let ended = program.wait();
    assert_eq!((ended.status.signal(), reported(&ended)), (Some(Signal::TERM.as_raw()), None), "{ended:?}");
}

#[test]
fn a_signal_also_ends_a_report_of_its_own() {
    let mut program = service("signals").start();
    program.ask("report");
    program.ask("work 5");
    program.signal(Signal::INT);
    let ended = program.wait();
    assert_eq!((ended.status.signal(), reported(&ended)), (Some(Signal::INT.as_raw()), Some(5)), "{ended:?}");
}

#[test]
fn a_second_signal_ends_at_once() {
    let silent = Peer::always(Answer::Silence);
    // Longer than any test may take.
    let setup = service(&format!("signals,otlp:{}", silent.url())).arg("timeout-ms=100000000");
    let mut program = setup.env("OTEL_EXPORTER_OTLP_TIMEOUT", "100000000").start();
    program.ask("work 5");
    program.signal(Signal::TERM);
    // The last push, which is not answered.
    silent.request();
    program.signal(Signal::INT);
    let ended = program.wait();
    assert_eq!(ended.status.signal(), Some(Signal::INT.as_raw()), "{ended:?}");
}

/// As `timeout` sends it: to the program, and then to the group that it is in.
#[test]
fn a_signal_that_comes_twice_at_once_loses_nothing() {
    let (everything, collector) = Everything::held_up();
    let mut program = everything.service(",signals").start();
    program.ask("work 5");
    program.signal(Signal::TERM);
    program.signal(Signal::TERM);
    collector.wait();
    collector.release();
    let ended = program.wait();
    assert_eq!(ended.status.signal(), Some(Signal::TERM.as_raw()), "{ended:?}");
    everything.has(&ended, 5);
}

/// The kernel says that the terminal is closed, and so does the shell, some time later.
#[test]
fn a_terminal_that_is_closed_twice_loses_nothing() {
    for first in [Signal::HUP, Signal::TERM] {
        let (everything, collector) = Everything::held_up();
        let mut program = everything.service(",signals").start();
        program.ask("work 5");
        program.signal(first);
        // The end has begun.
        collector.wait();
        program.signal(Signal::HUP);
        program.ask("work 3");
        collector.release();
        let ended = program.wait();
        assert_eq!(ended.status.signal(), Some(first.as_raw()), "{ended:?}");
        everything.has(&ended, 5);
    }
}

#[test]
fn the_same_signal_a_second_later_ends_at_once() {
    let silent = Peer::always(Answer::Silence);
    // Longer than any test may take.
    let setup = service(&format!("signals,otlp:{}", silent.url())).arg("timeout-ms=100000000");
    let mut program = setup.env("OTEL_EXPORTER_OTLP_TIMEOUT", "100000000").start();
    program.ask("work 5");
    program.signal(Signal::TERM);
    // The signal has come. From here on, the clock decides.
    silent.request();
    std::thread::sleep(Duration::from_millis(1100));
    program.signal(Signal::TERM);
    let ended = program.wait();
    assert_eq!(ended.status.signal(), Some(Signal::TERM.as_raw()), "{ended:?}");
}

/// The program goes on, and ends by returning from `main`.
#[track_caller]
fn is_left_to(mut program: Program, handled: &str) {
    program.ask("work 4");
    program.signal(Signal::TERM);
    while program.ask("handled-signals") != handled {}
    program.ask("work 1");
    let ended = program.end().succeeded();
    assert_eq!(reported(&ended), Some(5), "{ended:?}");
}

#[test]
fn a_signal_that_the_program_handled_before_is_left_to_it() {
    is_left_to(service("report,signals").env("HANDLES_SIGTERM", "1").start(), "1");
}

#[test]
fn a_signal_that_the_program_handles_later_is_left_to_it() {
    for how in ["handle", "handle chained"] {
        let mut program = service("report,signals").start();
        program.ask(how);
        is_left_to(program, "1");
    }
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    is_left_to(service("report,signals").after("trap '' TERM").start(), "0");
}

/// A program that waits for signals blocks them on the threads that it knows of. Those that it does not know must not
/// take them instead.
#[test]
fn a_signal_that_the_program_waits_for_is_left_to_it() {
    for part in ["", ",signals"] {
        let mut program = service(&format!("report,json:/dev/null,prometheus:0{part}")).start();
        program.ask("work 5");
        program.ask("block-sigterm");
        program.signal(Signal::TERM);
        program.ask("wait-for-sigterm");
        let ended = program.end().succeeded();
        assert_eq!(reported(&ended), Some(5), "{ended:?}");
    }
}

#[test]
fn a_signal_to_a_child_ends_the_child_alone() {
    let mut program = service("report,signals").start();
    program.ask("work 4");
    let child = Pid::from_raw(program.ask("fork waits").parse().unwrap()).unwrap();
    kill_process(child, Signal::TERM).unwrap();
    assert_eq!(program.ask(&format!("reap {}", child.as_raw_nonzero())), Signal::TERM.as_raw().to_string());
    program.ask("work 1");
    let ended = program.end().succeeded();
    assert_eq!(reported(&ended), Some(5), "{ended:?}");
}

#[test]
fn signals_are_left_to_the_system_once_the_guard_is_dropped() {
    let mut program = service("report,signals").start();
    program.ask("work 5");
    program.ask("drop");
    program.signal(Signal::TERM);
    let ended = program.wait();
    assert_eq!((ended.status.signal(), reported(&ended)), (Some(Signal::TERM.as_raw()), Some(5)), "{ended:?}");
}
