//! Values of several kinds, and the largest of many: what a structured record is made of.

mod convert;
mod number;
mod scalar;
mod top_n;
mod value;

pub use number::Number;
pub use scalar::Scalar;
pub use top_n::TopN;
pub use value::{ContextValue, ValueKind};
