//! Finds code that hangs, says where, and deals with it.
//!
//! Two tools, for two questions.
//!
//! **What hangs in this process?** [`hang::watch`] marks a scope that must end in time, for a few nanoseconds, and
//! [`watched`](hang::WatchFuture::watched) marks a future. Scopes nest, and a report names the place, the thread and
//! the time. Nothing is killed unless asked for.
//!
//! ```
//! use std::time::Duration;
//! use timer_watchdog::hang;
//!
//! let _watcher = hang::HangConfig::new().start()?; // Once, in `main`; reports go to standard error.
//! let _scope = hang::watch(Duration::from_secs(5));
//! // What must not take longer than five seconds.
//! # Ok::<(), timer_watchdog::StartError>(())
//! ```
//!
//! **Which worker is stuck, and who deals with it?** [`expires`] holds a timer for a worker while a scope runs. A
//! [`Watchdog`] takes the requests of its clients from a [`RequestQueue`], keeps the timers in a [`TimerServer`], and
//! has a worker reaped when one of its timers expires. Clients, queue, server and [`Reaper`] are traits; inside one
//! process they are [`LocalTimerClient`], [`LocalQueue`], [`LocalTimerServer`], and any closure. The model is
//! `torch.distributed.elastic.timer`, whose behaviours are kept.
//!
//! ```
//! use std::sync::mpsc;
//! use std::time::Duration;
//! use timer_watchdog::{LocalQueue, LocalTimerClient, LocalTimerServer, Watchdog, expires, scoped};
//!
//! let (report, reaped) = mpsc::channel();
//! let server = LocalTimerServer::new(move |worker: &&'static str| Ok(report.send(*worker).is_ok()));
//! let queue = LocalQueue::new(1024);
//! let watchdog = Watchdog::new(server, queue.clone(), Duration::from_millis(50));
//! let _running = watchdog.start()?;
//!
//! let _client = scoped(LocalTimerClient::new(queue, "loader")); // Or `configure`, for all threads.
//! let _timer = expires(Duration::from_millis(1))?;
//! assert_eq!(reaped.recv()?, "loader"); // The scope hangs, and its worker is reaped.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Which worker process is stuck?** With the feature `file`, on Linux, `FileTimerServer` and `FileTimerClient` do the
//! same between processes, over a named pipe and in the format of `PyTorch`'s file timers, so that trainers written in
//! Python need no change; what a stuck worker was doing is reported, and it is ended without harm to others. The
//! command `timer-watchdog` (feature `cli`) does so for programs in any language:
//!
//! ```text
//! timer-watchdog run -- python train.py
//! timer-watchdog run --scope group -- sh -c 'timer-watchdog send exec --scope backup --after 30s -- rsync …'
//! ```
//!
//! # Time
//!
//! Deadlines count on monotonic time; only the messages of file timers name wall time, which is converted on receipt. When the process is stopped, the machine
//! suspended or the processor taken away, so that a watcher wakes much later than it planned, the time it missed is
//! charged to nobody.
//!
//! # Faults
//!
//! `FAULTS.md`, beside this crate's manifest, lists the faults that it is built to survive, each with the test that shows it.
//!
//! # Features
//!
//! `log` and `tracing` bring receivers of a watchdog's events, `to_log` and `to_tracing`; `process` brings
//! `ProcessReaper`, which kills worker processes on Linux; `file` brings `FileTimerClient` and `FileTimerServer`, and
//! `cli` the command; `tsc` reads the processor's time stamp counter, where it is
//! invariant, instead of the operating system's clock, which makes guards cheaper by more than half, and takes up to
//! 200 ms once to calibrate (leave it off on machines that go to sleep: the counter may start anew). None is on by
//! default.

mod client;
mod clock;
mod credited;
mod event;
mod expires;
#[cfg(all(feature = "file", target_os = "linux"))]
mod file;
pub mod hang;
#[cfg(all(feature = "file", target_os = "linux"))]
mod kill;
mod local;
mod monitor;
mod outbox;
mod queue;
mod reaper;
mod request;
mod server;
mod sync;
mod table;
mod watchdog;
#[cfg(feature = "file")]
mod wire;
mod worker;

pub use self::{
    client::{ClientError, IntoClient, NoClient, ScopedClient, TimerClient, configure, scoped},
    clock::{Clock, MockClock, Timestamp, TimestampError},
    event::{ReapFailure, TimerEvent},
    expires::{Expires, ExpiresError, expires, expires_in, expires_or_noop, failed_releases, unwatched_scopes},
    local::{LocalQueue, LocalTimerClient, LocalTimerServer},
    queue::{QueueError, RequestQueue},
    reaper::{BoundedReaper, Enrolment, Reaper, ThreadReaper},
    request::{Pid, RequestKind, ScopeId, TimerRequest, WorkerId},
    server::{ReapError, TimerServer},
    table::{ExpiredTimers, TimerTable},
    watchdog::{Health, PassError, PassReport, Watchdog, WatchdogBuilder, WatchdogHandle},
    worker::{StartError, StopError},
};
#[cfg(feature = "log")]
pub use event::to_log;
#[cfg(feature = "tracing")]
pub use event::to_tracing;
#[cfg(all(feature = "file", target_os = "linux"))]
pub use file::{
    ExpiredScope, FileTimerClient, FileTimerEvent, FileTimerHealth, FileTimerServer, FileTimerServerBuilder,
    IncidentReport, PipeError,
};
#[cfg(all(feature = "file", target_os = "linux"))]
pub use kill::{
    Evidence, KillOutcome, KillPolicy, KillTarget, LinuxProcesses, Processes, RefusedWorker, Standing, ThreadEvidence,
    WorkerProcess,
};
#[cfg(all(feature = "process", target_os = "linux"))]
pub use reaper::{Kill, PidfdKill, ProcessReaper};
#[cfg(feature = "file")]
pub use wire::{FileTimerRequest, LineError, LineReader, MAX_LINE_BYTES};
