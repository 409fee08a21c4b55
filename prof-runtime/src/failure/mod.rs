//! Whether the value that a function returns is a failure, and how a call ends with it. Uses the rooms from `base` to
//! `call`.

mod boxed_future;
mod judge;
mod measured_future;

pub(crate) use self::judge::Judge;
pub(crate) use self::judge::Predicate;
pub use self::judge::{Finish, Judging, Probe, finish_judged, probe, probe_output};
pub use self::measured_future::{Lazy, lazy};
