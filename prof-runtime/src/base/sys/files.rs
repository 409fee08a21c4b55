//! Files: opening, identity and locks.
#![allow(unsafe_code)]

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use std::ffi::{CStr, CString};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a file without waiting for the reader of a named pipe. Writes to the file block as usual.
///
/// # Errors
///
/// If the path is a pipe that nobody reads, or cannot be opened.
#[cfg(unix)]
pub(crate) fn open_at_once(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let opened = options.custom_flags(libc::O_NONBLOCK).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ENXIO) => io::Error::new(error.kind(), "nobody reads this pipe; start its reader first"),
        _ => error,
    })?;
    // SAFETY: the descriptor is open as long as `file` is; these calls take and return integers.
    let is_set = unsafe {
        let flags = libc::fcntl(file.as_raw_fd(), libc::F_GETFL);
        flags >= 0 && libc::fcntl(file.as_raw_fd(), libc::F_SETFL, flags & !libc::O_NONBLOCK) >= 0
    };
    if is_set { Ok(file) } else { Err(io::Error::last_os_error()) }
}

/// Without named pipes, no `open` waits.
#[cfg(not(unix))]
pub(crate) fn open_at_once(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.open(path)
}

/// The metadata of a file that `find` and `find_open` return.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Device and inode.
    pub(crate) identity: (u64, u64),
    pub(crate) size_bytes: u64,
    /// How many names it has.
    pub(crate) names: u32,
}

/// Returns the metadata of the file at a path.
///
/// Unlike [`std::fs::metadata`], does not read the times: after they were read, the next write to the file stores times
/// of a finer resolution, and takes more than twice as long.
///
/// # Errors
///
/// If there is no file, or its metadata cannot be read.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn find(path: &Path) -> io::Result<Found> {
    use std::os::unix::ffi::OsStrExt as _;

    statx(libc::AT_FDCWD, &CString::new(path.as_os_str().as_bytes())?, 0)
}

/// Returns the metadata of an open file, in a third of the time that [`find`] takes.
///
/// # Errors
///
/// If the metadata cannot be read.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn find_open(file: &File) -> io::Result<Found> {
    use std::os::fd::AsRawFd as _;

    statx(file.as_raw_fd(), c"", libc::AT_EMPTY_PATH)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn statx(directory: i32, path: &CStr, flags: i32) -> io::Result<Found> {
    let mask = libc::STATX_INO | libc::STATX_NLINK | libc::STATX_SIZE;
    // SAFETY: an all-zero `statx` is valid; it and `path` live until the call returns.
    let (result, found) = unsafe {
        let mut found: libc::statx = std::mem::zeroed();
        (libc::statx(directory, path.as_ptr(), flags, mask, &raw mut found), found)
    };
    match result {
        0 => Ok(Found {
            identity: (libc::makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino),
            size_bytes: found.stx_size,
            names: found.stx_nlink,
        }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A change of the advisory lock of a file. None of them waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lock {
    /// Take it exclusively.
    Exclusive,
    /// Take it shared.
    Shared,
    /// Release it.
    Release,
}

/// Changes the advisory lock of a file. Returns `false` if another open file has a conflicting lock, and `true` where
/// the file system or the operating system has no locks.
pub(crate) fn flock(file: &File, lock: Lock) -> bool {
    #[cfg(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "linux",
        target_os = "netbsd",
        target_os = "openbsd",
        target_vendor = "apple"
    ))]
    {
        use std::os::fd::AsRawFd as _;

        let operation = match lock {
            Lock::Exclusive => libc::LOCK_EX | libc::LOCK_NB,
            Lock::Shared => libc::LOCK_SH | libc::LOCK_NB,
            Lock::Release => libc::LOCK_UN,
        };
        // SAFETY: the descriptor is open as long as `file` is; the call takes and returns integers.
        let is_refused = unsafe { libc::flock(file.as_raw_fd(), operation) != 0 };
        if is_refused && io::Error::last_os_error().raw_os_error() == Some(libc::EWOULDBLOCK) {
            return false;
        }
    }
    let _ = (file, lock);
    true
}
