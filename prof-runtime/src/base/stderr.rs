//! The one way in which this crate speaks for itself.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::base::sys;
use crate::base::text::Foreign;

/// How long a line waits for a reader that is slow. It may be an annotated function that waits.
const PATIENCE: Duration = Duration::from_millis(100);

/// The last line found no reader in time: the next ones do not wait.
static IS_STUCK: AtomicBool = AtomicBool::new(false);

/// Writes a line to stderr, as [`Foreign`] text whatever is in it. Unlike `eprintln!`, it does not panic if no one can
/// read it, and does not wait for a reader that has stopped: the line is left out then.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let patience = if IS_STUCK.load(Ordering::Relaxed) { Duration::ZERO } else { PATIENCE };
    if takes(patience) {
        // One write, so that lines of other threads do not come in between.
        let _ = write(shown(text).as_bytes(), PATIENCE);
    }
}

/// Waits until stderr takes a line without making its writer wait, at most for `timeout`. Returns whether it does.
pub(crate) fn takes(timeout: Duration) -> bool {
    let takes = sys::stderr_accepts(timeout);
    IS_STUCK.store(!takes, Ordering::Relaxed);
    takes
}

/// Writes to stderr whatever locks the program holds. Waits at most for `timeout` wherever stderr, which someone has
/// made non-blocking, takes no more.
///
/// # Errors
///
/// That of the system.
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
