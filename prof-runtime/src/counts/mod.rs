//! Numbers of calls: one thread's numbers for one function, histograms, totals, and snapshots of them. Uses the rooms
//! from `base` to `handler`.

mod constructed;
mod function_stats;
pub(crate) mod histogram;
mod merged;
#[cfg(feature = "serde")]
mod serialized;
pub(crate) mod shared;
pub(crate) mod snapshot;
pub(crate) mod stats;
mod value_stats;
pub(crate) mod values;

pub use self::function_stats::FunctionStats;
pub(crate) use self::shared::{Counts, TotalsBySite};
pub use self::snapshot::Snapshot;
pub(crate) use self::stats::{Stats, Totals};
pub use self::value_stats::ValueStats;
