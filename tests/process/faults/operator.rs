//! An operator's day: what becomes of the files while the program writes to them. Every line is in one of the files, or
//! counted as lost.

use std::fs::{self, File};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use prof_runtime::{FunctionStats, Snapshot};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use serde_json::Value;

use crate::program::{Program, service};
use crate::prometheus::scrape;

/// The lines of JSON in all files of a directory.
#[derive(Debug, Default)]
struct Found {
    /// By data point: `work.success` and `work.duration.ms`.
    successes: u64,
    durations: u64,
    /// Calls by snapshot.
    calls: u64,
    /// Lines that are no JSON.
    torn: u64,
}

impl Found {
    fn add(&mut self, text: &str) {
        for line in text.lines() {
            match serde_json::from_str::<Value>(line) {
                Err(_) => self.torn += 1,
                Ok(value) if value["name"] == "work.success" => self.successes += 1,
                Ok(value) if value["name"] == "work.duration.ms" => self.durations += 1,
                Ok(_) => {
                    let snapshot: Snapshot =
                        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                    self.calls += snapshot.function("work").map_or(0, FunctionStats::calls);
                }
            }
        }
    }

    fn add_file(&mut self, path: &Path) {
        self.add(&fs::read_to_string(path).unwrap());
    }

    fn add_directory(&mut self, path: &Path) {
        for entry in fs::read_dir(path).unwrap() {
            self.add_file(&entry.unwrap().path());
        }
    }

    fn in_directory(path: &Path) -> Self {
        let mut found = Self::default();
        found.add_directory(path);
        found
    }

    fn points(&self) -> u64 {
        self.successes + self.durations
    }
}

/// What an operator, or `logrotate`, does to a file.
fn disturb(path: &Path, n: u32, found: &mut Found) {
    let moved = path.with_extension(format!("moved{n}"));
    match n % 5 {
        0 => fs::rename(path, moved).unwrap(),
        // `create`.
        1 => {
            fs::rename(path, moved).unwrap();
            File::create(path).unwrap();
        }
        // `copytruncate`.
        2 => {
            fs::copy(path, moved).unwrap();
            File::options().write(true).open(path).unwrap().set_len(0).unwrap();
        }
        3 => {
            found.add_file(path);
            fs::remove_file(path).unwrap();
        }
        // An editor, which writes a new file and renames it.
        _ => {
            fs::copy(path, &moved).unwrap();
            fs::rename(moved, path).unwrap();
        }
    }
}

#[test]
fn files_that_are_moved_removed_emptied_or_replaced_lose_no_line() {
    for rotate in ["rotate=100000000,3", "rotate=6000,90"] {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["points", "numbers"].map(|name| dir.path().join(name));
        let prof = format!("json:{},snapshots:{}", paths[0].display(), paths[1].display());
        let mut program = service(&prof).arg(rotate).start();
        let mut found = Found::default();
        for n in 0..10 {
            program.ask("work 30");
            assert_eq!(program.ask("flush"), "flushed");
            for path in &paths {
                disturb(path, n, &mut found);
            }
            program.ask("work 20");
            assert_eq!(program.ask("flush"), "flushed");
            assert!(paths.iter().all(|path| path.exists()), "they are made anew");
        }
        let ended = program.end().succeeded();
        assert_eq!(ended.stderr, "", "nothing is worth a word");
        found.add_directory(dir.path());
        assert_eq!((found.successes, found.durations, found.calls, found.torn), (500, 500, 500, 0), "{rotate}");
    }
}

/// A program that writes to `points` in a directory, in files of 4096 bytes, and has 40 descriptors.
fn with_few_descriptors(dir: &Path) -> Program {
    let path = dir.join("points");
    service(&format!("json:{}", path.display())).arg("rotate=4096,90").after("ulimit -n 40").start()
}

