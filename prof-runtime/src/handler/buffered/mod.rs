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
use crate::site::{CallRecord, UntimedCall};

/// Hands everything on to another handler from a thread of its own, through a bounded queue, so that a handler that
/// writes, sends or blocks does not hold up the functions whose calls it receives.
///
/// To put a call into the queue costs no allocation; a data point costs its names. The queue is bounded in items and in
/// bytes; when it is full, [`WhenFull`] says what gives way. Everything that is not handed on is counted:
/// [`dropped`](Self::dropped) has the sum, and the handler behind receives it as data points `dropped` of the group
/// `prof_runtime`, each with the number since the one before. Lost is also what comes after the end, and what makes the
/// handler behind panic.
///
/// Dropping it hands on what is queued, and waits for that at most as long as [`Builder::timeout`] says, or not at all
/// if the last flush took too long and the handler has not come back since; what is left by then is counted, and said
/// on stderr. If the process exits before that, it hands on what is queued then, within 5 s. A handler that is replaced
/// may be dropped by an annotated function that was in it: [`shutdown`](Self::shutdown) it before, so that the function
/// does not wait. After a fork, the child has no such thread: there it takes nothing in, and counts it as lost. What is
/// queued at that moment is the parent's.
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
    /// Requests wait beside the queue, so that they find room when it is full, and are not dropped with the oldest.
    flushes: OfProcess<Sender<FlushRequest>>,
    worker: OfProcess<Mutex<BackgroundThread>>,
    timeout: Duration,
    /// How often the worker had come back from the handler when a flush took too long: while that is so, a thread that
    /// drops this has waited already. [`NOT_STUCK`] if none did.
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

    /// Returns what says how the queue is to be.
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

    /// Returns how many calls, data points and records were not handed on.
    ///
    /// What was being handed on when the end took too long is counted too, though it may still arrive.
    pub fn dropped(&self) -> u64 {
        self.queue.losses().total()
    }

    /// Returns how many wait to be handed on.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Returns how many bytes the names and records of those that wait take.
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Hands on everything that was received before, and flushes the handler behind, within `timeout`.
    ///
    /// # Errors
    ///
    /// That of the handler behind, also from a flush that [came by itself](Builder::flush_every) since the last that
    /// was asked for; [`FlushError::Timeout`] if it takes longer, while the thread goes on;
    /// [`FlushError::Stopped`] after a [`shutdown`](Self::shutdown), or in a child process.
    pub fn flush_within(&self, timeout: Duration) -> Result<(), FlushError> {
        let deadline = bound::deadline(timeout);
        self.begin_flush(deadline, timeout)?.wait()
    }

    /// Asks for a flush, to be waited for until the deadline.
    pub(crate) fn begin_flush(&self, deadline: Instant, timeout: Duration) -> Result<BegunFlush<'_>, FlushError> {
        let (reply, replied) = bounded(1);
        let flush = BegunFlush { handler: self, replied, deadline, timeout };
        if !self.queue.is_in_this_process() || !self.queue.is_alive() {
            return Err(flush.failed(false));
        }
        self.flushes.send_deadline(reply, deadline).map_err(|error| flush.failed(error.is_timeout()))?;
        Ok(flush)
    }

    /// Takes in nothing more, hands on what is queued, flushes the handler behind and ends the thread, within
    /// `timeout`. What is left by then, and what comes later, is counted as dropped. Shutting down twice is allowed.
    ///
    /// # Errors
    ///
    /// [`FlushError::Timeout`] if the thread has not ended by then; it is left to itself.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        match self.shutdown_by(clock::deadline(timeout)) {
            true => Ok(()),
            false => Err(FlushError::Timeout { target: self.target().into(), timeout }),
        }
    }

    /// Begins what [`shutdown_by`](Self::shutdown_by) waits for.
    pub(crate) fn begin_shutdown(&self) {
        self.queue.close();
        if self.worker.is_in_this_process() {
            lock(&self.worker).signal();
        }
    }

    pub(crate) fn shutdown_by(&self, deadline: Instant) -> bool {
        self.queue.close();
        if !self.worker.is_in_this_process() {
            return false;
        }
        let has_ended = lock(&self.worker).stop(deadline);
        self.queue.abandon();
        has_ended
    }

    /// Puts an item into the queue of this process. That of a parent would never be emptied here, and to put something
    /// in could wait for ever for a lock of it.
    fn put(&self, unit: LossUnit, bytes: usize, item: impl FnOnce() -> Item) {
        match self.queue.is_in_this_process() {
            true => self.queue.put(unit, bytes, item),
            false => self.queue.losses().of_unit(unit).add(1),
        }
    }

    /// What errors call the handler behind.
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
        if !self.worker.is_in_this_process() {
            // What is queued is the parent's.
            return;
        }
        if lock(&self.worker).was_told_to_stop() {
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
