//! The one way in which this crate speaks for itself.

use std::fmt;
use std::io::Write as _;

/// Writes a line to stderr. Unlike `eprintln!`, it does not panic if no one can read it.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    // One write, so that lines of other threads do not come in between.
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}
