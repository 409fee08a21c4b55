//! The thread that watches a domain.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::config::{HangConfig, HardPolicy};
use super::detector::Detector;
use super::domain::Domain;
use crate::engine::Health;
use crate::report::{Event, Level, Stall};
use crate::thread::background::{BackgroundThread, Running};
use crate::thread::outbox::Outbox;
use crate::thread::signalled::Signalled;
use crate::thread::{StartError, StopError};
use crate::time::Clock;
use crate::time::Timestamp;

/// How long an abort waits for the events before it to be delivered, and a drop for the thread to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watches a [`Domain`] until stopped or dropped; see [`HangConfig::start`].
#[must_use = "the watcher stops when this value is dropped"]
pub struct HangWatcher {
    inner: Arc<Inner>,
    thread: BackgroundThread,
}

struct Inner {
    clock: Clock,
    outbox: Outbox<Event>,
    hard_policy: HardPolicy,
    /// Whether the thread is to end.
    is_stopped: Arc<Signalled<bool>>,
    ticks: AtomicU64,
    last_tick_ns: AtomicU64,
}

impl HangWatcher {
    pub(super) fn start(domain: Domain, config: HangConfig) -> Result<Self, StartError> {
        let detector = Detector::new(domain, &config)?;
        let clock = domain.shared().clock.clone();
        let inner = Arc::new(Inner {
            is_stopped: Signalled::with_clock(false, &clock),
            last_tick_ns: AtomicU64::new(clock.now().as_nanos()),
            clock,
            hard_policy: config.hard_policy.clone(),
            outbox: Outbox::new("hang-events", move |event| deliver(event, &config)),
            ticks: AtomicU64::new(0),
        });
        let background = BackgroundThread::new("hang-watcher", 0);
        let running = Arc::clone(&inner);
        background.start(move |thread| running.run(thread, detector))?;
        Ok(Self { inner, thread: background })
    }

    /// Stops the watcher and waits for its end, at most a second. Stopping twice is stopping once.
    ///
    /// # Errors
    ///
    /// If the thread has not ended in this time.
    pub fn stop(&self) -> Result<(), StopError> {
        let wake = || self.inner.is_stopped.update(|stopped| *stopped = true);
        self.thread.stop(wake, PATIENCE)
    }

    /// Returns how the watcher does: its passes are its looks at all scopes.
    pub fn health(&self) -> Health {
        let last = Timestamp::from_nanos(self.inner.last_tick_ns.load(Ordering::Relaxed));
        let (undelivered_events, panicked_callbacks) = self.inner.outbox.losses();
        Health {
            is_running: self.thread.is_running(),
            passes: self.inner.ticks.load(Ordering::Relaxed),
            since_last_pass: self.inner.clock.now().since(last),
            undelivered_events,
            panicked_callbacks,
        }
    }
}

/// Hands an event to whoever wants it; runs on the thread for events.
fn deliver(event: Event, config: &HangConfig) {
    if let Event::Stalled(stall) = &event
        && let HardPolicy::Callback(callback) = &config.hard_policy
        && stall.level == Level::Hard
    {
        callback(stall);
    }
    match &config.on_event {
        Some(on_event) => on_event(event),
        None => eprintln!("{event}"),
    }
}

impl Inner {
    fn run(&self, thread: &Running, mut detector: Detector) {
        while !thread.is_stopping() {
            let stopped = self.is_stopped.wait_until(detector.due(), |stopped| stopped.then_some(()));
            if stopped.is_some() {
                return;
            }
            for event in detector.tick() {
                self.tell(event);
            }
            self.ticks.fetch_add(1, Ordering::Relaxed);
            let now = self.clock.now().as_nanos();
            self.last_tick_ns.store(now, Ordering::Relaxed);
        }
    }

    fn tell(&self, event: Event) {
        let fatal = match (&event, &self.hard_policy) {
            (Event::Stalled(stall), HardPolicy::Abort) if stall.level == Level::Hard => Some(stall.clone()),
            _ => None,
        };
        self.outbox.send(event);
        if let Some(stall) = fatal {
            self.abort_unless_over(&stall);
        }
    }

    fn abort_unless_over(&self, stall: &Stall) {
        self.outbox.flush(PATIENCE);
        if !stall.is_over() {
            std::process::abort();
        }
    }
}

impl Drop for HangWatcher {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

impl fmt::Debug for HangWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HangWatcher").field("health", &self.health()).finish_non_exhaustive()
    }
}
