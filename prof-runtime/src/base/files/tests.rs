//! Files that rotate, whatever happens to them meanwhile.

use proptest::prelude::*;

use super::*;

fn contents(dir: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let read =
        |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap());
    let mut contents: Vec<_> = entries.map(read).collect();
    contents.sort();
    contents
}

#[track_caller]
fn check(max_bytes: u64, old_files: u32, lines: &[&str], expect: &[(&str, &str)]) {
    let dir = tempfile::tempdir().unwrap();
    let mut file = RotatingFile::open(dir.path().join("m")).unwrap().rotate(max_bytes, old_files);
    for line in lines {
        file.write_all(line.as_bytes()).unwrap();
    }
    let contents = contents(dir.path());
    let contents: Vec<_> = contents.iter().map(|(name, text)| (&**name, &**text)).collect();
    assert_eq!(contents, expect);
}

#[test]
fn files_stay_within_their_size_and_number() {
    check(4, 2, &["a\n", "b\n"], &[("m", "a\nb\n")]);
    check(4, 2, &["a\n", "b\n", "c\n"], &[("m", "c\n"), ("m.1", "a\nb\n")]);
    check(2, 2, &["a\n", "b\n", "c\n", "d\n"], &[("m", "d\n"), ("m.1", "c\n"), ("m.2", "b\n")]);
    check(2, 0, &["a\n", "b\n", "c\n"], &[("m", "c\n")]);
    check(2, 1, &["too long\n", "b\n"], &[("m", "b\n"), ("m.1", "too long\n")]);
    check(0, 1, &["a\n", "b\n"], &[("m", "b\n"), ("m.1", "a\n")]);
    check(u64::MAX, 1, &["a\n", "b\n"], &[("m", "a\nb\n")]);
}

#[test]
fn an_existing_file_is_appended_to_and_counts() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("m"), "old\n").unwrap();
    let mut file = RotatingFile::open(dir.path().join("m")).unwrap().rotate(6, 1);
    file.write_all(b"a\n").unwrap();
    file.write_all(b"b\n").unwrap();
    assert_eq!(contents(dir.path()), [("m".into(), "b\n".into()), ("m.1".into(), "old\na\n".into())]);
}

#[test]
fn a_path_that_cannot_be_written_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(RotatingFile::open(dir.path().join("no/m")).unwrap_err().kind(), io::ErrorKind::NotFound);
    RotatingFile::open(dir.path()).unwrap_err();
}

fn write(file: &mut RotatingFile, line: &str) {
    file.write_all(line.as_bytes()).unwrap();
    // What is done to the file from here on, it looks for.
    file.flush().unwrap();
}

fn write_each(file: &mut RotatingFile, lines: &[&str]) {
    for line in lines {
        write(file, line);
    }
}

#[track_caller]
fn has(dir: &Path, expect: &[(&str, &str)]) {
    let contents = contents(dir);
    let contents: Vec<_> = contents.iter().map(|(name, text)| (&**name, &**text)).collect();
    assert_eq!(contents, expect);
}

