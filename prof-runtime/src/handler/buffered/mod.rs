//! Any handler behind a bounded queue and a thread of its own.

mod builder;
mod flush;
mod item;
mod queue;
mod room;
#[cfg(test)]
mod tests;
mod work;

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};

pub use self::builder::Builder;
pub(crate) use self::flush::BegunFlush;
use self::item::Item;
pub use self::queue::WhenFull;
use self::queue::{Limits, Queue};
use self::work::FlushRequest;
use crate::base::background::BackgroundThread;
use crate::base::bound;
use crate::base::clock;
use crate::base::forks::OfProcess;
use crate::base::lock;
use crate::base::stderr;
use crate::handler::losses::{HandlerLosses, LossUnit};
use crate::handler::{FlushError, IntoHandler, MetricHandler};
use crate::model::MetricData;
use crate::model::context::PublishedContext;
use crate::site::{CallRecord, RecordedNumber, UntimedCall};

/// Passes metrics to another handler from a thread of its own, through a bounded queue. A handler that writes, sends or
/// blocks then does not delay the functions whose calls it receives.
///
/// Queueing a call does not allocate; queueing a data point allocates its names. The queue is bounded in items and in
/// bytes. When it is full, [`WhenFull`] says what gives way. Metrics that do not reach the inner handler are counted:
/// [`dropped`](Self::dropped) has the sum, and the inner handler receives data points `dropped` of the group
/// `prof_runtime`, each with the number since the one before. Metrics that come after the end count as dropped, and so
/// do those on which the inner handler panics.
///
/// **The end.** Dropping it passes the queued metrics on, and waits for that for [`Builder::timeout`] at most. It does
/// not wait if the last flush took too long and the inner handler has not returned since. The rest is counted, and a
/// line on stderr says so. If the process exits first, the queued metrics are passed on then, within 5 s. An annotated
/// function may drop a replaced handler at the end of its call: [`shutdown`](Self::shutdown) the handler before, so
/// that the function does not wait.
///
/// **Forks.** A forked child has no such thread: there, all metrics count as lost. Those that were queued at the fork
/// are the parent's.
///
/// # Examples
///
/// ```
/// use prof_runtime::{BufferedHandler, MemoryHandler, MetricHandler, put_metric, scoped};
///
/// let memory = MemoryHandler::new();
/// let buffered = std::sync::Arc::new(BufferedHandler::new(memory.clone())?);
/// let _scope = scoped(buffered.clone());
/// put_metric("pages", 3, "crawler");
/// buffered.flush()?;
/// assert_eq!(memory.value("pages"), Some(3.0));
/// assert_eq!(buffered.dropped(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BufferedHandler {
    queue: OfProcess<Arc<Queue>>,
    /// Requests do not go through the queue: they find room when it is full, and are not dropped with the oldest items.
    flushes: OfProcess<Sender<FlushRequest>>,
    thread: OfProcess<Mutex<BackgroundThread>>,
    timeout: Duration,
    /// The number of [returns](Queue::returns) from the inner handler at the time of a flush that took too long; while
    /// it is still that, a drop does not wait again. [`NOT_STUCK`] if no flush did.
    stuck_at: AtomicU64,
}

const NOT_STUCK: u64 = u64::MAX;

impl BufferedHandler {
    /// Puts `handler` behind a queue with the defaults of [`Builder`].
    ///
    /// # Errors
    ///
    /// If the system refuses a thread.
    #[track_caller]
    pub fn new(handler: impl IntoHandler) -> io::Result<Self> {
        Self::builder().start(handler)
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> Builder {
        const CAPACITY: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
        Builder {
            limits: Limits { capacity: CAPACITY, max_bytes: 16 * 1024 * 1024 },
            when_full: WhenFull::DropNewest,
            timeout: Duration::from_secs(5),
            flush_every: None,
            losses: HandlerLosses::new("buffered"),
        }
    }

    /// Returns how many calls, data points and records were dropped.
    ///
    /// An item that the inner handler was receiving when the end took too long is counted, too, though it may still
    /// arrive.
    pub fn dropped(&self) -> u64 {
        self.queue.losses().total()
    }

    /// Returns how many items are queued.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Returns how many bytes the names and records of queued items take.
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Passes on all metrics that were received before, and flushes the inner handler, within `timeout`.
    ///
    /// # Errors
    ///
    /// The error of the inner handler, also of a flush that [the queue began](Builder::flush_every) since the last
    /// call; [`FlushError::Timeout`] if it takes longer, while the thread goes on; [`FlushError::Stopped`] after a
    /// [`shutdown`](Self::shutdown), or in a child process.
    pub fn flush_within(&self, timeout: Duration) -> Result<(), FlushError> {
        let deadline = bound::deadline(timeout);
        self.begin_flush(deadline, timeout)?.wait()
    }

    /// Requests a flush that the caller waits for until the deadline.
    pub(crate) fn begin_flush(&self, deadline: Instant, timeout: Duration) -> Result<BegunFlush<'_>, FlushError> {
        let (reply, replied) = bounded(1);
        let flush = BegunFlush { handler: self, replied, deadline, timeout };
        if !self.queue.is_in_this_process() || !self.queue.is_alive() {
            return Err(flush.failed(false));
        }
        self.flushes.send_deadline(reply, deadline).map_err(|error| flush.failed(error.is_timeout()))?;
        Ok(flush)
    }

