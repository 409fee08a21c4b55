//! Threads of this crate: each has a name, an owner, a stop that wakes it and an end that is waited for, but not for ever.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::local;

/// A running thread. It is told to stop when this is dropped, and waited for by [`stop`](Self::stop) only.
pub(crate) struct Worker {
    /// Dropped to stop the thread, which waits on the other end.
    stop: Option<Sender<Infallible>>,
    /// Disconnected once the thread has returned.
    done: Receiver<Infallible>,
    thread: Option<JoinHandle<()>>,
    /// The process that the thread is in: after a fork, the child has none of its parent's threads.
    process_id: u32,
}

/// The thread's side of its owner's wish that it stop.
#[derive(Clone)]
pub(crate) struct Stop(Receiver<Infallible>);

impl Stop {
    /// What is disconnected by the stop, to be waited for among other things.
    pub(crate) fn receiver(&self) -> &Receiver<Infallible> {
        &self.0
    }
}

impl Worker {
    /// Starts a thread. Nothing that it runs is measured, so that an exporter never feeds itself.
    pub(crate) fn start(name: &str, run: impl FnOnce(&Stop) + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let (ends, done) = bounded::<Infallible>(0);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            // Dropped also when `run` panics.
            let _ends = ends;
            local::inside(|| run(&Stop(stopped)));
        })?;
        Ok(Self { stop: Some(stop), done, thread: Some(thread), process_id: std::process::id() })
    }

    /// What is disconnected once the thread has returned.
    pub(crate) fn done(&self) -> &Receiver<Infallible> {
        &self.done
    }

    /// Whether the thread is in this process, and not in the one that this was forked from.
    pub(crate) fn is_here(&self) -> bool {
        self.process_id == std::process::id()
    }

    /// Whether it was told to stop.
    pub(crate) fn was_told_to_stop(&self) -> bool {
        self.stop.is_none()
    }

    /// Tells the thread to stop.
    pub(crate) fn signal(&mut self) {
        drop(self.stop.take());
    }

    /// Tells the thread to stop and waits for its end until the deadline. Returns whether it has ended; if it has not, it
    /// is left alone. Stopping again waits again.
    pub(crate) fn stop(&mut self, deadline: Instant) -> bool {
        self.signal();
        if !self.is_here() {
            return false;
        }
        let has_ended = self.done.recv_deadline(deadline) == Err(RecvTimeoutError::Disconnected);
        if has_ended && let Some(thread) = self.thread.take() {
            // It has nothing left to do. A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
        has_ended
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("thread", &self.thread).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock;

    #[test]
    fn a_stop_wakes_a_thread_that_waits() {
        let mut worker = Worker::start("prof-test", |stop| assert!(stop.receiver().recv().is_err())).unwrap();
        assert!(worker.stop(clock::deadline(Duration::MAX)));
        assert!(worker.stop(clock::monotonic()), "it has ended already");
    }

    #[test]
    fn a_thread_that_does_not_stop_is_left_alone() {
        let (release, released) = bounded::<()>(0);
        let mut worker = Worker::start("prof-test", move |_| assert!(released.recv().is_err())).unwrap();
        assert!(!worker.stop(clock::monotonic()));
        drop(release);
        assert!(worker.stop(clock::deadline(Duration::MAX)));
    }

    #[test]
    fn a_thread_that_panics_has_ended() {
        let mut worker = Worker::start("prof-test", |_| std::panic::resume_unwind(Box::new(()))).unwrap();
        assert!(worker.stop(clock::deadline(Duration::MAX)));
    }
}