#[test]
fn what_cannot_be_moved_grows_within_a_bound_and_nothing_is_deleted() {
    for in_the_way in ["m.new", "m.1", "m.2"] {
        let dir = tempfile::tempdir().unwrap();
        let mut file = RotatingFile::open(dir.path().join("m")).unwrap().rotate(2, 2);
        write_each(&mut file, &["a\n", "b\n"]);
        if in_the_way == "m.2" {
            write(&mut file, "c\n");
            fs::remove_file(dir.path().join("m.2")).unwrap();
        }
        let blocked = dir.path().join(in_the_way);
        let _ = fs::rename(dir.path().join("m.1"), dir.path().join("kept"));
        fs::create_dir_all(blocked.join("in the way")).unwrap();
        if in_the_way != "m.1" {
            fs::rename(dir.path().join("kept"), dir.path().join("m.1")).unwrap();
        }
        write(&mut file, "d\n");
        for _ in 0..5 {
            let error = file.write_all(b"e\n").unwrap_err().to_string();
            assert!(error.contains("m is full and cannot be moved out of the way: "), "{error}");
        }
        assert!(fs::read_to_string(dir.path().join("m")).unwrap().ends_with("d\n"));
        let old = dir.path().join(if in_the_way == "m.1" { "kept" } else { "m.1" });
        assert_eq!(fs::read_to_string(&old).unwrap().len(), 2, "what is old is untouched");
        // It recovers by itself.
        fs::remove_dir_all(blocked).unwrap();
        write(&mut file, "f\n");
        assert_eq!(fs::read_to_string(dir.path().join("m")).unwrap(), "f\n");
        assert!(fs::read_to_string(dir.path().join("m.1")).unwrap().ends_with("d\n"));
    }
}

#[test]
fn a_file_that_was_moved_removed_or_replaced_is_made_anew() {
    for limit in [u64::MAX, 4] {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let mut file = RotatingFile::open(at("m")).unwrap().rotate(limit, 2);
        write(&mut file, "a\n");
        fs::rename(at("m"), at("moved")).unwrap();
        write(&mut file, "b\n");
        has(dir.path(), &[("m", "b\n"), ("moved", "a\n")]);
        fs::remove_file(at("m")).unwrap();
        write(&mut file, "c\n");
        has(dir.path(), &[("m", "c\n"), ("moved", "a\n")]);
        fs::rename(at("m"), at("moved")).unwrap();
        fs::write(at("m"), "d\n").unwrap();
        write(&mut file, "e\n");
        has(dir.path(), &[("m", "d\ne\n"), ("moved", "c\n")]);
    }
}

#[test]
fn a_file_that_was_emptied_has_all_its_room_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = RotatingFile::open(dir.path().join("m")).unwrap().rotate(4, 2);
    write_each(&mut file, &["a\n", "b\n"]);
    fs::OpenOptions::new().write(true).open(dir.path().join("m")).unwrap().set_len(0).unwrap();
    write_each(&mut file, &["c\n", "d\n"]);
    has(dir.path(), &[("m", "c\nd\n")]);
}

#[test]
fn a_directory_that_is_gone_is_an_error_until_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let mut file = RotatingFile::open(logs.join("m")).unwrap();
    write(&mut file, "a\n");
    fs::remove_dir_all(&logs).unwrap();
    let error = file.write_all(b"b\n").unwrap_err();
    assert!(error.to_string().contains("m is gone and could not be made anew: "), "{error}");
    fs::create_dir(&logs).unwrap();
    write(&mut file, "c\n");
    has(&logs, &[("m", "c\n")]);
}

#[test]
fn a_torn_line_is_ended_before_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m");
    fs::write(&path, "torn by a process before").unwrap();
    let mut file = RotatingFile::open(&path).unwrap();
    has(dir.path(), &[("m", "torn by a process before")]);
    write_each(&mut file, &["a\n", "b\n"]);
    has(dir.path(), &[("m", "torn by a process before\na\nb\n")]);
    // Cut by someone, in the middle of a line and at its end.
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(6).unwrap();
    write(&mut file, "c\n");
    has(dir.path(), &[("m", "torn b\nc\n")]);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(7).unwrap();
    write(&mut file, "d\n");
    has(dir.path(), &[("m", "torn b\nd\n")]);
    // By another writer.
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"e").unwrap();
    write(&mut file, "f\n");
    has(dir.path(), &[("m", "torn b\nd\ne\nf\n")]);
}

