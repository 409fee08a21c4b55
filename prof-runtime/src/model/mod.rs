//! Plain data without state: outcomes, objectives, names, data points, and the records of contexts. Uses `base`.

#[cfg(feature = "enabled")]
pub(crate) mod context;
mod data;
#[cfg(feature = "enabled")]
mod name;
#[cfg(feature = "enabled")]
mod objective;
mod outcome;

#[cfg(feature = "enabled")]
pub(crate) use self::data::duration_ms;
pub use self::data::{MetricData, MetricValue};
#[cfg(feature = "enabled")]
pub(crate) use self::name::metric_name;
#[cfg(feature = "enabled")]
pub use self::objective::Objective;
pub use self::outcome::{Fallible, Outcome};
