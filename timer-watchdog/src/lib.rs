//! Finds code that hangs, says where, and deals with it.
#[cfg(not(loom))]
mod client;
#[cfg(not(loom))]
mod clock;
#[cfg(not(loom))]
mod event;
#[cfg(not(loom))]
mod expires;
#[cfg(not(loom))]
mod local;
mod monitor;
#[cfg(not(loom))]
mod outbox;
#[cfg(not(loom))]
mod queue;
#[cfg(not(loom))]
mod reaper;
#[cfg(not(loom))]
mod request;
#[cfg(not(loom))]
mod server;
mod sync;
#[cfg(not(loom))]
mod table;
#[cfg(not(loom))]
mod watchdog;
#[cfg(not(loom))]
mod worker;

#[cfg(not(loom))]
pub use self::{
    client::{ClientError, IntoClient, NoClient, ScopedClient, TimerClient, configure, scoped},
    clock::{Clock, MockClock, Timestamp, TimestampError},
    event::{ReapFailure, TimerEvent},
    expires::{
        Expires, ExpiresError, expires, expires_in, expires_or_noop, failed_releases,
        unwatched_scopes,
    },
    local::{LocalQueue, LocalTimerClient, LocalTimerServer},
    queue::{QueueError, RequestQueue},
    reaper::{BoundedReaper, Enrolment, Reaper, ThreadReaper},
    request::{Pid, RequestKind, ScopeId, TimerRequest, WorkerId},
    server::{ReapError, TimerServer},
    table::{ExpiredTimers, TimerTable},
    watchdog::{Health, PassError, PassReport, Watchdog, WatchdogBuilder, WatchdogHandle},
    worker::{StartError, StopError},
};
#[cfg(all(not(loom), feature = "log"))]
pub use event::to_log;
#[cfg(all(not(loom), feature = "tracing"))]
pub use event::to_tracing;
#[cfg(all(not(loom), feature = "process", target_os = "linux"))]
pub use reaper::{Kill, PidfdKill, ProcessReaper};
