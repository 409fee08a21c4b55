//! What an exporter or a handler of another crate needs of this one: threads, locks, lines on stderr, clocks, and
//! descriptors that forked children close. The exporters of this crate use nothing else; "Write an exporter" in `docs/`
//! shows how.

use std::fmt;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

pub use crate::base::Locked;
use crate::base::{self, background, clock, stderr, sys};

/// Runs `f`, and measures nothing that it calls: for code of exporters that does not run on a [`BackgroundThread`], nor
/// in a method of a handler, where it is so anyway.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, put_metric, scoped, service};
///
/// let memory = MemoryHandler::new();
/// let _scope = scoped(memory.clone());
/// assert_eq!(service::unmeasured(|| { put_metric("pages", 3, "crawler"); 7 }), 7);
/// assert_eq!(memory.value("pages"), None);
/// ```
pub fn unmeasured<R>(f: impl FnOnce() -> R) -> R {
    base::inside(f)
}

/// Locks a mutex of a handler or an exporter, also after a panic of another thread that held it.
///
/// While the returned guard lives, nothing that this thread calls is measured: an annotated allocator does not come
/// back to the handler, and so to the lock.
pub fn lock<T>(mutex: &Mutex<T>) -> Locked<'_, T> {
    base::lock(mutex)
}

/// Writes `prof: ` and a message to stderr as one line, as [`Foreign`](crate::text::Foreign) text.
///
/// It never panics, and leaves the line out if nobody reads stderr within 100 ms.
pub fn warn(message: fmt::Arguments<'_>) {
    stderr::line(format_args!("prof: {message}"));
}

/// Returns the monotonic time.
pub fn now() -> Instant {
    clock::monotonic()
}

/// Returns the wall-clock time.
pub fn wall_time() -> SystemTime {
    clock::wall_time()
}

/// Returns the monotonic time after `timeout`; a century from now if that is later than an [`Instant`] can be.
pub fn deadline(timeout: Duration) -> Instant {
    clock::deadline(timeout)
}

/// A thread of an exporter. Nothing that it calls is measured, and it takes no signals.
///
/// Dropping this tells the thread to stop, and does not wait.
///
/// # Examples
///
/// ```
/// use prof_runtime::service::{self, BackgroundThread};
/// use std::time::Duration;
///
/// let thread = BackgroundThread::start("my-exporter", |stop| {
///     while !stop.wait_until(service::deadline(Duration::from_secs(10))) {
///         // Write something every 10 s.
///     }
/// })?;
/// assert!(thread.is_in_this_process());
/// assert!(thread.stop(service::deadline(Duration::from_secs(5))), "the stop wakes it");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct BackgroundThread(Mutex<background::BackgroundThread>);

impl BackgroundThread {
    /// Starts a thread with a name of at most 15 bytes, where the system keeps names.
    ///
    /// # Errors
    ///
    /// If the system refuses a thread.
    pub fn start(name: &str, run: impl FnOnce(&StopSignal) + Send + 'static) -> io::Result<Self> {
        let thread = background::BackgroundThread::start(name, move |stop| run(&StopSignal(stop.clone())))?;
        Ok(Self(Mutex::new(thread)))
    }

    /// Tells the thread to stop, without waiting.
    pub fn signal(&self) {
        base::lock(&self.0).signal();
    }

    /// Tells the thread to stop, and waits for its end until the deadline. Returns whether it has ended; one that has
    /// not is left to itself. Stopping again waits again. In a forked child, which has no such thread, it returns
    /// `false` at once.
    pub fn stop(&self, deadline: Instant) -> bool {
        base::lock(&self.0).stop(deadline)
    }

    /// Whether it was told to stop.
    pub fn was_told_to_stop(&self) -> bool {
        base::lock(&self.0).was_told_to_stop()
    }

    /// Whether the thread runs in this process: a forked child has none of its parent's threads.
    pub fn is_in_this_process(&self) -> bool {
        base::lock(&self.0).is_in_this_process()
    }
}

/// Tells a [`BackgroundThread`] to stop.
#[derive(Clone)]
pub struct StopSignal(background::Stop);

impl StopSignal {
    /// Waits until the thread is to stop, at most until the deadline. Returns whether it is.
    pub fn wait_until(&self, deadline: Instant) -> bool {
        // Nothing is ever sent: the owner drops its end.
        self.0.receiver().recv_deadline(deadline) == Err(crossbeam_channel::RecvTimeoutError::Disconnected)
    }
}

impl fmt::Debug for StopSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopSignal").finish_non_exhaustive()
    }
}

/// Has forked children close a socket or a file, so that a port is free and a peer sees the end of a connection when
/// this process closes it. To be dropped before what it was made of is closed. Does nothing on systems that do not
/// fork.
pub struct ClosedInChild {
    _listed: sys::NotInherited,
}

impl ClosedInChild {
    /// Lists the descriptor. If 1024 others are listed already, forked children keep it open.
    #[cfg(unix)]
    pub fn new(file: &impl std::os::fd::AsRawFd) -> Self {
        Self { _listed: sys::NotInherited::new(file) }
    }

    /// Does nothing: this system does not fork.
    #[cfg(not(unix))]
    pub fn new<T>(file: &T) -> Self {
        Self { _listed: sys::NotInherited::new(file) }
    }
}

impl fmt::Debug for ClosedInChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClosedInChild").finish_non_exhaustive()
    }
}
