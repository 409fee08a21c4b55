//! Lines that this crate writes to stderr: the only place that does.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::base::sys;
use crate::base::text::Foreign;

/// How long a line waits for a slow reader. Short, because an annotated function may be waiting.
const PATIENCE: Duration = Duration::from_millis(100);

/// Whether the last line found no reader in time. The next lines then do not wait.
static IS_STUCK: AtomicBool = AtomicBool::new(false);

/// Writes a line to stderr, escaped as [`Foreign`] text. Unlike `eprintln!`, it does not panic if stderr is closed, and
/// does not wait for a reader that has stopped: it leaves the line out.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let patience = if IS_STUCK.load(Ordering::Relaxed) { Duration::ZERO } else { PATIENCE };
    if takes(patience) {
        // One write, so that lines of other threads do not mix with it.
        let _ = write(shown(text).as_bytes(), PATIENCE);
    }
}

/// Waits until stderr accepts a line without blocking, at most for `timeout`. Returns whether it does.
pub(crate) fn takes(timeout: Duration) -> bool {
    let takes = sys::stderr_accepts(timeout);
    IS_STUCK.store(!takes, Ordering::Relaxed);
    takes
}

/// Writes to stderr without its lock. If stderr is non-blocking and full, waits for room, at most for `timeout` each
/// time.
///
/// # Errors
///
/// The error of the system.
pub(crate) fn write(mut bytes: &[u8], timeout: Duration) -> io::Result<()> {
    while !bytes.is_empty() {
        match sys::Output::Stderr.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && takes(timeout) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn shown(text: fmt::Arguments<'_>) -> String {
    format!("{:.4096}\n", Foreign(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::text::hostile;

    #[test]
    fn a_line_is_one_line_whatever_is_in_it() {
        let line = shown(format_args!("prof: {}", hostile::TEXT));
        hostile::check(&line, 1);
        assert!(line.starts_with("prof: n") && line.ends_with("x\n"), "{line}");
    }
}
