//! A write that failed half-way.

use std::io;

/// The error of a write that failed half-way, from a writer that repairs the torn line itself.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub(crate) struct PartialWrite {
    /// How many bytes were written before it failed.
    pub(crate) written: usize,
    pub(crate) cause: io::Error,
}

impl PartialWrite {
    /// Wraps this as an [`io::Error`], in which `handler::lines::LineWriter` finds it again.
    #[cfg(feature = "json")]
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::new(self.cause.kind(), self)
    }
}
