//! The modules of `prof_runtime::export`, but for what it publishes for exporters.

#[path = "../../prof-runtime/src/export/address.rs"]
mod address;
#[path = "../../prof-runtime/src/export/exponential.rs"]
mod exponential;
#[path = "../../prof-runtime/src/export/loopback.rs"]
mod loopback;
#[path = "../../prof-runtime/src/export/metrics.rs"]
pub mod metrics;
#[path = "../../prof-runtime/src/export/otlp/mod.rs"]
pub mod otlp;
#[path = "../../prof-runtime/src/export/prometheus/mod.rs"]
pub mod prometheus;
#[path = "../../prof-runtime/src/export/snapshots.rs"]
pub mod snapshots;
#[path = "../../prof-runtime/src/export/statsd/mod.rs"]
pub mod statsd;
#[path = "../../prof-runtime/src/export/tracing.rs"]
pub mod tracing;

pub use prof_runtime::export::*;
