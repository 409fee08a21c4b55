//! Plain data without state: outcomes, objectives, names, data points, and the records of contexts. Uses `base`.

#[cfg(feature = "enabled")]
pub(crate) mod context;
// Parts of it are for handlers, exporters and annotated code.
#[cfg_attr(not(feature = "enabled"), allow(dead_code))]
mod data;
#[cfg(feature = "enabled")]
mod name;
#[cfg(feature = "enabled")]
mod objective;
#[cfg_attr(not(feature = "enabled"), allow(dead_code))]
mod outcome;

#[cfg(feature = "enabled")]
pub(crate) use self::data::duration_ms;
pub use self::data::{MetricData, MetricValue};
#[cfg(feature = "enabled")]
pub(crate) use self::name::metric_name;
#[cfg(feature = "enabled")]
pub use self::objective::Objective;
pub use self::outcome::{Fallible, Outcome};
