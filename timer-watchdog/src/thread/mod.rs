//! Room: threads that this crate starts, the values that they wait for, and the delivery of events to callbacks.
//!
//! May use: `time`.

pub(crate) mod background;
mod info;
pub(crate) mod outbox;
pub(crate) mod signalled;
pub(crate) mod sync;

pub use background::{StartError, StopError};
pub use info::ThreadInfo;
