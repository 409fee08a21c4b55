//! The handler that counts: joins the numbers of `counts` with the threads of `thread`. Uses the rooms from `base` to
//! `thread`.

pub(crate) mod aggregator;
mod forks;

pub use self::aggregator::Aggregator;
pub(crate) use self::forks::take_locks;
