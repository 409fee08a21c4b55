//! The named pipe of a server: created or taken over, locked, and removed only by its owner.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, Stat, fchmod, flock, fstat, mkfifoat, openat, statat,
    unlinkat,
};
use rustix::io::Errno;

use crate::timers::Pid;

/// Only the owner may write: a writer can have the owner's processes killed.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// The capacity that a pipe gets, if the system allows it: some ten thousand requests.
const CAPACITY_BYTES: usize = 1 << 20;

/// The number of tries on a path that changes while the server opens it.
const MAX_TRIES: usize = 8;

/// Why a server cannot take a named pipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipeError {
    /// Another server reads from it.
    #[error("{path:?} is served already{}", holder.map_or(String::new(), |pid| format!(", by process {pid}")))]
    Held {
        /// The path.
        path: PathBuf,
        /// The process of that server, if the system shows it.
        holder: Option<Pid>,
    },
    /// The path leads to something else.
    #[error("{path:?} is {kind}, not a named pipe")]
    NotAPipe {
        /// The path.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// The pipe belongs to another user.
    #[error("{path:?} belongs to user {uid}")]
    NotOwned {
        /// The path.
        path: PathBuf,
        /// The user.
        uid: u32,
    },
    /// The operating system refused.
    #[error("cannot {action} {path:?}")]
    Os {
        /// What was tried.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// A named pipe that only this server reads from.
#[derive(Debug)]
pub(crate) struct Pipe {
    /// Open for reading and writing, so that it has no end of file without writers, and its open does not wait for one.
    fd: OwnedFd,
    path: PathBuf,
    identity: (u64, u64),
}

impl Pipe {
    /// Creates the pipe, or takes over one that a server has left behind.
    pub(crate) fn take(path: &Path) -> Result<Self, PipeError> {
        for _ in 0..MAX_TRIES {
            match mkfifoat(CWD, path, PRIVATE) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(os("create", path, errno)),
            }
            if let Some(pipe) = Self::open(path)? {
                return Ok(pipe);
            }
        }
        Err(os("open", path, Errno::AGAIN))
    }

    /// Opens the pipe on the path. Returns none if the path changes meanwhile.
    fn open(path: &Path) -> Result<Option<Self>, PipeError> {
        // Checked first, because the open of a device can have effects.
        match stat_path(path) {
            Ok(stat) => check(path, &stat)?,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(os("read the status of", path, errno)),
        }
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = match openat(CWD, path, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::LOOP) => return Ok(None),
            Err(errno) => return Err(os("open", path, errno)),
        };
        let stat = fstat(&fd).map_err(|errno| os("read the status of", path, errno))?;
        check(path, &stat)?;
        lock(path, &fd, &stat)?;
        fchmod(&fd, PRIVATE).map_err(|errno| os("protect", path, errno))?;
        // The default capacity suffices, too.
        let _ = rustix::pipe::fcntl_setpipe_size(&fd, CAPACITY_BYTES);
        let pipe = Self { fd, path: path.to_owned(), identity: identity(&stat) };
        Ok(pipe.is_in_place().then_some(pipe))
    }

    /// Returns whether the path still leads to this pipe.
    pub(crate) fn is_in_place(&self) -> bool {
        stat_path(&self.path).is_ok_and(|stat| identity(&stat) == self.identity)
    }

    /// Removes the path, if it still leads to this pipe.
    pub(crate) fn remove(&self) {
        if self.is_in_place() {
            let _ = unlinkat(CWD, &self.path, AtFlags::empty());
        }
    }

    /// Reads at most the length of `buffer`. Returns zero if the pipe is empty.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match rustix::io::read(&self.fd, buffer) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            read => Ok(read?),
        }
    }
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Takes the lock. It ends with the last process that holds the descriptor, however that ends.
fn lock(path: &Path, fd: &OwnedFd, stat: &Stat) -> Result<(), PipeError> {
    match flock(fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(Errno::WOULDBLOCK) => {
            let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
            Err(PipeError::Held { path: path.to_owned(), holder: holder(&locks, stat.st_ino) })
        }
        Err(errno) => Err(os("lock", path, errno)),
    }
}

/// Finds the process that holds the lock of a file, in lines `1: FLOCK  ADVISORY  WRITE <pid> <device>:<inode> 0 EOF`.
fn holder(locks: &str, inode: u64) -> Option<Pid> {
    let suffix = format!(":{inode}");
    let mut lines = locks.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let line =
        lines.find(|line| line.get(1) == Some(&"FLOCK") && line.get(5).is_some_and(|id| id.ends_with(&suffix)))?;
    line.get(4)?.parse().ok().map(Pid)
}

fn check(path: &Path, stat: &Stat) -> Result<(), PipeError> {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Fifo if stat.st_uid == rustix::process::geteuid().as_raw() => return Ok(()),
        FileType::Fifo => return Err(PipeError::NotOwned { path: path.to_owned(), uid: stat.st_uid }),
        FileType::Symlink => "a symbolic link",
        FileType::Directory => "a folder",
        FileType::RegularFile => "a file",
        _ => "something else",
    };
    Err(PipeError::NotAPipe { path: path.to_owned(), kind })
}

fn stat_path(path: &Path) -> Result<Stat, Errno> {
    statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

fn os(action: &'static str, path: &Path, errno: Errno) -> PipeError {
    PipeError::Os { action, path: path.to_owned(), source: errno.into() }
}

#[cfg(test)]
mod tests {
    use super::holder;
    use crate::timers::Pid;

    #[test]
    fn the_holder_of_a_lock_is_found_by_the_file() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 00:19:42 0 EOF\n2: FLOCK  ADVISORY  WRITE 12 00:19:142 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 13 00:19:42 0 EOF\n";
        assert_eq!(holder(locks, 42), Some(Pid(13)));
        assert_eq!(holder(locks, 2), None);
        assert_eq!(holder("", 42), None);
    }
}
