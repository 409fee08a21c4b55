//! The one way in which this crate speaks for itself.

use std::fmt;
use std::io::Write as _;

/// Writes a line to stderr. Unlike `eprintln!`, it does not panic if no one can read it.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
