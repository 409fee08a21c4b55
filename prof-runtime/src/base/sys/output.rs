//! Stdout and stderr, without the locks and buffers of the standard library.
#![allow(unsafe_code)]

use std::io::{self, Write};
use std::time::Duration;

/// An output of the process, without the lock and the buffer of the standard library: the thread that holds that lock
/// may be the one that exits, and it waits for the lines that are written here.
///
/// As in the standard library, a write to a closed output succeeds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

#[cfg(unix)]
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let descriptor = match self {
            Self::Stdout => libc::STDOUT_FILENO,
            Self::Stderr => libc::STDERR_FILENO,
        };
        // SAFETY: `bytes` lives until the call returns, which reads as many bytes as there are, and no more.
        let written = unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) };
        usize::try_from(written).or_else(|_| match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::EBADF) => Ok(bytes.len()),
            error => Err(error),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// On other systems, the standard library writes, since it translates text for terminals.
#[cfg(not(unix))]
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout => io::stdout().write(bytes),
            Self::Stderr => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().flush(),
            Self::Stderr => Ok(()),
        }
    }
}

/// Waits, at most for `timeout`, until a write to stderr does not block: until a pipe has room, or a terminal is no
/// longer stopped. A file never blocks. Returns `false` if a write would still block, or if stderr has lost its reader.
#[cfg(unix)]
pub(crate) fn stderr_accepts(timeout: Duration) -> bool {
    let mut stderr = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: `stderr` is one `pollfd`, which lives until the call returns.
    let ready = unsafe { libc::poll(&raw mut stderr, 1, timeout_ms) };
    // Where `poll` fails (a closed descriptor, devices on some systems), the caller writes anyway.
    let is_gone = stderr.revents & (libc::POLLERR | libc::POLLHUP) != 0;
    ready < 0 || (ready > 0 && !is_gone)
}

/// Other systems do not report in advance whether a write blocks.
#[cfg(not(unix))]
pub(crate) fn stderr_accepts(_: Duration) -> bool {
    true
}

/// Returns the number of columns of the terminal at stderr. `None` if stderr is no terminal, or its size is unknown.
#[cfg(all(unix, feature = "report"))]
pub(crate) fn stderr_columns() -> Option<usize> {
    // SAFETY: an all-zero `winsize` is valid; it lives until the call returns, which writes no more than that.
    let (result, size) = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        (libc::ioctl(libc::STDERR_FILENO, libc::TIOCGWINSZ, &raw mut size), size)
    };
    (result == 0 && size.ws_col > 0).then(|| size.ws_col.into())
}

/// Returns the number of columns of the terminal at stderr. `None` if stderr is no terminal, or its size is unknown.
#[cfg(all(windows, feature = "report"))]
pub(crate) fn stderr_columns() -> Option<usize> {
    terminal_size::terminal_size_of(io::stderr()).map(|(terminal_size::Width(columns), _)| columns.into())
}

/// The crate knows no terminals of other systems.
#[cfg(all(not(any(unix, windows)), feature = "report"))]
pub(crate) fn stderr_columns() -> Option<usize> {
    None
}
