//! What a handler could not get out since its last flush, which tells of it.

use std::io;

use crate::handler::losses::{HandlerLosses, LossUnit, Tally, amounts};

/// How much was lost since the last flush, and why at first.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    tally: Tally,
    error: Option<io::Error>,
}

impl Failures {
    /// Adds so many of a unit, and counts them.
    pub(crate) fn add(&mut self, losses: &HandlerLosses, unit: LossUnit, count: u64, error: io::Error) {
        losses.of_unit(unit).add(count);
        *self.tally.entry(unit).or_default() += count;
        self.error.get_or_insert(error);
    }

    /// Returns all of them as one error, such as `2 calls could not be sent: …`, and forgets them.
    pub(crate) fn take(&mut self, what: &str) -> io::Result<()> {
        let Self { tally, error } = std::mem::take(self);
        match error {
            None => Ok(()),
            Some(error) => Err(io::Error::new(error.kind(), format!("{} {what}: {error}", amounts(&tally)))),
        }
    }
}
