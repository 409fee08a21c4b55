//! The rows of `prof-runtime/FAULTS.md` on a program that runs: a test starts it (`service.rs`), breaks what the row
//! names, and reads what the program answers, says on stderr and leaves behind, and what the other side received.
//!
//! `program.rs` starts and asks it, `peers.rs` is the other side. A test is in the file of what it breaks. Where the
//! program has to do something new, it learns a line in `service.rs`.
#![allow(missing_docs)]
#![cfg(target_os = "linux")]

mod ends;
mod exits;
mod files;
mod forks;
mod handlers;
mod operator;
mod otlp;
mod peers;
mod program;
mod prometheus;
mod signals;
mod starts;
mod statsd;
mod terminal;
mod unread;