#[test]
fn a_line_may_be_written_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = RotatingFile::open(dir.path().join("m")).unwrap();
    writeln!(file, "{}-{}", 1, 2).unwrap();
    write(&mut file, "3");
    write(&mut file, "");
    write(&mut file, "-4\n");
    has(dir.path(), &[("m", "1-2\n3-4\n")]);
    // But not with someone else's line in between.
    write(&mut file, "5-");
    fs::OpenOptions::new().append(true).open(dir.path().join("m")).unwrap().write_all(b"torn").unwrap();
    write(&mut file, "6\n");
    has(dir.path(), &[("m", "1-2\n3-4\n5-torn\n6\n")]);
}

#[test]
fn what_a_process_left_that_ended_in_the_middle_of_a_move_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("m.new"), "").unwrap();
    fs::write(at("m"), "a\n").unwrap();
    fs::hard_link(at("m"), at("m.1")).unwrap();
    fs::write(at("m.oldest"), "0\n").unwrap();
    let mut file = RotatingFile::open(at("m")).unwrap().rotate(2, 1);
    write(&mut file, "b\n");
    has(dir.path(), &[("m", "b\n"), ("m.1", "a\n"), ("m.oldest", "0\n")]);
    write(&mut file, "c\n");
    has(dir.path(), &[("m", "c\n"), ("m.1", "b\n")]);
    // But what is not ours is not removed.
    fs::write(at("m.new"), "of someone else").unwrap();
    write(&mut file, "d\n");
    has(dir.path(), &[("m", "c\nd\n"), ("m.1", "b\n"), ("m.new", "of someone else")]);
}

#[test]
fn where_a_file_has_one_name_only_it_is_moved_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("m"), "old").unwrap();
    fs::write(at("m.new"), "").unwrap();
    swap_without_links(&at("m.new"), &at("m"), &at("m.1")).unwrap();
    has(dir.path(), &[("m", ""), ("m.1", "old")]);
    // With nothing to put in its place, it stays.
    swap_without_links(&at("m.new"), &at("m"), &at("m.2")).unwrap_err();
    has(dir.path(), &[("m", ""), ("m.1", "old")]);
}

#[test]
fn a_path_is_that_of_its_beginning() {
    let file = RotatingFile::open("Cargo.toml").unwrap();
    assert_eq!(file.path(), std::env::current_dir().unwrap().join("Cargo.toml"));
}

#[cfg(unix)]
mod special {
    use std::fs::File;
    use std::io::{BufRead as _, BufReader};
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

    use super::*;

    /// A pipe with a name. Others make devices, if they may: those of the machine are at stake here.
    fn node(path: &Path, kind: FileType, device: u64) -> io::Result<()> {
        Ok(mknodat(CWD, path, kind, Mode::RUSR | Mode::WUSR, device)?)
    }

