//! The threads of the crate: each has a name, an owner, and a stop signal that wakes it. Waits for its end are bounded.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::base::exit::{self, End, ExitRegistration, FlushWait};
use crate::base::panics::caught;
use crate::base::stderr;
use crate::base::sys;
use crate::base::{inside, lock};

/// A running thread. Dropping this tells the thread to stop; only [`stop`](Self::stop) waits for its end.
pub(crate) struct BackgroundThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Stops the thread when the process exits, if [`stop_at_exit`](Self::stop_at_exit) was called.
    listed: Option<ExitRegistration>,
}

/// The state by which the owner and the exit of the process stop the thread and wait for it.
struct Shared {
    /// Dropped to stop the thread, which waits on the other end.
    stop: Mutex<Option<Sender<Infallible>>>,
    /// Disconnected once the thread has returned.
    done: Receiver<Infallible>,
    thread: ThreadId,
    /// The id of the process that the thread is in. A forked child has none of its parent's threads.
    process_id: u32,
    /// The target that the thread writes to, for messages.
    target: String,
    /// Whether the exit of the process told the thread to stop, and the owner had not.
    is_stopped_by_exit: AtomicBool,
    /// Counts the metrics that the thread buffers as lost. Returns their number as text, if it is known.
    lose: Option<Box<Lose>>,
    /// Makes the thread write out the metrics that it buffers.
    flush: Option<Box<Flush>>,
}

type Lose = dyn Fn() -> Option<String> + Send + Sync;
type Flush = dyn Fn(Instant, Duration) -> FlushWait + Send + Sync;

/// The receiving end of the owner's request to stop.
#[derive(Clone)]
pub(crate) struct Stop(Receiver<Infallible>);

impl Stop {
    /// Returns the channel that the stop disconnects, for use in a `select`.
    pub(crate) fn receiver(&self) -> &Receiver<Infallible> {
        &self.0
    }
}

impl End for Shared {
    fn may_block(&self) -> bool {
        false
    }

    fn begin_flush(&self, deadline: Instant, timeout: Duration) -> Option<FlushWait> {
        let flush = self.flush.as_ref()?;
        // The thread would wait for itself.
        let is_own_thread = thread::current().id() == self.thread;
        (!is_own_thread && !self.was_told_to_stop()).then(|| flush(deadline, timeout))
    }

    fn begin(&self) {
        if self.signal() {
            self.is_stopped_by_exit.store(true, Ordering::Relaxed);
        }
    }

    fn finish(&self, deadline: Instant) {
        if !self.has_ended_by(deadline) && self.is_stopped_by_exit.swap(false, Ordering::Relaxed) {
            let lost = self.lose.as_ref().and_then(|lose| lose());
            let (target, lost) = (&self.target, lost.as_deref().unwrap_or("what it held back is lost"));
            match exit::is_exiting(self.thread) {
                true => stderr::line(format_args!("prof: {target} ended the process itself; {lost}")),
                false => stderr::line(format_args!("prof: {target} did not end within {:?}; {lost}", self.timeout())),
            }
        }
    }
}

impl Shared {
    fn is_in_this_process(&self) -> bool {
        self.process_id == std::process::id()
    }

    /// Tells the thread to stop; returns whether nobody had before.
    fn signal(&self) -> bool {
        let stop = lock(&self.stop).take();
        stop.is_some()
    }

    fn was_told_to_stop(&self) -> bool {
        lock(&self.stop).is_none()
    }

    fn has_ended_by(&self, deadline: Instant) -> bool {
        // A thread that called `exit` never returns.
        let can_end = self.is_in_this_process() && !exit::is_exiting(self.thread);
        can_end && self.done.recv_deadline(deadline) == Err(RecvTimeoutError::Disconnected)
    }
}

impl Drop for BackgroundThread {
    fn drop(&mut self) {
        self.shared.signal();
    }
}

impl BackgroundThread {
    /// Starts a thread that takes no signals. The code that it runs is not measured, so that an exporter does not
    /// measure itself.
    pub(crate) fn start(name: &str, run: impl FnOnce(&Stop) + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let (ends, done) = bounded::<Infallible>(0);
        let run = move || {
            // Dropped here, also when `run` panics.
            let _ends = ends;
            inside(|| run(&Stop(stopped)));
        };
        let thread = sys::without_signals(|| thread::Builder::new().name(name.to_owned()).spawn(run))?;
        let shared = Shared {
            stop: Mutex::new(Some(stop)),
            done,
            thread: thread.thread().id(),
            process_id: std::process::id(),
            target: String::new(),
            is_stopped_by_exit: AtomicBool::new(false),
            lose: None,
            flush: None,
        };
        Ok(Self { shared: Arc::new(shared), thread: Some(thread), listed: None })
    }

