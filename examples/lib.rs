//! Runnable programs: see the binaries.
