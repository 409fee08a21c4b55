//! Metrics as a program sees them, captured per thread, per future or per group, so that all tests run in parallel.
#![allow(missing_docs, dead_code)]

mod faults;
mod futures;
mod names;
mod outcomes;
mod seed;
mod snapshots;
mod threads;
