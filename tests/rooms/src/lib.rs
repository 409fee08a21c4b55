//! Reads the structure of a crate from its sources: its rooms, the files in them, and which file uses which.
//!
//! A room is a row of the crate's table in `ARCHITECTURE.md`: a file or a directory of `src`. It may use the rooms
//! above it and itself. Code for tests alone is left out.

mod graph;
mod page;
mod paths;
mod source;

pub use self::graph::{Arrow, Crate, Use};
pub use self::page::{Page, PageError};
pub use self::source::{ReadError, Source};

/// The crates that have a table of rooms.
pub const CRATES: [&str; 3] = ["prof-macros", "prof-runtime", "timer-watchdog"];
