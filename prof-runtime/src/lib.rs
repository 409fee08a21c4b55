//! prof-runtime
