//! Counts what a handler could not write or send since its last flush, for the error of the next.

use std::io;

use crate::handler::losses::{HandlerLosses, LossUnit, Tally, amounts};

/// The number of items that a handler lost since its last flush, and the first cause. The next flush returns them as an
/// error.
///
/// # Examples
///
/// ```
/// use prof_runtime::export::{HandlerLosses, LossUnit, LostSinceFlush};
/// use std::io;
///
/// let (losses, mut lost) = (HandlerLosses::new("graphite"), LostSinceFlush::default());
/// lost.add(&losses, LossUnit::Calls, 2, io::ErrorKind::BrokenPipe.into());
/// assert_eq!(losses.total(), 2);
/// assert_eq!(lost.take("could not be sent").unwrap_err().to_string(), "2 calls could not be sent: broken pipe");
/// assert!(lost.take("could not be sent").is_ok(), "it is told once");
/// ```
#[derive(Debug, Default)]
pub struct LostSinceFlush {
    tally: Tally,
    error: Option<io::Error>,
}

impl LostSinceFlush {
    /// Counts lost items of a unit, also in `losses`.
    pub fn add(&mut self, losses: &HandlerLosses, unit: LossUnit, count: u64, error: io::Error) {
        losses.of_unit(unit).add(count);
        *self.tally.entry(unit).or_default() += count;
        self.error.get_or_insert(error);
    }

    /// Returns all of them as one error, such as `2 calls could not be sent: …`, and forgets them.
    ///
    /// # Errors
    ///
    /// If any item was lost since the last call of this method.
    pub fn take(&mut self, what: &str) -> io::Result<()> {
        let Self { tally, error } = std::mem::take(self);
        match error {
            None => Ok(()),
            Some(error) => Err(io::Error::new(error.kind(), format!("{} {what}: {error}", amounts(&tally)))),
        }
    }
}