#[test]
fn without_descriptors_a_file_grows_within_a_bound_and_nothing_old_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = with_few_descriptors(dir.path());
    program.ask("work 100");
    assert_eq!(program.ask("flush"), "flushed");
    let before = Found::in_directory(dir.path()).points();
    program.ask("hog");
    program.ask("work 200");
    assert!(program.ask("flush").contains("points is full and cannot be moved out of the way"));
    program.stderr_with("points could not be moved out of the way: ");
    let lost = program.lost_lines("json");
    assert!(lost > 0 && Found::in_directory(dir.path()).points() + lost == 600, "{lost} lost");
    assert!(before <= Found::in_directory(dir.path()).points());
    assert!(fs::metadata(dir.path().join("points")).unwrap().len() <= 2 * 4096);
    // It recovers by itself.
    program.ask("unhog");
    program.ask("work 100");
    assert_eq!(program.ask("flush"), "flushed");
    assert!(fs::metadata(dir.path().join("points")).unwrap().len() <= 4096);
    let ended = program.end().succeeded();
    assert_eq!(ended.said("could not be moved out of the way"), 1, "it is said once: {ended:?}");
    let found = Found::in_directory(dir.path());
    assert_eq!((found.points() + lost, found.torn), (800, 0));
}

#[test]
fn a_file_that_is_moved_or_removed_while_there_are_no_descriptors_is_made_anew_later() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut program = with_few_descriptors(dir.path());
    program.ask("work 3");
    program.ask("flush");
    program.ask("hog");
    fs::rename(at("points"), at("moved")).unwrap();
    program.ask("work 4");
    assert_eq!(program.ask("flush"), "flushed", "it goes to where it was moved");
    let mut found = Found::default();
    found.add_file(&at("moved"));
    assert_eq!(found.points(), 14);
    fs::remove_file(at("moved")).unwrap();
    program.ask("work 5");
    assert!(program.ask("flush").contains("points is gone and could not be made anew"));
    assert_eq!(program.lost("json"), 5);
    program.ask("unhog");
    program.ask("work 6");
    assert_eq!(program.ask("flush"), "flushed");
    let ended = program.end().succeeded();
    assert_eq!(ended.said("points was replaced, and could not be opened: "), 1, "{ended:?}");
    assert_eq!(Found::in_directory(dir.path()).points(), 12);
}

/// What `sh` does to have a small file system of its own at a directory. `None` where that is not allowed.
fn mount(dir: &Path) -> Option<String> {
    let mount = format!("mount -t tmpfs -o size=64k tmpfs '{}'", dir.display());
    let tried = Command::new("unshare").args(["-rm", "sh", "-c", &mount]).output();
    tried.is_ok_and(|tried| tried.status.success()).then_some(mount)
}

#[test]
fn a_disk_that_is_full_for_a_while_loses_what_is_counted_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mount) = mount(dir.path()) else {
        // The same with a limit of the process' own is tried in `files.rs`.
        return;
    };
    let path = |name: &str| dir.path().join(name).display().to_string();
    let prof = format!("json:{},snapshots:{}", path("points"), path("numbers"));
    let setup = service(&prof).after(&format!("{mount}; head -c 30000 /dev/zero > '{}'", path("filler")));
    let mut program = setup.under("unshare", &["-rm"]).start();
    let inside = |program: &Program, name: &str| {
        let root = program.told_by_system("root");
        PathBuf::from(format!("{}{}", root.display(), path(name)))
    };
    program.ask("work 1000");
    let error = program.ask("flush");
    assert!(error.contains("could not be written: No space left on device"), "{error}");
    assert!(program.lost_lines("json") > 0);
    fs::remove_file(inside(&program, "filler")).unwrap();
    program.ask("work 20");
    assert_eq!(program.ask("flush"), "flushed");
    let lost = program.lost_lines("json");
    let mut found = Found::default();
    found.add_file(&inside(&program, "points"));
    found.add_file(&inside(&program, "numbers"));
    assert_eq!((found.points() + lost, found.calls), (2040, 1020), "{lost} lost of {found:?}");
    assert!(found.torn <= 2, "{found:?}");
    program.end().succeeded();
}

