//! Stdout and stderr, without the locks and buffers of the standard library.
#![allow(unsafe_code)]

use std::io::{self, Write};
use std::time::Duration;

/// An output of the process, without the lock and the buffer that the standard library puts around it: a thread that
/// holds the lock may be the one that exits, and waits for what is written here.
///
/// As in the standard library, what is written to an output that is closed counts as written.
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

/// Other systems translate what is written to a terminal, which the standard library does.
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

/// Waits, at most for `timeout`, until a write to stderr would not block: a pipe has room, a terminal is not
/// stopped; a file never blocks. Returns `false` if it would block still, or if stderr has lost its reader.
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

/// Other systems do not tell beforehand whether a write would wait.
#[cfg(not(unix))]
pub(crate) fn stderr_accepts(_: Duration) -> bool {
    true
}

/// Returns how many columns the terminal has that stderr is. `None` if stderr is none, or does not know.
#[cfg(all(unix, feature = "report"))]
pub(crate) fn stderr_columns() -> Option<usize> {
    // SAFETY: an all-zero `winsize` is valid; it lives until the call returns, which writes no more than that.
    let (result, size) = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        (libc::ioctl(libc::STDERR_FILENO, libc::TIOCGWINSZ, &raw mut size), size)
    };
    (result == 0 && size.ws_col > 0).then(|| size.ws_col.into())
}

/// Returns how many columns the terminal has that stderr is. `None` if stderr is none, or does not know.
#[cfg(all(windows, feature = "report"))]
pub(crate) fn stderr_columns() -> Option<usize> {
    terminal_size::terminal_size_of(io::stderr()).map(|(terminal_size::Width(columns), _)| columns.into())
}

/// No other system has terminals of which this crate knows.
#[cfg(all(not(any(unix, windows)), feature = "report"))]
pub(crate) fn stderr_columns() -> Option<usize> {
    None
}
