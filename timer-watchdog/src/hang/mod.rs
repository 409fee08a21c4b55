//! Finds scopes of threads and tasks that hang, inside one process.
//!
//! [`watch`] marks a scope that must end in time, in a few nanoseconds; [`WatchFuture::watched`] marks a future. One
//! thread, started by [`HangConfig::start`], looks at all of them and tells when one exceeds its soft limit, its hard
//! limit, and when it goes on.
//!
//! ```
//! use std::time::Duration;
//! use timer_watchdog::hang;
//!
//! let _watcher = hang::HangConfig::new().start()?; // Once, in `main`; reports go to standard error.
//!
//! let _scope = hang::watch(Duration::from_secs(5));
//! // What must not take longer than five seconds.
//! # Ok::<(), timer_watchdog::StartError>(())
//! ```
//!
//! # Time
//!
//! Limits count on monotonic time. What passes while the watcher does not run, though it should (the process is
//! stopped, the machine suspended, the processor taken away), is charged to no scope: the domain's time stands still.
//! Gaps shorter than the watcher's wait cannot be seen.
//!
//! # Forks
//!
//! A forked child has a copy of the guards and no watcher: its guards are cheap and nobody looks. The parent's are its
//! own memory, which the child cannot touch.

mod attach;
mod config;
mod detector;
mod domain;
mod episode;
mod frame;
mod future;
mod guard;
mod slot;
mod task;
mod watcher;

pub use crate::report::{Activity, Level, Recovery, Stall};
pub use crate::thread::ThreadInfo;
pub use frame::Scope;

pub use self::{
    config::{ClockMode, HangConfig, HardPolicy},
    detector::Detector,
    domain::{Domain, Entered, GuardStats},
    future::{WatchFuture, Watched},
    guard::{Watch, watch, watch_in},
    task::{OwnedWatch, watch_owned},
    watcher::HangWatcher,
};
