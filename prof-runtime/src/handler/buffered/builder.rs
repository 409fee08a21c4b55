//! The settings of a `BufferedHandler`, and its start.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crossbeam_channel::bounded;

use super::queue::{Limits, Queue};
use super::{BufferedHandler, NOT_STUCK, WhenFull};
use crate::base::background::BackgroundThread;
use crate::base::forks::OfProcess;
use crate::handler::losses::{HandlerLosses, Losses};
use crate::handler::{GuardedHandler, IntoHandler};

/// How a [`BufferedHandler`] is to be; made by [`BufferedHandler::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is given a handler by `start`"]
pub struct Builder {
    pub(super) limits: Limits,
    pub(super) when_full: WhenFull,
    pub(super) timeout: Duration,
    pub(super) flush_every: Option<Duration>,
    pub(super) losses: HandlerLosses,
}

impl Builder {
    /// Sets how many metrics the queue has room for; 65 536 by default. One takes about 100 bytes, beside what
    /// [`max_bytes`](Self::max_bytes) bounds.
    ///
    /// The default is what a program that makes 100 000 annotated calls a second does in half a second.
    pub fn capacity(mut self, capacity: NonZeroUsize) -> Self {
        self.limits.capacity = capacity;
        self
    }

    /// Sets how many bytes the names of queued data points and the records of contexts may take; 16 MiB by default.
    /// When they do, the queue is full for these, and not for calls, which take none. What is larger than all of it by
    /// itself is dropped.
    ///
    /// The default is what 65 536 data points take whose names have 256 bytes.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.limits.max_bytes = max_bytes;
        self
    }

    /// Sets what gives way when the queue is full; by default, what comes is dropped.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Sets how long a flush may take, and the end; 5 s each by default, half of what container runtimes grant a
    /// program before they kill it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Flushes the handler behind at the latest so long after it was handed something, for handlers that hold back. By
    /// default, it is flushed on demand and at the end.
    pub fn flush_every(mut self, interval: Duration) -> Self {
        self.flush_every = Some(interval);
        self
    }

    /// Counts what is lost in `losses`, under `target`, where exporters find it.
    pub fn losses(mut self, losses: &Losses, target: &str) -> Self {
        self.losses = HandlerLosses::listed(losses, target);
        self
    }

    /// Starts the thread, named `prof-buffered`.
    ///
    /// # Errors
    ///
    /// If the system refuses a thread.
    #[track_caller]
    pub fn start(self, handler: impl IntoHandler) -> io::Result<BufferedHandler> {
        let queue = Queue::new(self.limits, self.when_full, self.losses);
        let (flushes, requests) = bounded(1);
        let handler = GuardedHandler::new(handler.into_handler());
        let work = queue.work(handler, requests, self.flush_every);
        let worker = BackgroundThread::start("prof-buffered", move |stop| work.run(stop))?;
        let queue = Arc::new(queue.with_worker(&worker));
        let abandoned = Arc::clone(&queue);
        let worker = worker.stop_at_exit(queue.losses().target(), move || {
            abandoned.abandon();
            abandoned.losses().sentence()
        });
        Ok(BufferedHandler {
            queue: OfProcess::new(queue),
            flushes: OfProcess::new(flushes),
            worker: OfProcess::new(Mutex::new(worker)),
            timeout: self.timeout,
            stuck_at: AtomicU64::new(NOT_STUCK),
        })
    }
}