    #[test]
    fn a_pipe_is_not_moved() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m");
        node(&path, FileType::Fifo, 0).unwrap();
        let error = RotatingFile::open(&path).unwrap_err();
        assert_eq!(error.to_string(), "nobody reads this pipe; start its reader first");
        let reader = File::options().read(true).write(true).open(&path).unwrap();
        let mut file = RotatingFile::open(&path).unwrap().rotate(2, 2);
        write_each(&mut file, &["a\n", "b\n", "c\n"]);
        let lines: Vec<_> = BufReader::new(reader).lines().take(3).map(Result::unwrap).collect();
        assert_eq!(lines, ["a", "b", "c"]);
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
        // With the reader gone it is an error, and a new one gets what comes then.
        file.write_all(b"d\n").unwrap_err();
        let reader = File::options().read(true).write(true).open(&path).unwrap();
        write(&mut file, "e\n");
        assert_eq!(BufReader::new(reader).lines().next().unwrap().unwrap(), "e");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_device_is_not_moved() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m");
        if node(&path, FileType::CharacterDevice, makedev(1, 3)).is_err() {
            // Only root makes devices, and only root could move one.
            return;
        }
        let Ok(file) = RotatingFile::open(&path) else {
            // Some file systems have no devices.
            return;
        };
        let mut file = file.rotate(2, 2);
        write_each(&mut file, &["a\n", "b\n", "c\n"]);
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_char_device());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_descriptor_of_the_process_is_not_moved() {
        let dir = tempfile::tempdir().unwrap();
        let output = File::create(dir.path().join("out")).unwrap();
        let mut file = RotatingFile::open(format!("/dev/fd/{}", output.as_raw_fd())).unwrap().rotate(2, 2);
        write_each(&mut file, &["a\n", "b\n", "c\n"]);
        has(dir.path(), &[("out", "a\nb\nc\n")]);
    }

    #[test]
    fn a_link_stays_and_its_file_is_moved() {
        let dir = tempfile::tempdir().unwrap();
        let (links, files) = (dir.path().join("links"), dir.path().join("files"));
        fs::create_dir(&links).unwrap();
        fs::create_dir(&files).unwrap();
        // One that leads to another, which leads to nothing yet.
        symlink("between", links.join("m")).unwrap();
        symlink("../files/m", links.join("between")).unwrap();
        let mut file = RotatingFile::open(links.join("m")).unwrap().rotate(2, 2);
        write_each(&mut file, &["a\n", "b\n"]);
        has(&files, &[("m", "b\n"), ("m.1", "a\n")]);
        assert_eq!(fs::read_link(links.join("m")).unwrap(), Path::new("between"));
        // Led elsewhere, to another file and to the same one.
        fs::remove_file(links.join("between")).unwrap();
        symlink("../files/n", links.join("between")).unwrap();
        write_each(&mut file, &["c\n", "d\n"]);
        has(&files, &[("m", "b\n"), ("m.1", "a\n"), ("n", "d\n"), ("n.1", "c\n")]);
        fs::rename(files.join("n"), files.join("o")).unwrap();
        fs::remove_file(links.join("between")).unwrap();
        symlink("../files/o", links.join("between")).unwrap();
        write(&mut file, "e\n");
        has(&files, &[("m", "b\n"), ("m.1", "a\n"), ("n.1", "c\n"), ("o", "e\n"), ("o.1", "d\n")]);
    }
}

/// Each line that was written is in one of the files, whole and once.
#[track_caller]
fn all_written_once(mut found: Vec<String>, mut written: Vec<String>) {
    found.sort_by_key(|line| line.parse::<u64>().unwrap_or_else(|error| panic!("{error}: {line:?}")));
    written.sort_by_key(|line| line.parse::<u64>().unwrap());
    assert_eq!(found, written);
}

