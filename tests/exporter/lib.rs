//! The exporters of `prof-runtime`, compiled outside of it from the same files. All that `crate::` is in them is what
//! `prof-runtime` publishes: an exporter that uses something private does not compile here.

// The tests in these files are those of `prof-runtime`, which may look inside.
#[cfg(all(feature = "exporters", not(test)))]
pub mod export;

pub use prof_runtime::*;
