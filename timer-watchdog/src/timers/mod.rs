//! Room: timers of workers: requests, the table, the traits of client, queue, server and reaper, the `expires` guard,
//! and their implementations inside one process.
//!
//! May use: `time`, `thread`.

pub(crate) mod client;
pub(crate) mod expires;
mod local;
pub(crate) mod pausable;
mod queue;
mod reaper;
mod request;
mod server;
mod table;

pub use client::{ClientError, IntoClient, NoClient, ScopedClient, TimerClient, configure, scoped};
pub use expires::{Expires, ExpiresError, expires, expires_in, expires_or_noop, failed_releases, unwatched_scopes};
pub use local::{LocalQueue, LocalTimerClient, LocalTimerServer};
pub use queue::{QueueError, RequestQueue};
pub use reaper::{BoundedReaper, Enrolment, Reaper, ThreadReaper};
pub use request::{Pid, RequestKind, ScopeId, TimerRequest, WorkerId};
pub use server::{ReapError, TimerServer};
pub use table::{ExpiredTimers, TimerTable};
