//! prof-runtime

pub mod context;

pub use context::{
    ContextError, ContextGuard, ContextRecord, ContextValue, MetricsContext, RuntimeMetricsContext,
    TopN,
};
