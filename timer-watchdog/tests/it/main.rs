//! All integration tests, in one binary.

#[cfg(all(feature = "log", feature = "tracing"))]
mod bridges;
mod clients;
#[cfg(all(feature = "file", target_os = "linux"))]
mod file;
mod hang;
mod hang_faults;
mod lifecycle;
mod process;
mod reaping;
mod seed;
mod stress;
mod support;
mod table;
mod tasks;
mod time;
mod upstream;
mod watcher;
