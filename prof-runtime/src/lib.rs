//! prof-runtime

pub mod context;

pub use context::{ContextValue, TopN};
