//! Files and disks.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use crate::program::service;

/// The lines of a file that rotates, oldest first.
pub(crate) fn lines(path: &Path) -> Vec<String> {
    let old = |n: u32| path.with_file_name(format!("{}.{n}", path.file_name().unwrap().to_str().unwrap()));
    let files = (1..100).rev().map(old).filter(|old| old.exists()).chain([path.to_owned()]);
    let text: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    text.lines().map(str::to_owned).collect()
}

/// How many lines, each of which has to be JSON, are data points of this name.
pub(crate) fn count(lines: &[String], name: &str) -> u64 {
    let is_it = |line: &&String| serde_json::from_str::<Value>(line).unwrap()["name"] == name;
    lines.iter().filter(is_it).count() as u64
}

#[test]
fn a_full_disk_is_counted() {
    let mut program = service("json:/dev/full,snapshots:/dev/full").start();
    program.ask("work 3");
    let error = program.ask("flush");
    assert!(error.starts_with("could not flush: "), "{error}");
    assert_eq!(program.lost("json"), 3);
    let ended = program.end().succeeded();
    assert!(ended.stderr.contains("prof: 3 calls were lost on their way to json:/dev/full\n"), "{ended:?}");
    assert!(ended.stderr.contains("prof: 1 snapshot was lost on its way to snapshots:/dev/full\n"), "{ended:?}");
}

#[test]
fn a_line_on_stdout_is_a_data_point() {
    let mut program = service("console").start();
    program.ask("work 3");
    program.ask("flush");
    let ended = program.end().succeeded();
    assert_eq!(ended.stdout.matches("][faults]: work.success=1\n").count(), 3, "{ended:?}");
    assert_eq!(ended.stdout.matches("][faults]: work.duration.ms=").count(), 3, "{ended:?}");
}

#[test]
fn the_first_line_after_a_full_disk_is_a_line_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("points");
    // Files of 4 KiB at most, whatever the shell's unit is; writing more is an error instead of a signal.
    let full = service(&format!("json:{}", path.display())).after("trap '' XFSZ; ulimit -f 8");
    let mut program = full.start();
    program.ask("work 1000");
    assert!(program.ask("flush").starts_with("could not flush: "));
    let lost = program.lost_lines("json");
    program.end().succeeded();
    let written = fs::read_to_string(&path).unwrap();
    // One that is cut short may be followed by a shorter one that fits, on a line of its own.
    let whole = written.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count() as u64;
    assert!(whole > 0 && whole + lost == 2000, "{whole} lines and {lost} lost");
}

#[test]
fn a_path_that_cannot_be_written_starts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for path in ["no/such/directory", "."] {
        for part in ["json", "snapshots"] {
            let ended = service(&format!("report,{part}:{path}")).directory(dir.path()).spawn().wait();
            assert_eq!(ended.status.code(), Some(1), "{ended:?}");
            let expect = format!("service: could not start `{part}:{path}`: ");
            assert!(ended.stderr.starts_with(&expect), "{ended:?}");
            assert_eq!(ended.stderr.lines().count(), 1, "no report either: {ended:?}");
        }
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_file_that_cannot_be_moved_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("points");
    // Where the old file would go, there is a directory that is not empty.
    fs::create_dir_all(dir.path().join("points.1/full")).unwrap();
    let mut program = service(&format!("json:{}", path.display())).arg("rotate=4096,1").start();
    program.ask("work 1000");
    program.ask("flush");
    let lost = program.lost_lines("json");
    program.end().succeeded();
    let text = fs::read_to_string(&path).unwrap();
    let written: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(count(&written, "work.success") + count(&written, "work.duration.ms") + lost, 2000);
}

#[test]
fn rotation_loses_nothing_but_the_oldest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("points");
    let mut program = service(&format!("json:{}", path.display())).arg("rotate=4096,90").start();
    program.ask("work 1000");
    assert_eq!(program.ask("flush"), "flushed");
    program.end().succeeded();
    let lines = lines(&path);
    assert_eq!((count(&lines, "work.success"), count(&lines, "work.duration.ms")), (1000, 1000));
}

#[test]
fn an_exit_in_the_middle_leaves_whole_lines() {
    let dir = tempfile::tempdir().unwrap();
    for (name, kill) in [("exit", false), ("kill", true)] {
        let path = dir.path().join(name);
        let mut program = service(&format!("json:{0},snapshots:{0}", path.display())).arg("interval-ms=1").start();
        program.ask("background 2");
        program.ask("work 1000");
        match kill {
            true => program.signal(Signal::KILL),
            false => program.tell("exit 7"),
        }
        let ended = program.wait();
        assert_eq!(ended.status.code(), (!kill).then_some(7), "{ended:?}");
        let text = fs::read_to_string(path).unwrap();
        let (lines, rest) = text.rsplit_once('\n').unwrap_or_default();
        // The last write may have been cut short by the system, none before it.
        for line in lines.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
        assert!(rest.is_empty() || rest.starts_with('{'), "{rest}");
    }
}

#[test]
fn a_file_that_takes_nothing_costs_what_does_not_fit_and_holds_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    // Opened for reading and writing, so that neither end waits for the other; nothing reads yet.
    let reader = fs::File::options().read(true).write(true).open(&path).unwrap();
    let mut program = service(&format!("json:{}", path.display())).arg("timeout-ms=300").start();
    program.ask("work 100000");
    let error = program.ask("flush");
    assert!(error.ends_with("within 300ms"), "{error}");
    let dropped = program.lost("json queue");
    assert!(dropped > 0);
    let ended = program.end().succeeded();
    assert!(ended.stderr.contains(" queue did not end within 300ms\n"), "{ended:?}");
    assert!(ended.stderr.contains(&format!(" were lost on their way to json:{} queue\n", path.display())), "{ended:?}");
    drop(reader);
}

#[test]
fn long_names_take_no_more_memory_than_their_bound() {
    const NAMES: u64 = 65_536;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let reader = fs::File::options().read(true).write(true).open(&path).unwrap();
    let mut program = service(&format!("json:{}", path.display())).arg("timeout-ms=300").start();
    program.ask(&format!("long {NAMES}"));
    let status = fs::read_to_string(program.told_by_system("status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it has a peak");
    let peak_kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    // 640 MiB of names; 16 MiB of them may wait, and the program and its queue take some, too.
    assert!(peak_kib < 100 * 1024, "{peak_kib} KiB");
    let lost = program.lost("json queue");
    assert!(lost > NAMES * 9 / 10 && lost < NAMES, "{lost}");
    program.end().succeeded();
    drop(reader);
}