    /// Makes the exit of the process stop the thread and wait for it. If the thread does not end in time, a message
    /// names `target`, and `lose` counts the buffered metrics as lost and returns their number as text, if it is known.
    pub(crate) fn stop_at_exit(
        mut self,
        target: &str,
        lose: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        // The `Arc` has no clone yet.
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            target.clone_into(&mut shared.target);
            shared.lose = Some(Box::new(lose));
        }
        self.listed = Some(exit::list(&self.shared));
        self
    }

    /// Makes [`flush`](crate::flush) call `flush`, once [`stop_at_exit`](Self::stop_at_exit) has registered the thread.
    pub(crate) fn flush_by(mut self, flush: impl Fn(Instant, Duration) -> FlushWait + Send + Sync + 'static) -> Self {
        // The `Arc` has no clone yet.
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.flush = Some(Box::new(flush));
        }
        self
    }

    /// Returns the channel that is disconnected once the thread has returned.
    pub(crate) fn done(&self) -> &Receiver<Infallible> {
        &self.shared.done
    }

    /// Returns whether the thread runs in this process. A forked child has none of its parent's threads.
    pub(crate) fn is_in_this_process(&self) -> bool {
        self.shared.is_in_this_process()
    }

    pub(crate) fn thread(&self) -> ThreadId {
        self.shared.thread
    }

    /// Returns whether the thread was told to stop.
    pub(crate) fn was_told_to_stop(&self) -> bool {
        self.shared.was_told_to_stop()
    }

    /// Tells the thread to stop.
    pub(crate) fn signal(&self) {
        self.shared.signal();
    }

    /// Tells the thread to stop and waits for its end until the deadline. Returns whether it has ended; otherwise it
    /// runs on. A second call waits again.
    pub(crate) fn stop(&mut self, deadline: Instant) -> bool {
        self.signal();
        let has_ended = self.shared.has_ended_by(deadline);
        if has_ended && let Some(thread) = self.thread.take() {
            // The thread has returned. Its panic, if any, was reported when it happened.
            let _ = thread.join();
        }
        has_ended
    }
}

impl fmt::Debug for BackgroundThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackgroundThread").field("thread", &self.thread).finish_non_exhaustive()
    }
}

/// Runs `f` on a thread of its own and waits for it until the deadline. Returns `None` if `f` panics, or if it takes
/// longer; it then runs on.
///
/// If the system refuses a thread, `f` runs on the calling thread, and the deadline does not bound it.
pub(crate) fn within<R: Send + 'static>(
    name: &str,
    deadline: Instant,
    f: impl FnOnce() -> R + Send + 'static,
) -> Option<R> {
    let (result, results) = bounded(1);
    // The receiver is gone if `f` took too long.
    let _thread = start_or_run(name, move || drop(result.send(f())));
    results.recv_deadline(deadline).ok()
}

/// Runs `f` on a thread of its own, and returns the thread. If the system refuses one, runs `f` on the calling thread
/// and returns `None`. Catches a panic of `f`.
pub(crate) fn start_or_run(name: &str, f: impl FnOnce() + Send + 'static) -> Option<BackgroundThread> {
    let kept = Arc::new(Mutex::new(Some(f)));
    let taken = Arc::clone(&kept);
    let run = |kept: &Mutex<Option<_>>| {
        let f = lock(kept).take();
        f.map(caught)
    };
    let started = BackgroundThread::start(name, move |_| _ = run(&taken));
    if started.is_err() {
        inside(|| run(&kept));
    }
    started.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;

    #[test]
    fn a_stop_wakes_a_thread_that_waits() {
        let mut thread = BackgroundThread::start("prof-test", |stop| assert!(stop.receiver().recv().is_err())).unwrap();
        assert!(thread.stop(clock::deadline(Duration::MAX)));
        assert!(thread.stop(clock::monotonic()), "it has ended already");
    }

    #[test]
    fn a_thread_that_does_not_stop_is_left_alone() {
        let (release, released) = bounded::<()>(0);
        let mut thread = BackgroundThread::start("prof-test", move |_| assert!(released.recv().is_err())).unwrap();
        assert!(!thread.stop(clock::monotonic()));
        drop(release);
        assert!(thread.stop(clock::deadline(Duration::MAX)));
    }

    #[test]
    fn what_takes_too_long_is_not_waited_for() {
        let (release, released) = bounded::<()>(0);
        let (ends, has_ended) = bounded::<Infallible>(0);
        let blocks = move || drop((released.recv(), ends));
        assert_eq!(within("prof-test", clock::monotonic(), blocks), None);
        drop(release);
        assert!(has_ended.recv().is_err(), "it goes on by itself");
        assert_eq!(within("prof-test", clock::deadline(Duration::MAX), || 7), Some(7));
        let panics = || std::panic::resume_unwind(Box::new(()));
        assert_eq!(within::<()>("prof-test", clock::deadline(Duration::MAX), panics), None);
    }

    #[test]
    fn a_thread_that_panics_has_ended() {
        let mut thread = BackgroundThread::start("prof-test", |_| std::panic::resume_unwind(Box::new(()))).unwrap();
        assert!(thread.stop(clock::deadline(Duration::MAX)));
    }
}
