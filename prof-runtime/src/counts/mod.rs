//! Numbers of calls: one thread's numbers for one function, histograms, totals, and snapshots of them. Uses the rooms from
//! `base` to `handler`.

mod constructed;
pub(crate) mod histogram;
#[cfg(feature = "serde")]
mod serialized;
pub(crate) mod shared;
pub(crate) mod snapshot;
pub(crate) mod stats;
pub(crate) mod values;

pub(crate) use self::shared::{Counts, TotalsBySite};
pub use self::snapshot::{FunctionStats, Snapshot, ValueStats};
pub(crate) use self::stats::{Stats, Totals};
