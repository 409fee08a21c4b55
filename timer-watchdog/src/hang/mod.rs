//! Finds scopes of threads and tasks that hang, inside one process.
//!
//! [`watch`] marks a scope that must end in time, in a few nanoseconds. [`WatchFuture::watched`] marks a future. One
//! thread, started by [`HangConfig::start`], examines all of them. It reports a scope that exceeds its soft limit or
//! its hard limit, and one that recovers.
//!
//! A room of this crate, which may use all other rooms: `time`, `thread`, `timers`, `process`, `channel`, `report`,
//! `engine`.
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
//! Limits count on monotonic time. When the watcher does not run as planned (the process is stopped, the machine
//! suspended, the processor given to others), the delay is charged to no scope: the domain's time stands still. A gap
//! within one wait of the watcher cannot be seen.
//!
//! # Forks
//!
//! A forked child has a copy of the guards and no watcher, so its scopes are not watched. It cannot touch the guards of
//! the parent.

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