#[test]
fn a_torn_line_of_the_process_before_is_not_glued_to_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["points", "numbers"].map(|name| dir.path().join(name));
    for path in &paths {
        fs::write(path, "{\"timestamp_ns\":17").unwrap();
    }
    for restarts in 1..=3_u64 {
        let prof = format!("json:{},snapshots:{}", paths[0].display(), paths[1].display());
        let mut program = service(&prof).start();
        program.ask("work 3");
        program.end().succeeded();
        let found = Found::in_directory(dir.path());
        assert_eq!((found.points(), found.calls), (6 * restarts, 3 * restarts));
        // Each start but the first finds whole lines; someone tears them.
        assert_eq!(found.torn, 2 * restarts);
        for path in &paths {
            let text = fs::read_to_string(path).unwrap();
            assert!(!text.contains("\n\n"), "{text}");
            fs::write(path, text + "{\"torn").unwrap();
        }
    }
}

#[test]
fn two_programs_that_write_to_one_path_lose_and_tear_no_line() {
    const CALLS: u64 = 10_000;
    let dir = tempfile::tempdir().unwrap();
    let prof = format!("json:{0},snapshots:{0}", dir.path().join("both").display());
    let mut programs = [0; 2].map(|_| service(&prof).args(&["rotate=100000,90", "interval-ms=1"]).start());
    for program in &mut programs {
        program.tell(&format!("work {CALLS}"));
    }
    for program in &mut programs {
        assert_eq!(program.answer(), "done");
    }
    for mut program in programs {
        assert_eq!(program.ask("flush"), "flushed");
        assert_eq!((program.lost("json"), program.lost("json queue")), (0, 0));
        let ended = program.end().succeeded();
        assert_eq!(ended.stderr, "");
    }
    let found = Found::in_directory(dir.path());
    let expect = (2 * CALLS, 2 * CALLS, 2 * CALLS, 0);
    assert_eq!((found.successes, found.durations, found.calls, found.torn), expect);
    assert!(dir.path().join("both.10").exists(), "they were moved");
}

#[test]
fn a_device_is_left_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("null");
    // One like `/dev/null`. Only root makes devices, and only root could move the machine's.
    let made = mknodat(CWD, &path, FileType::CharacterDevice, Mode::RUSR | Mode::WUSR, makedev(1, 3));
    if made.is_err() || File::options().append(true).open(&path).is_err() {
        return;
    }
    let mut program = service(&format!("json:{0},snapshots:{0}", path.display())).arg("rotate=100,3").start();
    program.ask("work 100");
    assert_eq!(program.ask("flush"), "flushed");
    program.end().succeeded();
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_char_device());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_file_whose_place_a_device_took_for_a_while_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (path, moved) = (dir.path().join("points"), dir.path().join("moved"));
    let mut program = service(&format!("json:{}", path.display())).start();
    program.ask("work 3");
    assert_eq!(program.ask("flush"), "flushed");
    fs::rename(&path, &moved).unwrap();
    // Nothing can be written to it.
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    program.ask("work 4");
    assert_ne!(program.ask("flush"), "flushed");
    fs::remove_file(&path).unwrap();
    program.ask("work 5");
    assert_eq!(program.ask("flush"), "flushed");
    program.end();
    let points = |path| {
        let mut found = Found::default();
        found.add(&fs::read_to_string(path).unwrap());
        (found.points(), found.torn)
    };
    assert_eq!((points(&moved), points(&path)), ((6, 0), (10, 0)));
}

#[test]
fn stdout_and_links_are_left_in_their_place() {
    let dir = tempfile::tempdir().unwrap();
    // As `/dev/stdout` leads there: the machine's own is not to be at stake.
    std::os::unix::fs::symlink("/proc/self/fd/1", dir.path().join("stdout")).unwrap();
    let mut program = service("json:stdout").arg("rotate=100,3").directory(dir.path()).start();
    program.ask("work 3");
    assert_eq!(program.ask("flush"), "flushed");
    let mut found = Found::default();
    found.add(&program.end().succeeded().stdout);
    assert_eq!((found.points(), found.torn), (6, 0));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

    let (link, files) = (dir.path().join("link"), dir.path().join("files"));
    fs::create_dir(&files).unwrap();
    std::os::unix::fs::symlink("files/points", &link).unwrap();
    let mut program = service("json:link").arg("rotate=4096,90").directory(dir.path()).start();
    // The path is that of the start, wherever the program goes.
    program.ask("chdir /");
    program.ask("work 100");
    assert_eq!(program.ask("flush"), "flushed");
    program.end().succeeded();
    assert_eq!(fs::read_link(link).unwrap(), Path::new("files/points"));
    assert!(files.join("points.1").exists());
    assert_eq!(Found::in_directory(&files).points(), 200);
}

