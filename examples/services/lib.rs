//! Runnable services: see the binaries.
