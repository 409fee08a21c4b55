//! What every watchdog has: a clock, a longest wait, the rule for gaps, a receiver of events, and its health.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::report::Event;
use crate::thread::outbox::Outbox;
use crate::time::{Clock, GAP_THRESHOLD, Gap, GapRule, Timestamp};

/// The state of a watchdog's loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether the thread runs.
    pub is_running: bool,
    /// The number of passes that have completed.
    pub passes: u64,
    /// The time since the last of them, or since the watchdog was built. Much more than the longest wait says that the
    /// watchdog itself hangs, in a reaper or a queue.
    pub since_last_pass: Duration,
    /// Events that reached no callback, because it was behind or could not be called.
    pub undelivered_events: u64,
    /// Callbacks for events that panicked.
    pub panicked_callbacks: u64,
}

/// Receives events.
type Callback<W> = Arc<dyn Fn(Event<W>) + Send + Sync>;

/// The settings that the builders of all watchdogs share.
pub(crate) struct ObserverSettings<W> {
    pub(crate) clock: Clock,
    pub(crate) max_interval: Duration,
    pub(crate) gaps: GapRule,
    pub(crate) on_event: Option<Callback<W>>,
}

impl<W> ObserverSettings<W> {
    /// Returns the monotonic clock, [`GAP_THRESHOLD`], and no receiver of events.
    pub(crate) fn new(max_interval: Duration) -> Self {
        Self { clock: Clock::monotonic(), max_interval, gaps: GapRule::new(GAP_THRESHOLD), on_event: None }
    }
}

/// The part that every watchdog has, shared with its thread.
pub(crate) struct Observer<W> {
    pub(crate) clock: Clock,
    pub(crate) max_interval: Duration,
    pub(crate) gaps: GapRule,
    /// `None` if the program asked for no events.
    outbox: Option<Arc<Outbox<Event<W>>>>,
    /// The number of completed passes. Unordered with `last_pass_ns`: both are for display.
    passes: AtomicU64,
    last_pass_ns: AtomicU64,
}

impl<W: Send + 'static> Observer<W> {
    /// Returns an observer whose callback runs on a thread named `event_thread`.
    pub(crate) fn new(settings: ObserverSettings<W>, event_thread: &'static str) -> Self {
        let outbox = settings.on_event.map(|callback| Outbox::new(event_thread, move |event| callback(event)));
        Self {
            last_pass_ns: AtomicU64::new(settings.clock.now().as_nanos()),
            clock: settings.clock,
            max_interval: settings.max_interval,
            gaps: settings.gaps,
            outbox: outbox.map(Arc::new),
            passes: AtomicU64::new(0),
        }
    }

    /// Sends an event. Makes it only if there is a receiver.
    pub(crate) fn emit<E: Into<Event<W>>>(&self, event: impl FnOnce() -> E) {
        if let Some(outbox) = &self.outbox {
            outbox.send(event().into());
        }
    }

    /// Tells of a gap, if the rule says so.
    pub(crate) fn emit_gap(&self, gap: Gap) {
        if gap.is_told {
            self.emit(|| Event::ObserverGap { gap: gap.credited });
        }
    }

    /// Returns the queue of events, for other threads than the watchdog's.
    #[cfg(all(feature = "file", target_os = "linux"))]
    pub(crate) fn outbox(&self) -> Option<Arc<Outbox<Event<W>>>> {
        self.outbox.clone()
    }

    /// Waits until all events so far are delivered, at most `limit`. Returns whether they are.
    pub(crate) fn flush(&self, limit: Duration) -> bool {
        self.outbox.as_ref().is_none_or(|outbox| outbox.flush(limit))
    }

    /// Counts a completed pass.
    pub(crate) fn completed(&self) {
        self.passes.fetch_add(1, Ordering::Relaxed);
        self.last_pass_ns.store(self.clock.now().as_nanos(), Ordering::Relaxed);
    }

    /// Returns the time since the last completed pass.
    pub(crate) fn since_last_pass(&self) -> Duration {
        self.clock.now().since(Timestamp::from_nanos(self.last_pass_ns.load(Ordering::Relaxed)))
    }

    pub(crate) fn health(&self, is_running: bool) -> Health {
        let losses = self.outbox.as_ref().map(|outbox| outbox.losses());
        let (undelivered_events, panicked_callbacks) = losses.unwrap_or_default();
        Health {
            is_running,
            passes: self.passes.load(Ordering::Relaxed),
            since_last_pass: self.since_last_pass(),
            undelivered_events,
            panicked_callbacks,
        }
    }
}

impl<W> Clone for ObserverSettings<W> {
    fn clone(&self) -> Self {
        let Self { clock, max_interval, gaps, on_event } = self;
        Self { clock: clock.clone(), max_interval: *max_interval, gaps: *gaps, on_event: on_event.clone() }
    }
}

impl<W> fmt::Debug for ObserverSettings<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObserverSettings")
            .field("clock", &self.clock)
            .field("max_interval", &self.max_interval)
            .field("gaps", &self.gaps)
            .finish_non_exhaustive()
    }
}