#[test]
fn what_the_console_cannot_write_is_counted() {
    let mut program = service("console").arg("answers=off").after("exec > /dev/full").spawn();
    for line in ["work 3", "put x"] {
        program.tell(line);
    }
    let ended = program.end().succeeded();
    let expect = "prof: 3 calls and 1 data point were lost on their way to console\n";
    assert!(ended.stderr.ends_with(expect), "{ended:?}");
    assert_eq!(ended.said("could not be written: No space left on device"), 1, "{ended:?}");
}

#[test]
fn each_of_two_parts_of_one_kind_counts_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("points");
    let prof = format!("json:/dev/full,json:{},snapshots:/dev/full,prometheus:0", path.display());
    let mut program = service(&prof).start();
    program.ask("work 3");
    let error = program.ask("flush");
    // It tells of both that failed, and of no other.
    let expect = "could not flush: could not flush metrics to json:/dev/full: 3 calls could not be written: No space";
    assert!(
        error.starts_with(expect) && error.contains("; could not flush metrics to snapshots:/dev/full: "),
        "{error}"
    );
    assert!(!error.contains("points"), "{error}");
    let scraped = scrape(&mut program);
    assert!(scraped.contains("\nprof_lost_total{target=\"json:/dev/full\",unit=\"calls\"} 3\n"), "{scraped}");
    let other = format!("\nprof_lost_total{{target=\"json:{}\",unit=\"calls\"}} 0\n", path.display());
    assert!(scraped.contains(&other), "{scraped}");
    let ended = program.end().succeeded();
    assert_eq!(ended.said("prof: 3 calls were lost on their way to json:/dev/full\n"), 1, "{ended:?}");
    assert_eq!(ended.said("prof: 1 snapshot was lost on its way to snapshots:/dev/full\n"), 1, "{ended:?}");
    assert_eq!((ended.said("lost"), Found::in_directory(dir.path()).points()), (2, 6), "{ended:?}");
}

#[test]
fn numbers_that_are_not_finite_cost_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["points", "numbers"].map(|name| dir.path().join(name));
    let prof = format!("json:{},snapshots:{}", paths[0].display(), paths[1].display());
    let mut program = service(&prof).start();
    let numbers = ["NaN", "inf", "-inf", "-0.0", "5e-324", "0.1"];
    for number in numbers {
        program.ask(&format!("gauge {number}"));
        program.ask("work 1");
        assert_eq!(program.ask("flush"), "flushed");
    }
    program.end().succeeded();
    let points = fs::read_to_string(&paths[0]).unwrap();
    let gauges = points.lines().filter_map(|line| {
        let value: Value = serde_json::from_str(line).unwrap();
        value.get("gauge").map(Value::to_string)
    });
    let expect = ["\"NaN\"", "\"Infinity\"", "\"-Infinity\"", "-0.0", "5e-324", "0.1"];
    assert_eq!(gauges.collect::<Vec<_>>(), expect);
    // Each line but that of the end, in which nothing happened.
    let lasts = fs::read_to_string(&paths[1]).unwrap();
    let lasts = lasts.lines().filter_map(|line| {
        let snapshot: Snapshot = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(snapshot.function("work").is_none_or(|function| function.calls() == 1));
        snapshot.value("gauge").map(|value| value.last.as_f64().to_bits())
    });
    let expect = numbers.map(|number| number.parse::<f64>().unwrap().to_bits());
    assert_eq!(lasts.collect::<Vec<_>>(), expect);
}
