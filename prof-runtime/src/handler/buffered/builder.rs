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

/// The settings of a [`BufferedHandler`]; made by [`BufferedHandler::builder`].
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
    /// The default holds half a second of a program that makes 100 000 annotated calls a second.
    pub fn capacity(mut self, capacity: NonZeroUsize) -> Self {
        self.limits.capacity = capacity;
        self
    }

    /// Sets how many bytes the names of queued data points and the records of contexts may take; 16 MiB by default.
    /// When they take that much, the queue is full for data points and records; calls take none of it. An item that is
    /// larger by itself is dropped.
    ///
    /// The default holds 65 536 data points whose names have 256 bytes.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.limits.max_bytes = max_bytes;
        self
    }

    /// Sets what gives way when the queue is full; by default, the newest item.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Sets how long a flush may take, and the end; by default 5 s each, half of the time that container runtimes give
    /// a program before they kill it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Flushes the inner handler at most `interval` after it received a metric. For handlers that buffer. By default,
    /// it is flushed on request and at the end.
    pub fn flush_every(mut self, interval: Duration) -> Self {
        self.flush_every = Some(interval);
        self
    }

    /// Adds the counters of dropped metrics to `losses`, under `target`. Exporters publish that list.
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
        let thread = BackgroundThread::start("prof-buffered", move |stop| work.run(stop))?;
        let queue = Arc::new(queue.with_thread(&thread));
        let abandoned = Arc::clone(&queue);
        let thread = thread.stop_at_exit(queue.losses().target(), move || {
            abandoned.abandon();
            abandoned.losses().sentence()
        });
        Ok(BufferedHandler {
            queue: OfProcess::new(queue),
            flushes: OfProcess::new(flushes),
            thread: OfProcess::new(Mutex::new(thread)),
            timeout: self.timeout,
            stuck_at: AtomicU64::new(NOT_STUCK),
        })
    }
}
