//! The record of a context that has ended, and the values in it.

mod convert;
pub(crate) mod number;
pub(crate) mod outcome;
mod published;
pub(crate) mod record;
pub(crate) mod scalar;
pub(crate) mod top_n;
pub(crate) mod value;

pub use self::number::Number;
pub use self::outcome::{ContextFailure, ContextOutcome};
pub use self::published::PublishedContext;
pub use self::record::ContextRecord;
pub use self::scalar::Scalar;
pub use self::top_n::TopN;
pub use self::value::{ContextValue, ValueKind};
