//! The thread that watches a domain.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::config::{HangConfig, HardPolicy};
use super::detector::Detector;
use super::domain::Domain;
use crate::engine::pass_loop::{PassLoop, Passes};
use crate::engine::{Health, Observer, ObserverSettings};
use crate::report::{Event, Level, PassError, Stall};
use crate::thread::signalled::Signalled;
use crate::thread::{StartError, StopError};
use crate::timers::Pid;

/// How long an abort waits for the delivery of earlier events, and a drop for the end of the thread.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watches a [`Domain`] until stopped or dropped; see [`HangConfig::start`].
#[must_use = "the watcher stops when this value is dropped"]
pub struct HangWatcher {
    passes: PassLoop<Inner>,
}

struct Inner {
    observer: Observer<Pid>,
    hard_policy: HardPolicy,
    /// None once the thread has ended, so that the domain can be watched again. Only the thread takes the lock.
    detector: Mutex<Option<Detector>>,
    /// Whether the thread is to end.
    is_stopped: Arc<Signalled<bool>>,
}

impl HangWatcher {
    pub(super) fn start(domain: Domain, config: HangConfig) -> Result<Self, StartError> {
        let detector = Detector::new(domain, &config)?;
        let clock = domain.shared().clock.clone();
        let is_stopped = Signalled::with_clock(false, &clock);
        let hard_policy = config.hard_policy.clone();
        let settings = ObserverSettings { clock, ..config.settings.clone() };
        let settings = ObserverSettings { on_event: Some(Arc::new(move |event| deliver(event, &config))), ..settings };
        let observer = Observer::new(settings, "hang-events");
        let inner = Inner { observer, hard_policy, detector: Mutex::new(Some(detector)), is_stopped };
        let passes = PassLoop::new(inner, "hang-watcher", 0);
        passes.start()?;
        Ok(Self { passes })
    }

    /// Stops the watcher and waits for its end, at most a second. A second stop does nothing.
    ///
    /// # Errors
    ///
    /// If the thread has not ended in this time.
    pub fn stop(&self) -> Result<(), StopError> {
        self.passes.stop(PATIENCE)
    }

    /// Returns the state of the watcher's loop.
    pub fn health(&self) -> Health {
        self.passes.health()
    }
}

/// Hands an event to the callbacks of the configuration. Runs on the thread for events.
fn deliver(event: Event, config: &HangConfig) {
    if let Event::Stalled(stall) = &event
        && let HardPolicy::Callback(callback) = &config.hard_policy
        && stall.level == Level::Hard
    {
        callback(stall);
    }
    match &config.settings.on_event {
        Some(on_event) => on_event(event),
        None => eprintln!("{event}"),
    }
}

impl Inner {
    fn detector(&self) -> MutexGuard<'_, Option<Detector>> {
        self.detector.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: Event) {
        let fatal = match (&event, &self.hard_policy) {
            (Event::Stalled(stall), HardPolicy::Abort) if stall.level == Level::Hard => Some(stall.clone()),
            _ => None,
        };
        self.observer.emit(|| event);
        if let Some(stall) = fatal {
            self.abort_unless_over(&stall);
        }
    }

    fn abort_unless_over(&self, stall: &Stall) {
        self.observer.flush(PATIENCE);
        if !stall.is_over() {
            std::process::abort();
        }
    }
}

impl Passes for Inner {
    type Worker = Pid;
    type Report = ();

    fn observer(&self) -> &Observer<Pid> {
        &self.observer
    }

    /// Waits until the detector's next pass is due, and runs it unless the watcher is stopped meanwhile.
    fn pass(&self, _: Duration) -> Result<(), PassError> {
        let mut detector = self.detector();
        let Some(detector) = &mut *detector else {
            return Ok(());
        };
        let stopped = self.is_stopped.wait_until(detector.due(), |stopped| stopped.then_some(()));
        if stopped.is_none() {
            for event in detector.pass() {
                self.tell(event);
            }
        }
        Ok(())
    }

    fn wake(&self) {
        self.is_stopped.update(|stopped| *stopped = true);
    }

    fn end(&self) {
        *self.detector() = None;
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
