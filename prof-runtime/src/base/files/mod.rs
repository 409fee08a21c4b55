//! A file that rotates itself.

mod live;
mod lock;
mod shift;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::live::{Found, Kind, Live};
use self::lock::{try_lock, unlock};
use self::shift::{Shift, with_suffix};
use crate::base::clock;
use crate::base::stderr;

/// A file that is appended to, and moved out of the way when it is full: `PATH` becomes `PATH.1`, `PATH.1` becomes
/// `PATH.2`, and the oldest is removed.
///
/// - One call of `write` never spans two files: write whole lines, and they stay whole. If the last line is torn (a
///   write failed half-way, a process ended in the middle of one, someone cut the file), the next write begins with a
///   line break.
/// - If someone else moves, removes or replaces the file, as `logrotate` does, the next write goes into a new file at
///   the path; in a burst of writes, the moved file may receive lines for up to 1 ms more. If someone empties the file,
///   the next write goes to its start.
/// - Several processes, and several `RotatingFile`s in one process, may write to one path if they have the same limits:
///   one moves the file, and the others switch to the new one. An advisory lock keeps them apart.
/// - A new file is open before an old one is moved or removed, and a move that fails is taken back. While the file
///   cannot be moved, as when there are no descriptors, it grows up to twice its limit, and further writes fail. As
///   soon as it can be moved again, all is as before.
/// - Only regular files are moved. A link stays, and the file that it leads to is moved where it is. Pipes, devices,
///   and the names of the process' own descriptors, such as `/dev/stdout`, are written to and left in their place.
///
/// Beside the file, `PATH.new` and `PATH.oldest` exist while it is moved.
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
    /// Absolute, so that it stays the same when the process changes its directory.
    path: PathBuf,
    live: Live,
    max_bytes: u64,
    old_files: u32,
    /// When the path was last checked; `None` after a flush, so that the next write checks it.
    looked_at: Option<Instant>,
    /// Whether the current failure was reported on stderr already.
    is_told: bool,
    /// Whether to wait for another process that moves the file; `false` after one such wait took too long.
    is_patient: bool,
    /// The process that opened the file. A forked child shares the parent's lock, so it opens the file again.
    process_id: u32,
    /// Whether the path led to a device or a pipe when it was first opened.
    is_of_device: bool,
}

