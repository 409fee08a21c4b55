//! Real child processes: this binary again, running one of the tests marked as a child's part.

use std::process::{Command, Output};

/// Tells a test that it is the child.
const ROLE: &str = "TIMER_WATCHDOG_TEST_CHILD";

pub(crate) fn is_child() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// Returns the command that runs the part `name` in a process of its own.
pub(crate) fn child(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored", "--nocapture"]).env(ROLE, "1");
    command
}

pub(crate) fn run_child(name: &str) -> Output {
    child(name).output().unwrap()
}

#[cfg(all(feature = "process", target_os = "linux"))]
mod killed {
    use std::os::unix::process::ExitStatusExt;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use timer_watchdog::{
        LocalQueue, LocalTimerClient, LocalTimerServer, Pid, ProcessReaper, Watchdog, expires, scoped,
    };

    use super::{is_child, run_child};
    use crate::support::{PATIENCE, ms};

    /// Runs `body` under a server, started twice, that kills this very process when a timer expires.
    fn under_a_server(body: impl FnOnce()) {
        if !is_child() {
            return;
        }
        let queue = LocalQueue::new(64);
        let server = LocalTimerServer::new(ProcessReaper::new().own_process_too());
        let watchdog = Watchdog::new(server, queue.clone(), ms(10));
        let _handle = watchdog.start().unwrap();
        let _same = watchdog.start().unwrap();
        let _client = scoped(LocalTimerClient::new(queue, Pid::current()));
        body();
    }

    /// Takes this long, without a timer of its own.
    fn work(time: Duration) {
        let (_never, nothing) = channel::<()>();
        let _ = nothing.recv_timeout(time);
    }

    fn recurse(depth: u32, timeout: Duration, time: Duration) {
        if depth > 0 {
            let _timer = expires(timeout).unwrap();
            recurse(depth - 1, timeout, time);
            work(time);
        }
    }

    #[test]
    #[ignore = "the child's part of u09"]
    fn u09_child() {
        under_a_server(|| {
            let _timer = expires(PATIENCE).unwrap();
            work(ms(100));
        });
    }

    #[test]
    fn u09_a_process_within_its_time_survives() {
        let status = run_child("process::killed::u09_child").status;
        assert_eq!(status.code(), Some(0));
    }

    #[test]
    #[ignore = "the child's part of u10"]
    fn u10_child() {
        // The outermost scope lives twice its timeout.
        under_a_server(|| recurse(4, ms(2000), ms(1000)));
    }

    #[test]
    #[ignore = "the child's other part of u10"]
    fn u10_child_stuck() {
        under_a_server(|| recurse(2, ms(200), PATIENCE));
    }

    #[test]
    fn u10_a_recursion_shares_one_timer() {
        let status = run_child("process::killed::u10_child").status;
        assert_eq!(status.code(), Some(0));
        let status = run_child("process::killed::u10_child_stuck").status;
        assert_eq!(status.signal(), Some(9));
    }

    #[test]
    #[ignore = "the child's part of u11"]
    fn u11_child() {
        under_a_server(|| {
            let _timer = expires(ms(100)).unwrap();
            work(PATIENCE);
        });
    }

    #[test]
    fn u11_a_process_over_its_time_is_killed() {
        let status = run_child("process::killed::u11_child").status;
        assert_eq!(status.signal(), Some(9));
    }

    #[test]
    fn processes_that_must_not_be_killed_are_refused() {
        use timer_watchdog::Reaper as _;
        for pid in [Pid(0), Pid(1), Pid(-1), Pid(i32::MIN), Pid::current()] {
            let error = ProcessReaper::new().reap(&pid).unwrap_err();
            assert!(error.to_string().contains("cannot kill worker"), "{error}");
        }
    }

    #[test]
    fn a_process_that_is_gone_counts_as_reaped() {
        use timer_watchdog::Reaper as _;
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = Pid(child.id().cast_signed());
        let reaper = ProcessReaper::new();
        reaper.meet(&pid);
        child.wait().unwrap();
        assert!(reaper.reap(&pid).unwrap());
    }
}
