//! One structured record over a unit of work: a request, a batch, a compilation.
//!
//! A [`MetricsContext`] gathers metrics of several kinds while it is entered, and hands all of them over once, as a
//! [`ContextRecord`], when its outermost entry ends. A [`RuntimeMetricsContext`] does the same where there is no place
//! to enter: it starts with the first increment and reports when it is told to. A [`TopN`] keeps the largest of many.
//!
//! ```
//! use std::sync::mpsc;
//! use prof_runtime::context::{ContextError, MetricsContext};
//!
//! let (records, reported) = mpsc::channel();
//! let request = MetricsContext::new(move |record| records.send(record).unwrap());
//!
//! request.run(|ctx| {
//!     ctx.set("route", "/users")?;
//!     ctx.increment("rows", 3)?;
//!     ctx.increment("rows", 4)?;
//!     ctx.add_to_set("tables", "users")?;
//!     ctx.set_key_value("cache", "users", true)?;
//!     ctx.add_top_n("slowest_queries_us", "select users", 412)
//! })?;
//!
//! let record = reported.recv().unwrap();
//! assert_eq!(record.metrics["rows"], 7.into());
//! assert_eq!(record.metrics["route"], "/users".into());
//! assert!(record.start_ns <= record.end_ns);
//! assert_eq!(record.error, None);
//! # Ok::<(), ContextError>(())
//! ```
//!
//! # Where it differs from `torch._dynamo.metrics_context`
//!
//! - One name has one kind. What Python turns into another type (an integer that a float is added to) or refuses with
//!   a `TypeError` is a [`ContextError::KindMismatch`] here, and the metric stays as it was.
//! - Integers saturate at the limits of `i64`; Python's grow.
//! - [`update_outer`](MetricsContext::update_outer) looks at the nesting of the calling thread, so that another thread
//!   of the same unit of work cannot make it skip.
//! - The metrics of a record are sorted by name, not by the time they were first set.
//! - A [`RuntimeMetricsContext`] that is dropped reports what it still holds.

mod change;
mod current;
mod entry;
mod error;
mod future;
mod guard;
mod metrics;
mod metrics_context;
mod publish;
mod report;
mod runtime;

pub use error::{ContextError, Place, SetBefore};
pub use future::InContext;
pub use guard::ContextGuard;
pub use metrics_context::MetricsContext;
pub use publish::{ContextHandler, publish};
pub use runtime::RuntimeMetricsContext;

pub use crate::model::context::{
    ContextFailure, ContextOutcome, ContextRecord, ContextValue, Number, PublishedContext, Scalar, TopN, ValueKind,
};
use crate::model::context::{number, outcome, record, scalar, top_n, value};
