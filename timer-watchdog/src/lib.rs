//! Finds code that hangs, says where, and deals with it.
//!
//! It answers three questions.
//!
//! **What hangs in this process?** [`hang::watch`] marks a scope that must end in time, in a few nanoseconds, and
//! [`watched`](hang::WatchFuture::watched) marks a future. Scopes nest. A report names the place, the thread and the
//! time. Nothing is killed unless the configuration says so.
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
//! **Which worker is stuck, and who deals with it?** [`expires()`] holds a timer for a worker while a scope runs. A
//! [`Watchdog`] takes the requests of clients from a [`RequestQueue`], keeps the timers in a [`TimerServer`], and has a
//! worker reaped when one of its timers expires. Client, queue, server and [`Reaper`] are traits. Within one process,
//! [`LocalTimerClient`], [`LocalQueue`], [`LocalTimerServer`] and any closure implement them. The behavior is that of
//! `torch.distributed.elastic.timer`.
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
//! Python need no change. The server reports what a stuck worker is doing, and kills it without harm to others. The
//! command `timer-watchdog` (feature `cli`) does this for programs in any language:
//!
//! ```text
//! timer-watchdog run -- python train.py
//! timer-watchdog run --kill-target group -- sh -c 'timer-watchdog send exec --scope backup --after 30s -- rsync …'
//! ```
//!
//! # Time
//!
//! Deadlines count on monotonic time. Only the requests of file timers name wall time, which the server converts on
//! receipt. When a watchdog wakes much later than planned, because its process was stopped, the machine suspended or
//! the processor given to others, it credits the delay to all timers and scopes.
//!
//! # Faults
//!
//! [`guide::faults`] lists the faults that this crate survives, each with the test that shows it.
//!
//! # Features
//!
//! None of these is on by default.
//!
//! | feature | what it adds |
//! |---|---|
//! | `log`, `tracing` | the sinks of events `to_log` and `to_tracing` |
//! | `process` | on Linux: `ProcessReaper`, which kills worker processes, and `ControlGroup` |
//! | `file` | on Linux: `FileTimerClient` and `FileTimerServer` |
//! | `cli` | the command |
//! | `tsc` | reads of the processor's time stamp counter, where it is invariant, in place of the system's clock |
//!
//! `tsc` makes guards cheaper by more than half. Its first use calibrates the counter, in up to 200 ms. Leave it off on
//! machines that are suspended: the counter may restart.
//!
//! # Libraries
//!
//! A library that depends on this crate without default features builds the macro crate and nothing else. Then
//! [`macro@expires`] checks its arguments and returns the function as it came; [`expires_or_noop`] and [`hang::watch`]
//! return guards that do nothing; nothing else exists. A program that depends on this crate with default features turns
//! the feature `enabled` on for all its libraries, and so does every other feature.

#[cfg(feature = "enabled")]
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(feature = "file")]
mod channel;
#[cfg(not(feature = "enabled"))]
mod disabled;
#[cfg(feature = "enabled")]
mod engine;
// Tests compile and run its examples, with what a page leaves out.
#[cfg(all(doc, not(doctest)))]
pub mod guide;
#[cfg(feature = "enabled")]
pub mod hang;
#[cfg(all(feature = "process", target_os = "linux"))]
mod process;
#[cfg(feature = "enabled")]
mod report;
#[cfg(feature = "enabled")]
mod thread;
#[cfg(feature = "enabled")]
mod time;
#[cfg(feature = "enabled")]
mod timers;

#[cfg(not(feature = "enabled"))]
pub use self::disabled::{Expires, expires_or_noop, hang};
/// Gives every call of a function a timer, as [`expires_or_noop`] does for a scope: `#[expires("5s")]`.
///
/// | argument | what it is |
/// |---|---|
/// | `"5s"`, or `after = "5s"` | a number and a unit: `ns`, `us`, `ms`, `s`, `m` (or `min`), `h` |
/// | `after = LIMIT` | an expression of type [`Duration`](std::time::Duration) |
/// | `scope = "load"` | the timer's name; the default is the function's path, `module::function` |
/// | `crate = path` | where this crate is, if it was renamed or re-exported |
///
/// The timer is acquired when the call begins (for an `async fn`, at its first poll) and released when it ends, however
/// it ends: by a value, an early return, a panic, or the drop of its future. Without a client the call runs unwatched,
/// and is counted by [`unwatched_scopes`]. As with [`expires()`], a recursive call replaces the timer of its caller.
///
/// The function stays as it is otherwise; the attribute stacks with `prof_runtime::prof` in either order. It goes on
/// functions and methods with a body; a `const fn` is refused.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{LocalQueue, LocalTimerClient, RequestQueue, expires, scoped};
///
/// const LIMIT: Duration = Duration::from_secs(30);
///
/// #[expires("250ms")]
/// fn load(id: u32) -> Result<u32, String> { if id == 0 { return Err("none".to_owned()) } Ok(id) }
///
/// #[expires(after = LIMIT, scope = "store")]
/// async fn store(id: u32) -> u32 { id }
///
/// let queue = LocalQueue::new(8);
/// let _client = scoped(LocalTimerClient::new(queue.clone(), "worker"));
/// load(0).unwrap_err();
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// store(1).await;
/// # });
///
/// let requests = queue.get(4, Duration::ZERO).unwrap();
/// let scopes: Vec<_> = requests.iter().map(|request| request.scope_id.as_str()).collect();
/// assert!(scopes[0].ends_with("::load") && scopes[0] == scopes[1]); // acquired, and released
/// assert_eq!(scopes[2..], ["store", "store"]);
/// ```
#[cfg(feature = "enabled")]
pub use prof_macros::expires;
/// Checks its arguments, and returns the function as it came.
#[cfg(not(feature = "enabled"))]
pub use prof_macros::expires_disabled as expires;

#[cfg(all(feature = "file", target_os = "linux"))]
pub use self::{
    channel::{FileTimerClient, PipeError},
    engine::{FileTimerCounts, FileTimerServer, FileTimerServerBuilder},
    report::{ExpiredScope, IncidentReport, WorkerEvent},
};
#[cfg(feature = "enabled")]
pub use self::{
    engine::{Health, PassReport, Watchdog, WatchdogBuilder, WatchdogHandle},
    report::{Event, PassError, ReapFailure},
    thread::{StartError, StopError},
    time::{Clock, MockClock, Timestamp, TimestampError},
    timers::{
        BoundedReaper, ClientError, Enrolment, ExpiredTimers, Expires, ExpiresError, IntoClient, LocalQueue,
        LocalTimerClient, LocalTimerServer, NoClient, Pid, QueueError, ReapError, Reaper, RequestKind, RequestQueue,
        ScopeId, ScopedClient, ThreadReaper, TimerClient, TimerRequest, TimerServer, TimerTable, WorkerId, configure,
        expires, expires_in, expires_or_noop, failed_releases, scoped, unwatched_scopes,
    },
};
#[cfg(feature = "file")]
pub use channel::{FileTimerRequest, LineError, LineReader, MAX_LINE_BYTES};
#[cfg(all(feature = "process", target_os = "linux"))]
pub use process::{
    ControlGroup, Evidence, KillOutcome, KillPolicy, KillTarget, LinuxProcesses, ProcessReaper, Processes,
    RefusedWorker, Standing, ThreadEvidence, WorkerProcess,
};
#[cfg(feature = "log")]
pub use report::to_log;
#[cfg(feature = "tracing")]
pub use report::to_tracing;
