//! Why a metric of a context was refused.

use std::panic::Location;

use super::value::ValueKind;
use crate::base::text::Foreign;

/// A place in the source: file, line and column.
pub type Place = &'static Location<'static>;

/// Why a context refused a metric. What the context held before is unchanged.
///
/// ```
/// use prof_runtime::context::MetricsContext;
///
/// let ctx = MetricsContext::new(|_| {});
/// let error = ctx.increment("rows", 1).unwrap_err();
/// assert_eq!(error.to_string(), "cannot increment `rows` outside of a MetricsContext");
///
/// let entered = ctx.enter();
/// entered.set("rows", 1).unwrap();
/// let error = entered.set("rows", 2).unwrap_err();
/// assert!(error.to_string().starts_with("metric `rows` has already been set at "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The context is not entered.
    #[error("cannot {operation} {} outside of a MetricsContext", quoted(metrics))]
    Outside {
        /// What was tried: `"increment"`, `"set"`, `"update"` or `"add to"`.
        operation: &'static str,
        /// The metrics that it was tried on. Empty if an update had none.
        metrics: Vec<String>,
    },

    /// Metrics were set that have a value already, and overwriting was not asked for. None of the call was set.
    #[error("{}; refused to set again at {again_at}", join(conflicts))]
    AlreadySet {
        /// Each metric that has a value already; there is at least one.
        conflicts: Vec<SetBefore>,
        /// Where it was to be set again.
        again_at: Place,
    },

    /// A metric holds another kind of value than the operation needs.
    #[error("metric `{}` is {held}, set at {set_at}; refused to use it as {wanted} at {again_at}", Foreign(metric))]
    KindMismatch {
        /// The metric's name.
        metric: String,
        /// The kind that it holds.
        held: ValueKind,
        /// Where it got its value.
        set_at: Place,
        /// The kind that the operation needs.
        wanted: ValueKind,
        /// Where the operation was tried.
        again_at: Place,
    },
}

/// A metric that has a value already: part of [`ContextError::AlreadySet`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metric `{}` has already been set at {set_at}", Foreign(metric))]
#[non_exhaustive]
pub struct SetBefore {
    /// The metric's name.
    pub metric: String,
    /// Where it got its value: set, overwritten, or first incremented or added to.
    pub set_at: Place,
}

fn quoted(metrics: &[String]) -> String {
    if metrics.is_empty() {
        return "metrics".to_owned();
    }
    metrics.iter().map(|metric| format!("`{}`", Foreign(metric))).collect::<Vec<_>>().join(", ")
}

fn join(conflicts: &[SetBefore]) -> String {
    conflicts.iter().map(SetBefore::to_string).collect::<Vec<_>>().join(", ")
}
