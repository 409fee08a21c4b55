//! All integration tests, in one binary.

#[cfg(all(feature = "log", feature = "tracing"))]
mod bridges;
mod clients;
mod hang;
mod lifecycle;
mod process;
mod seed;
mod stress;
mod support;
mod table;
mod tasks;
mod upstream;
mod watcher;