impl RotatingFile {
    /// Opens a file for appending. Creates the file if it does not exist, but not its directory. The file grows without
    /// a bound unless [`rotate`](Self::rotate) sets one.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened for writing, or is a named pipe that nobody reads; this does not wait for a reader.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = std::path::absolute(path.into())?;
        let live = Live::open(&path)?;
        Ok(Self {
            path,
            is_of_device: live.kind == Kind::Special,
            live,
            max_bytes: u64::MAX,
            old_files: 0,
            looked_at: None,
            is_told: false,
            is_patient: true,
            process_id: std::process::id(),
        })
    }

    /// Moves the file out of the way before it would become larger than `max_bytes`, and keeps `old_files` old files;
    /// with 0, the file is emptied instead. A single write larger than `max_bytes` gets a file of its own.
    #[must_use]
    pub fn rotate(mut self, max_bytes: u64, old_files: u32) -> Self {
        self.max_bytes = max_bytes;
        self.old_files = old_files;
        self
    }

    /// Returns the absolute path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Rotates the file if `bytes` more would exceed its limit, if that is possible. Returns the size of the file in
    /// bytes.
    fn make_room(&mut self, bytes: u64) -> io::Result<u64> {
        let limit = self.max_bytes.saturating_mul(2);
        let mut size = self.check_open_file()?;
        if !self.is_full(size, bytes) {
            return Ok(size);
        }
        size = self.follow_path()?;
        let mut deadline = None;
        let unmoved = loop {
            if !self.is_full(size, bytes) {
                return Ok(size);
            }
            match self.start_over() {
                Ok(()) => {}
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => break error,
                Err(_) if size.saturating_add(bytes) <= limit => return Ok(size),
                Err(_) => std::thread::yield_now(),
            }
            size = self.follow_path()?;
            // Other processes may also fill each new file before this one writes a line.
            if self.is_full(size, bytes) && !self.waits_on(&mut deadline) {
                break io::Error::new(io::ErrorKind::WouldBlock, "other processes have it");
            }
        };
        if size.saturating_add(bytes) > limit {
            let message = format!("{} is full and cannot be moved out of the way: {unmoved}", self.path.display());
            return Err(io::Error::new(unmoved.kind(), message));
        }
        self.tell(&format!("could not be moved out of the way: {unmoved}; it grows to {limit} bytes at most"));
        Ok(size)
    }

    /// Whether to wait on for another process that moves the file or writes a line. Both take an instant, unless that
    /// process is stopped.
    fn waits_on(&mut self, deadline: &mut Option<Instant>) -> bool {
        const PATIENCE: Duration = Duration::from_secs(1);
        let deadline = *deadline.get_or_insert_with(|| clock::deadline(PATIENCE));
        self.is_patient &= clock::monotonic() < deadline;
        self.is_patient
    }

    fn is_full(&self, size: u64, bytes: u64) -> bool {
        matches!(self.live.kind, Kind::Regular(_)) && size > 0 && size.saturating_add(bytes) > self.max_bytes
    }

    /// Checks the open file, and once in `BURST` the path as well. Returns the size of the file in bytes.
    fn check_open_file(&mut self) -> io::Result<u64> {
        /// How long a burst of writes may go into a moved file. It still has a name, so no line is lost.
        const BURST: Duration = Duration::from_millis(1);
        let now = clock::monotonic();
        if self.looked_at.is_some_and(|before| now.saturating_duration_since(before) < BURST) {
            match Found::open(&self.live.file) {
                Ok(found) if found.has_a_name => return Ok(found.size_bytes),
                _ => {}
            }
        }
        let size = self.follow_path()?;
        self.looked_at = Some(now);
        Ok(size)
    }

    /// Reopens the file if another one is at the path now. Returns the size of the open file in bytes.
    fn follow_path(&mut self) -> io::Result<u64> {
        if self.live.kind == Kind::Descriptor {
            return Ok(0);
        }
        match (Found::at(&self.path), &self.live.kind) {
            (Ok(found), _) if self.live.is(&found) => return Ok(found.size_bytes),
            (Ok(_), _) => self.reopen()?,
            (Err(error), Kind::Regular(_)) if error.kind() == io::ErrorKind::NotFound => self.reopen()?,
            // A device took the place of a regular file for a while.
            (Err(error), Kind::Special) if error.kind() == io::ErrorKind::NotFound && !self.is_of_device => {
                self.reopen()?;
            }
            // A missing pipe or device is not created again; and where the path cannot be examined, the file may still
            // exist.
            (Err(_), _) => {}
        }
        Found::open(&self.live.file).map(|found| found.size_bytes)
    }

    /// Opens the file that is now at the path. If that fails, keeps the open file as long as it has a name elsewhere.
    fn reopen(&mut self) -> io::Result<()> {
        match Live::open(&self.path) {
            Ok(live) => {
                self.live = live;
                self.process_id = std::process::id();
                (self.is_told, self.is_patient) = (false, true);
            }
            Err(error) if Found::open(&self.live.file).is_ok_and(|found| found.has_a_name) => {
                self.tell(&format!("was replaced, and could not be opened: {error}; lines go to where it was moved"));
            }
            Err(error) => {
                let message = format!("{} is gone and could not be made anew: {error}", self.path.display());
                return Err(io::Error::new(error.kind(), message));
            }
        }
        Ok(())
    }

    /// Starts a new file, unless another process has done so.
    ///
    /// # Errors
    ///
    /// If the file cannot be moved or created. No file has changed then.
    fn start_over(&mut self) -> io::Result<()> {
        if self.process_id != std::process::id() {
            // A file that was opened before a fork has one lock for both processes.
            self.live = Live::open(&self.path)?;
            self.process_id = std::process::id();
        }
        let Kind::Regular(real) = self.live.kind.clone() else { return Ok(()) };
        if !try_lock(&self.live.file) {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "another process has it"));
        }
        let started = self.start_over_locked(&real);
        unlock(&self.live.file);
        if let Some(next) = started? {
            self.live = next;
            (self.is_told, self.is_patient) = (false, true);
        }
        Ok(())
    }

    /// Returns the new file. Returns `None` if the old one was emptied instead, or another process moved it.
    fn start_over_locked(&mut self, real: &Path) -> io::Result<Option<Live>> {
        // Another `RotatingFile` may have moved the file before this one got the lock.
        if !self.live.is_at(real) {
            return self.live.resolve_again(&self.path).map(|()| None);
        }
        if self.old_files == 0 {
            return self.live.truncate().map(|()| None);
        }
        if self.live.is_at(&with_suffix(real, 1)) {
            // A second hard link, left by a process that ended in the middle of a move.
            fs::remove_file(with_suffix(real, 1))?;
        }
        let new_path = with_suffix(real, "new");
        let next = Live::create(&new_path, &self.live)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", new_path.display())))?;
        let swapped = Shift::begin(real, self.old_files).and_then(|shift| {
            match swap(&new_path, real, &with_suffix(real, 1)) {
                Ok(()) => shift.finish(),
                Err(error) => {
                    shift.undo();
                    return Err(error);
                }
            }
            Ok(())
        });
        if let Err(error) = swapped {
            // The new file is still empty.
            let _ = fs::remove_file(&new_path);
            return Err(error);
        }
        Ok(Some(next))
    }

    /// Reports a failure on stderr, once until the file works again.
    fn tell(&mut self, what: &str) {
        if !std::mem::replace(&mut self.is_told, true) {
            stderr::line(format_args!("prof: {} {what}", self.path.display()));
        }
    }
}

/// Replaces the file at `real` by `new`, and keeps it as `old`. A file exists at `real` all the time, so that no other
/// process creates one in between.
fn swap(new: &Path, real: &Path, old: &Path) -> io::Result<()> {
    if fs::hard_link(real, old).is_err() {
        return swap_without_links(new, real, old);
    }
    fs::rename(new, real).inspect_err(|_| {
        // The file keeps its name `real`.
        let _ = fs::remove_file(old);
    })
}

/// Does the same on file systems without hard links. If another process creates a file at `real` in between, that file
/// stays.
fn swap_without_links(new: &Path, real: &Path, old: &Path) -> io::Result<()> {
    fs::rename(real, old)?;
    if fs::symlink_metadata(real).is_ok() {
        return fs::remove_file(new);
    }
    fs::rename(new, real).inspect_err(|_| {
        // If this fails too, the file keeps its name as an old file.
        let _ = fs::rename(old, real);
    })
}

impl Write for RotatingFile {
    /// Writes all of `bytes`, or fails.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.make_room(bytes.len() as u64)?;
        self.live.append(bytes, size)?;
        Ok(bytes.len())
    }

    /// Makes the next write check which file is at the path. Nothing is buffered.
    fn flush(&mut self) -> io::Result<()> {
        self.looked_at = None;
        self.live.file.flush()
    }
}
