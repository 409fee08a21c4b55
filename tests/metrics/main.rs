//! Metrics as a program sees them, captured per thread, per future or per group, so that all tests run in parallel.
#![allow(missing_docs, dead_code, clippy::manual_assert, clippy::unused_self, clippy::unused_async)]

mod faults;
mod futures;
mod instruments;
mod names;
mod objectives;
mod observers;
mod outcomes;
mod sampling;
mod seed;
mod several;
mod snapshots;
mod threads;
