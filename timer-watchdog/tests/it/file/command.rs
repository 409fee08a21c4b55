//! The command, run as users run it; its workers are shell scripts.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output, Stdio};

use super::{Desk, Folder};

fn watchdog(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_timer-watchdog"));
    for name in ["TIMER_WATCHDOG_FILE", "TORCHELASTIC_TIMER_FILE", "TORCHELASTIC_RUN_ID", "NOTIFY_SOCKET"] {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// Runs a shell script under the watchdog; in it, `$W` is the command.
fn run(options: &[&str], script: &str) -> Output {
    let mut command = watchdog(&["run"]);
    command.args(options).args(["--", "sh", "-c", script]).env("W", env!("CARGO_BIN_EXE_timer-watchdog"));
    command.output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn run_ends_with_the_status_of_its_command() {
    for (script, code) in [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
        let output = run(&[], script);
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(code), ""), "{script}");
    }
    assert_eq!(watchdog(&["run", "--", "/no/such/program"]).status().unwrap().code(), Some(127));
    assert_eq!(watchdog(&["run", "--", "/"]).status().unwrap().code(), Some(126));
    assert_eq!(watchdog(&["run"]).status().unwrap().code(), Some(2));
    assert_eq!(watchdog(&["run", "--timer-file", "/", "--", "true"]).status().unwrap().code(), Some(125));
}

#[test]
fn run_gives_its_command_a_private_pipe_that_goes_with_it() {
    let output = run(
        &[],
        "stat -c '%F %a' $TIMER_WATCHDOG_FILE; stat -c %a $(dirname $TORCHELASTIC_TIMER_FILE); \
                           echo $TIMER_WATCHDOG_FILE",
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..2], ["fifo 600", "700"]);
    assert!(!std::path::Path::new(lines[2]).parent().unwrap().exists());
}

#[test]
fn a_stuck_command_is_killed_and_told_in_one_line() {
    let output = run(&[], "$W send acquire --scope load --after 50ms; exec sleep 600");
    assert_eq!(output.status.code(), Some(137));
    let text = stderr(&output);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("is stuck in \"load\" for ") && text.trim_end().ends_with("signal 9, exited"), "{text}");
}

#[test]
fn a_stuck_child_is_killed_and_its_parent_goes_on() {
    let script = "$W send exec --scope backup --after 50ms -- sleep 600; echo ended with $?; \
                  $W send exec --scope quick --after 60s -- sh -c 'exit 4'; echo ended with $?";
    let output = run(&["--json", "--run-id", "run 7"], script);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ended with 137\nended with 4\n");
    // The shell says by itself that its child was killed.
    let text = stderr(&output);
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with('{')).collect();
    assert_eq!(lines.len(), 1, "{text}");
    let report: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(report["event"], "kill worker process");
    assert_eq!(report["report"]["run_id"], "run 7");
    assert_eq!(report["report"]["scopes"][0]["scope_id"], "backup");
    assert_eq!(report["report"]["outcome"]["outcome"], "exited");
}

#[test]
fn what_is_released_in_time_is_left_alone() {
    let script = "$W send acquire --scope load --after 60s && $W send release --scope load";
    let output = run(&[], script);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn observing_reports_and_the_dump_is_there() {
    let folder = Folder::new();
    let dumps = folder.file("dumps");
    std::fs::create_dir(&dumps).unwrap();
    // Goes on when the dump, written after the report has been read, is there.
    let script = format!(
        "$W send acquire --scope load --after 1ms; while ! ls {0}/*.json 2>/dev/null >&2; do :; done; exit 5",
        dumps.display()
    );
    let output = run(&["--observe", "--dump-dir", dumps.to_str().unwrap()], &script);
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("observed only"), "{}", stderr(&output));
    let dump = std::fs::read_dir(&dumps).unwrap().next().unwrap().unwrap().path();
    assert!(std::fs::read_to_string(dump).unwrap().contains("\"scope_id\":\"load\""));
}

