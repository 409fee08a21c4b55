//! Room: threads that this crate starts, the values that they wait for, and the delivery of events to callbacks.
//!
//! May use: `time`.

pub(crate) mod monitor;
pub(crate) mod outbox;
pub(crate) mod sync;
pub(crate) mod worker;

pub use worker::{StartError, StopError};
