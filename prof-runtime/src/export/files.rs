//! A file that makes room for itself.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::sys;

/// A file that is appended to, and moved out of the way when it is full: `PATH` becomes `PATH.1`, `PATH.1` becomes
/// `PATH.2`, and the oldest is removed.
///
/// What is written by one call is never divided between two files, so that lines stay whole. A write that fails half-way,
/// as on a full disk, leaves a line without an end; the next one that succeeds begins on a line of its own.
///
/// # Examples
///
/// ```
/// use prof_runtime::export::RotatingFile;
/// use std::io::Write as _;
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("metrics.json");
/// let mut file = RotatingFile::open(&path)?.rotate(8, 2);
/// for line in ["one\n", "two\n", "three\n"] {
///     file.write_all(line.as_bytes())?;
/// }
/// assert_eq!(std::fs::read_to_string(&path)?, "three\n");
/// assert_eq!(std::fs::read_to_string(path.with_extension("json.1"))?, "one\ntwo\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    file: File,
    size_bytes: u64,
    max_bytes: u64,
    old_files: u32,
    /// The last line has no end.
    is_torn: bool,
}

impl RotatingFile {
    /// Opens a file to be appended to; it is made if there is none, its directory is not. It grows without a bound until
    /// [`rotate`](Self::rotate) says otherwise.
    ///
    /// # Errors
    ///
    /// If it cannot be opened for writing, or is a named pipe that nobody reads: it is not waited for.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let (file, size_bytes) = append_to(&path)?;
        Ok(Self { path, file, size_bytes, max_bytes: u64::MAX, old_files: 0, is_torn: false })
    }

    /// Moves the file out of the way before it would become larger than `max_bytes`, and keeps `old_files` of those
    /// before it; with 0 of them, it starts over in the same file. A single write that is larger has a file of its own.
    #[must_use]
    pub fn rotate(mut self, max_bytes: u64, old_files: u32) -> Self {
        self.max_bytes = max_bytes;
        self.old_files = old_files;
        self
    }

    /// Returns where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn old(&self, age: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{age}"));
        name.into()
    }

    fn start_over(&mut self) -> io::Result<()> {
        for age in (1..self.old_files).rev() {
            match fs::rename(self.old(age), self.old(age + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.old_files > 0 {
            fs::rename(&self.path, self.old(1))?;
            (self.file, self.size_bytes) = append_to(&self.path)?;
        } else {
            self.file.set_len(0)?;
            self.size_bytes = 0;
        }
        self.is_torn = false;
        Ok(())
    }
}

/// The file, and how large it is.
fn append_to(path: &Path) -> io::Result<(File, u64)> {
    let file = sys::open_at_once(OpenOptions::new().append(true).create(true), path)?;
    let size_bytes = file.metadata()?.len();
    Ok((file, size_bytes))
}

impl Write for RotatingFile {
    /// Writes all of `bytes`, or fails.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len() as u64;
        if self.size_bytes > 0 && self.size_bytes.saturating_add(length) > self.max_bytes {
            self.start_over()?;
        }
        if self.is_torn {
            self.file.write_all(b"\n")?;
            self.size_bytes += 1;
        }
        self.is_torn = true;
        self.file.write_all(bytes)?;
        self.is_torn = false;
        self.size_bytes += length;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn what_cannot_be_moved_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("m.1/in the way")).unwrap();
        let mut file = RotatingFile::open(dir.path().join("m")).unwrap().rotate(2, 1);
        file.write_all(b"a\n").unwrap();
        file.write_all(b"b\n").unwrap_err();
        assert_eq!(fs::read_to_string(dir.path().join("m")).unwrap(), "a\n");
        fs::remove_dir_all(dir.path().join("m.1")).unwrap();
        file.write_all(b"c\n").unwrap();
        assert_eq!(contents(dir.path()), [("m".into(), "c\n".into()), ("m.1".into(), "a\n".into())]);
    }
}