    /// Closes the queue, passes the queued metrics on, flushes the inner handler and ends the thread, within `timeout`.
    /// Metrics that are left by then, and those that come later, count as dropped. Shutting down twice is allowed.
    ///
    /// # Errors
    ///
    /// [`FlushError::Timeout`] if the thread has not ended by then. It goes on by itself.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        match self.shutdown_by(clock::deadline(timeout)) {
            true => Ok(()),
            false => Err(FlushError::Timeout { target: self.target().into(), timeout }),
        }
    }

    /// Begins a shutdown, without waiting for it.
    pub(crate) fn begin_shutdown(&self) {
        self.queue.close();
        if self.thread.is_in_this_process() {
            lock(&self.thread).signal();
        }
    }

    pub(crate) fn shutdown_by(&self, deadline: Instant) -> bool {
        self.queue.close();
        if !self.thread.is_in_this_process() {
            return false;
        }
        let has_ended = lock(&self.thread).stop(deadline);
        self.queue.abandon();
        has_ended
    }

    /// Puts an item into the queue, unless the queue is a parent process's: nothing would empty it here, and putting an
    /// item in could wait forever for one of its locks.
    fn put(&self, unit: LossUnit, bytes: usize, item: impl FnOnce() -> Item) {
        match self.queue.is_in_this_process() {
            true => self.queue.put(unit, bytes, item),
            false => self.queue.losses().of_unit(unit).add(1),
        }
    }

    /// The name of the inner handler in errors.
    pub(crate) fn target(&self) -> &str {
        self.queue.losses().target()
    }
}

impl MetricHandler for BufferedHandler {
    fn emit(&self, data: &MetricData<'_>) {
        let bytes = data.group_name.len() + data.name.len();
        self.put(LossUnit::DataPoints, bytes, || Item::Data(data.clone().into_owned()));
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        self.put(LossUnit::Calls, 0, || Item::Call(call.clone().into_owned()));
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        self.put(LossUnit::Calls, 0, || Item::UntimedCall(call.clone().into_owned()));
    }

    fn record_number(&self, number: &RecordedNumber<'_>) {
        self.put(LossUnit::DataPoints, 0, || Item::Number(number.clone().into_owned()));
    }

    fn record_context(&self, context: &PublishedContext<'_>) {
        let bytes = Item::bytes_of_context(context);
        self.put(LossUnit::Records, bytes, || Item::context(context, bytes));
    }

    /// Flushes within [`Builder::timeout`].
    fn flush(&self) -> Result<(), FlushError> {
        self.flush_within(self.timeout)
    }
}

impl Drop for BufferedHandler {
    fn drop(&mut self) {
        if !self.thread.is_in_this_process() {
            // The queued items are the parent's.
            return;
        }
        if lock(&self.thread).was_told_to_stop() {
            // The caller of the shutdown has waited as long as it wanted.
            return self.queue.abandon();
        }
        let is_stuck = self.stuck_at.load(Ordering::Relaxed) == self.queue.returns();
        let timeout = if is_stuck { Duration::ZERO } else { self.timeout };
        if !self.shutdown_by(bound::deadline(timeout)) {
            let lost = self.queue.losses().sentence().map(|lost| format!("; {lost}")).unwrap_or_default();
            stderr::line(format_args!("prof: {} did not end within {:?}{lost}", self.target(), self.timeout));
        }
    }
}

impl fmt::Debug for BufferedHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferedHandler")
            .field("queued", &self.queued())
            .field("dropped", &self.dropped())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