#[test]
fn only_what_comes_from_the_command_can_be_a_worker() {
    let mut bystander = Command::new("sleep").arg("600").spawn().unwrap();
    let script = format!("$W send acquire --scope load --after 1ms --pid {}", bystander.id());
    let output = run(&[], &format!("{script}; $W send exec --scope x --after 1ms -- sleep 600"));
    assert_eq!(output.status.code(), Some(137));
    assert!(stderr(&output).contains("is refused as a worker"), "{}", stderr(&output));
    assert!(bystander.try_wait().unwrap().is_none());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn signals_are_passed_on_and_orphans_are_known() {
    // The orphan's parent has ended; it comes from the command all the same.
    let script = "trap 'exit 9' USR1; (sh -c '$W send exec --scope orphan --after 20ms -- sleep 600' &) ; \
                  echo ready; while :; do sleep 0.01; done";
    let mut command = watchdog(&["run", "--", "sh", "-c", script]);
    command.env("W", env!("CARGO_BIN_EXE_timer-watchdog")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let report = lines.find(|line| line.starts_with("timer-watchdog: ")).unwrap();
    assert!(report.contains("\"orphan\"") && report.ends_with("exited"), "{report}");
    let signal = Command::new("kill").args(["-USR1", &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[test]
fn fault_35_a_group_or_control_group_of_its_own_goes_as_a_whole() {
    // The worker's child has left the session; only a control group holds it.
    let script = "grep ^0:: /proc/self/cgroup; setsid sh -c 'echo $$; exec sleep 600' & $W send exec --scope load --after 100ms -- sleep 600";
    let output = run(&["--kill-target", "cgroup"], script);
    match output.status.code() {
        Some(137) => {
            let text = String::from_utf8(output.stdout).unwrap();
            let (group, orphan) = text.trim().strip_prefix("0::/").unwrap().split_once('\n').unwrap();
            let orphan = std::path::Path::new("/proc").join(orphan);
            while std::fs::read_to_string(orphan.join("cmdline")).is_ok_and(|line| line.contains("sleep")) {
                std::thread::yield_now();
            }
            let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
            let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2")).unwrap();
            let group = std::path::Path::new(mount.split(' ').nth(1).unwrap()).join(group);
            assert!(!group.exists(), "the group goes with the run");
        }
        // Where no control group can be made, the command is not started.
        code => assert!(code == Some(125) && stderr(&output).contains("cannot create a control group")),
    }
    let script = "sleep 600 & $W send exec --scope load --after 50ms -- sleep 600";
    assert_eq!(run(&["--kill-target", "group"], script).status.code(), Some(137), "and its output is closed by all");
}

#[test]
fn serve_serves_until_it_is_told_to_end() {
    let folder = Folder::new();
    let path = folder.file("timer");
    let mut server = watchdog(&["serve", "--timer-file", path.to_str().unwrap()]).spawn().unwrap();
    let send = |arguments: &[&str]| {
        let mut command = watchdog(&["send"]);
        command.args(arguments).env("TORCHELASTIC_TIMER_FILE", &path).status().unwrap()
    };
    assert_eq!(
        send(&["exec", "--wait", "60s", "--scope", "a", "--after", "1ms", "--", "sleep", "600"]).signal(),
        Some(9)
    );
    let second = watchdog(&["serve", "--timer-file", path.to_str().unwrap()]).output().unwrap();
    assert_eq!(second.status.code(), Some(125));
    assert!(stderr(&second).contains(&format!("is served already, by process {}", server.id())), "{}", stderr(&second));
    assert!(Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
    assert_eq!(server.wait().unwrap().code(), Some(0));
    assert!(!path.exists());
    let alone = send(&["acquire", "--wait", "0s", "--scope", "a", "--after", "1s"]);
    assert_eq!(alone.code(), Some(125), "nobody is there anymore");
}

#[test]
fn fault_20_21_22_time_in_which_the_server_stood_still_is_charged_to_nobody() {
    let folder = Folder::new();
    let path = folder.file("timer");
    let mut server = watchdog(&["serve", "--json", "--timer-file", path.to_str().unwrap()]);
    let mut server = server.stderr(Stdio::piped()).spawn().unwrap();
    let number = server.id().to_string();
    let signal = |name: &str| {
        assert!(Command::new("kill").args([name, &number]).status().unwrap().success());
    };
    let mut worker = watchdog(&["send", "exec", "--wait", "60s", "--scope", "a", "--after", "500ms", "--timer-file"]);
    let worker = worker.arg(&path).args(["--", "sh", "-c", "echo ready; exec sleep 600"]);
    let mut worker = worker.stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(worker.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
    signal("-STOP");
    let (_never, nothing) = std::sync::mpsc::channel::<()>();
    let _ = nothing.recv_timeout(crate::support::ms(1000));
    signal("-CONT");
    let lines = BufReader::new(server.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut told = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap());
    assert!(told.any(|event| event["event"] == "observer gap"));
    let killed = told.find(|event| event["event"] == "kill worker process").unwrap();
    let age = killed["report"]["scopes"][0]["age_secs"].as_f64().unwrap();
    assert!(age > 1.3, "a second of standing still and half a second of its own: {age}");
    assert_eq!(worker.wait().unwrap().signal(), Some(9));
    signal("-TERM");
    assert!(server.wait().unwrap().success());
}

#[test]
fn send_writes_what_any_server_reads() {
    let desk = Desk::new(|builder| builder.processes(super::FakeProcesses::default()));
    let file = desk.path().to_str().unwrap();
    for arguments in [["acquire", "--after=60s"], ["release", "--wait=1s"]] {
        let mut command = watchdog(&["send"]);
        let command = command.args(arguments).args(["--scope", "load", "--pid", "7", "--timer-file", file]);
        assert!(command.status().unwrap().success());
        desk.server.run_watchdog().unwrap();
    }
    assert_eq!((desk.server.counts().requests, desk.server.len()), (2, 0));
}

#[test]
fn the_help_says_what_the_exit_status_means() {
    for part in ["", "run", "serve", "send"] {
        let mut command = watchdog(&[]);
        let output = command.args(Some(part).filter(|part| !part.is_empty())).arg("--help").output().unwrap();
        let mut text = String::new();
        output.stdout.as_slice().read_to_string(&mut text).unwrap();
        for expect in ["Exit status:", "Environment:", "137"] {
            assert!(text.contains(expect), "{part}: {text}");
        }
    }
}