fn lines_of(dir: &Path) -> Vec<String> {
    contents(dir).into_iter().flat_map(|(_, text)| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn several_that_write_to_one_path_lose_and_tear_nothing() {
    const WRITERS: u64 = 4;
    const EACH: u64 = 1500;
    let dir = tempfile::tempdir().unwrap();
    let written: Vec<String> = std::thread::scope(|scope| {
        let start = |writer: u64| {
            let path = dir.path().join("m");
            scope.spawn(move || {
                let mut file = RotatingFile::open(path).unwrap().rotate(1000, 1000);
                let lines = (0..EACH).map(|n| (writer * EACH + n).to_string());
                lines.inspect(|line| write(&mut file, &format!("{line}\n"))).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..WRITERS).map(start).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(dir.path().join("m.20").exists(), "it was moved");
    assert!(contents(dir.path()).iter().all(|(_, text)| text.len() < 2100), "twice the limit, and a line of each");
    all_written_once(lines_of(dir.path()), written);
}

#[cfg(unix)]
#[test]
fn a_lock_that_stays_taken_is_waited_for_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = RotatingFile::open(dir.path().join("m")).unwrap().rotate(2, 1);
    write(&mut file, "a\n");
    let other = fs::File::open(dir.path().join("m")).unwrap();
    assert!(try_lock(&other));
    write(&mut file, "b\n");
    for _ in 0..3 {
        let error = file.write_all(b"c\n").unwrap_err().to_string();
        assert!(error.contains("m is full and cannot be moved out of the way: "), "{error}");
        assert!(!file.is_patient);
    }
    unlock(&other);
    write(&mut file, "d\n");
    has(dir.path(), &[("m", "d\n"), ("m.1", "a\nb\n")]);
    assert!(file.is_patient);
}

/// What an operator does to a file.
#[derive(Clone, Debug)]
enum Step {
    Write(u8),
    Move,
    Remove,
    Replace,
    CopyAndEmpty,
    /// Leaves the file with a torn line.
    Tear,
    Block,
    Unblock,
    /// Has the process start anew.
    Restart,
}

proptest::proptest! {
    #[test]
    fn whatever_is_done_to_the_file_each_line_is_somewhere_or_failed(
        steps in proptest::collection::vec(proptest::prop_oneof![
            9 => (0_u8..9).prop_map(Step::Write),
            1 => Just(Step::Move),
            1 => Just(Step::Remove),
            1 => Just(Step::Replace),
            1 => Just(Step::CopyAndEmpty),
            1 => Just(Step::Tear),
            1 => Just(Step::Block),
            1 => Just(Step::Unblock),
            1 => Just(Step::Restart),
        ], 1..60),
        max_bytes in 0_u64..40,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let open = || RotatingFile::open(at("m")).unwrap().rotate(max_bytes, 1000);
        let (mut file, mut written, mut seen) = (open(), Vec::new(), Vec::new());
        let (mut n, mut moves) = (0_u64, 0);
        let text = || fs::read_to_string(at("m")).unwrap_or_default();
        for step in steps {
            match step {
                Step::Write(zeros) => {
                    n += 1;
                    let line = format!("{n}{}", "0".repeat(zeros.into()));
                    if file.write_all(format!("{line}\n").as_bytes()).is_ok() {
                        written.push(line);
                    }
                    if n % 2 == 0 {
                        file.flush().unwrap();
                    }
                }
                Step::Move => {
                    moves += 1;
                    let _ = fs::rename(at("m"), at(&format!("moved {moves}")));
                }
                Step::Remove | Step::CopyAndEmpty | Step::Replace => {
                    seen.extend(text().lines().map(str::to_owned));
                    match step {
                        Step::CopyAndEmpty if at("m").exists() => fs::write(at("m"), "").unwrap(),
                        _ => drop(fs::remove_file(at("m"))),
                    }
                    if matches!(step, Step::Replace) {
                        fs::write(at("m"), "").unwrap();
                    }
                }
                Step::Tear => {
                    let file = fs::OpenOptions::new().append(true).create(true).open(at("m"));
                    // Longer than all that is written here: a file that is emptied, and torn to the size that it had,
                    // is taken for that one.
                    let torn = "torn".repeat(100);
                    file.unwrap().write_all(torn.as_bytes()).unwrap();
                }
                Step::Block => fs::create_dir_all(at("m.new/full")).unwrap(),
                Step::Unblock => drop(fs::remove_dir_all(at("m.new"))),
                Step::Restart => file = open(),
            }
        }
        let _ = fs::remove_dir_all(at("m.new"));
        seen.extend(lines_of(dir.path()));
        seen.retain(|line| line.is_empty() || !line.trim_start_matches("torn").is_empty());
        all_written_once(seen, written);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_that_took_the_place_of_a_file_gives_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m");
    let mut file = RotatingFile::open(&path).unwrap();
    file.write_all(b"a\n").unwrap();
    fs::rename(&path, dir.path().join("moved")).unwrap();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    file.flush().unwrap();
    file.write_all(b"b\n").unwrap_err();
    fs::remove_file(&path).unwrap();
    file.flush().unwrap();
    file.write_all(b"c\n").unwrap();
    assert_eq!(contents(dir.path()), [("m".to_owned(), "c\n".to_owned()), ("moved".to_owned(), "a\n".to_owned())]);
}
