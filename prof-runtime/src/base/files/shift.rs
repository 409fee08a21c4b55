//! Renames old files: each gets the next number.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The renames that made `PATH.1` free, so that they can be undone.
///
/// Only the files before the first free number are renamed. The oldest is renamed to `PATH.oldest`, and removed by
/// [`finish`](Self::finish).
#[derive(Debug)]
pub(super) struct Shift {
    /// Old and new path of each rename, in order.
    moved: Vec<(PathBuf, PathBuf)>,
    oldest: PathBuf,
}

/// `PATH.SUFFIX`.
pub(super) fn with_suffix(path: &Path, suffix: impl std::fmt::Display) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{suffix}"));
    name.into()
}

impl Shift {
    /// Renames the old files of `path`, each to the next number. `kept` is the number of old files to keep.
    ///
    /// # Errors
    ///
    /// If one cannot be renamed, or is not a file. All then have their old names.
    pub(super) fn begin(path: &Path, kept: u32) -> io::Result<Self> {
        let old = |age: u32| with_suffix(path, age);
        let mut shift = Self { moved: Vec::new(), oldest: with_suffix(path, "oldest") };
        let mut last = 0;
        while last < kept && exists(&old(last + 1))? {
            last += 1;
        }
        for age in (1..=last).rev() {
            let to = if age == kept { shift.oldest.clone() } else { old(age + 1) };
            if let Err(error) = fs::rename(old(age), &to) {
                shift.undo();
                return Err(error);
            }
            shift.moved.push((old(age), to));
        }
        Ok(shift)
    }

    /// Removes the oldest.
    pub(super) fn finish(self) {
        if self.moved.iter().any(|(_, to)| *to == self.oldest) {
            // If it cannot be removed, the next `PATH.oldest` overwrites it.
            let _ = fs::remove_file(self.oldest);
        }
    }

    /// Undoes all renames.
    pub(super) fn undo(self) {
        for (from, to) in self.moved.into_iter().rev() {
            // A file that cannot be renamed back keeps the name of an old file.
            let _ = fs::rename(to, from);
        }
    }
}

/// Returns whether an old file exists at the path.
///
/// # Errors
///
/// If the path leads to anything but a file, which must not be moved.
fn exists(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(true),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is no file", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let read = |entry: fs::DirEntry| {
            format!("{}={}", entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
        };
        let mut names: Vec<String> = fs::read_dir(dir).unwrap().map(|entry| read(entry.unwrap())).collect();
        names.sort();
        names
    }

    #[track_caller]
    fn check(before: &[&str], kept: u32, shifted: &[&str], finished: &[&str]) {
        for undoes in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            for name in before {
                fs::write(dir.path().join(name), name.rsplit('.').next().unwrap()).unwrap();
            }
            let untouched = names(dir.path());
            let shift = Shift::begin(&dir.path().join("m"), kept).unwrap();
            assert_eq!(names(dir.path()), shifted);
            if undoes {
                shift.undo();
                assert_eq!(names(dir.path()), untouched);
            } else {
                shift.finish();
                assert_eq!(names(dir.path()), finished);
            }
        }
    }

    #[test]
    fn old_files_move_on_up_to_the_first_free_number() {
        check(&[], 2, &[], &[]);
        check(&["m.1"], 2, &["m.2=1"], &["m.2=1"]);
        check(&["m.1", "m.2"], 3, &["m.2=1", "m.3=2"], &["m.2=1", "m.3=2"]);
        check(&["m.1", "m.2"], 2, &["m.2=1", "m.oldest=2"], &["m.2=1"]);
        check(&["m.2", "m.3"], 3, &["m.2=2", "m.3=3"], &["m.2=2", "m.3=3"]);
        check(&["m.1", "m.3"], 3, &["m.2=1", "m.3=3"], &["m.2=1", "m.3=3"]);
        check(&["m.1", "m.2", "m.9"], 1, &["m.2=2", "m.9=9", "m.oldest=1"], &["m.2=2", "m.9=9"]);
    }

    #[test]
    fn what_is_no_file_stays_and_so_do_the_others() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("m.1"), "1").unwrap();
        fs::create_dir(dir.path().join("m.2")).unwrap();
        let error = Shift::begin(&dir.path().join("m"), 2).unwrap_err();
        assert!(error.to_string().ends_with("m.2 is no file"), "{error}");
        assert_eq!(fs::read_to_string(dir.path().join("m.1")).unwrap(), "1");
    }
}
