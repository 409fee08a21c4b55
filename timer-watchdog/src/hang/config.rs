//! The configuration of a watcher.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::detector::Detector;
use super::domain::Domain;
use super::watcher::HangWatcher;
use crate::engine::ObserverSettings;
use crate::report::{Event, Stall};
use crate::thread::StartError;
use crate::time::GapRule;
use crate::timers::Pid;

/// How a guard reads the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ClockMode {
    /// Each guard reads the clock.
    #[default]
    Read,
    /// The watcher publishes the time, twice in each `max_interval`, and guards read the published time. Guards are
    /// much cheaper. Their limits are late by up to one `max_interval`, and never early.
    Published,
}

/// What happens, after the event, when a scope exceeds its whole timeout.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum HardPolicy {
    /// Nothing.
    #[default]
    Report,
    /// The thread that delivers events calls this.
    Callback(Arc<dyn Fn(&Stall) + Send + Sync>),
    /// The watcher delivers the events so far, within a second, and aborts the process, unless the scope has recovered.
    Abort,
}

impl fmt::Debug for HardPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Report => "Report",
            Self::Callback(_) => "Callback",
            Self::Abort => "Abort",
        })
    }
}

/// Configures a watcher: limits, clock, and actions.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use timer_watchdog::Event;
/// use timer_watchdog::hang::{self, HangConfig, Level};
///
/// let (tell, events) = mpsc::channel();
/// let _watcher = HangConfig::new()
///     .soft_fraction(0.8)
///     .on_event(move |event| tell.send(event).unwrap_or(()))
///     .start()?;
///
/// let scope = hang::watch(Duration::from_millis(20));
/// let stalled = |event: &Event| matches!(event, Event::Stalled(stall) if stall.level == Level::Hard);
/// let event = events.iter().find(stalled).unwrap();
/// assert!(event.to_string().contains("of 20ms (hard limit)"));
/// drop(scope);
/// # Ok::<(), timer_watchdog::StartError>(())
/// ```
#[derive(Clone)]
#[must_use = "a configuration does nothing until it is started"]
pub struct HangConfig {
    pub(super) soft_fraction: Option<f64>,
    /// The clock of the domain replaces theirs.
    pub(super) settings: ObserverSettings<Pid>,
    pub(super) grace: Duration,
    pub(super) clock_mode: ClockMode,
    pub(super) hard_policy: HardPolicy,
}

impl HangConfig {
    /// Returns the default: a soft limit at half the timeout, a pass at least every 10 ms, gaps above 100 ms, no grace,
    /// guards that read the clock, and events on standard error.
    pub fn new() -> Self {
        Self {
            soft_fraction: Some(0.5),
            settings: ObserverSettings::new(Duration::from_millis(10)),
            grace: Duration::ZERO,
            clock_mode: ClockMode::Read,
            hard_policy: HardPolicy::Report,
        }
    }

    /// Sets the soft limit as a fraction of the timeout, from 0 up to 1. Another number, or NaN, means no soft limit.
    pub fn soft_fraction(mut self, fraction: f64) -> Self {
        self.soft_fraction = (0.0..1.0).contains(&fraction).then_some(fraction);
        self
    }

    /// Sets the longest wait between two passes, at least a microsecond. The limit of a new scope is noticed late by at
    /// most this, and on time if its timeout is longer than this.
    pub fn max_interval(mut self, max_interval: Duration) -> Self {
        self.settings.max_interval = max_interval.max(Duration::from_micros(1));
        self
    }

    /// Sets the delay of a wake-up above which the watcher charges the delay to no scope. Choose it below half the
    /// shortest timeout, and above the delays of a busy machine.
    pub fn gap_threshold(mut self, threshold: Duration) -> Self {
        self.settings.gaps = GapRule::new(threshold);
        self
    }

    /// Sets how long after its start the watcher reports nothing. Scopes that are stalled at the end of that time are
    /// reported then.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets how guards read the time.
    pub fn clock_mode(mut self, mode: ClockMode) -> Self {
        self.clock_mode = mode;
        self
    }

    /// Sets what happens when a scope exceeds its whole timeout.
    pub fn hard_policy(mut self, policy: HardPolicy) -> Self {
        self.hard_policy = policy;
        self
    }

    /// Calls `callback` for each event, in place of a line on standard error. It runs on a thread for that alone: it
    /// may block or panic, and detection continues. At most 1024 events wait for it. Further ones are dropped and
    /// counted.
    pub fn on_event(mut self, callback: impl Fn(Event) + Send + Sync + 'static) -> Self {
        self.settings.on_event = Some(Arc::new(callback));
        self
    }

    /// Starts to watch the global domain.
    ///
    /// # Errors
    ///
    /// If it is watched already, or if the operating system refuses a thread.
    pub fn start(self) -> Result<HangWatcher, StartError> {
        self.start_in(&Domain::global())
    }

    /// Starts to watch a domain.
    ///
    /// # Errors
    ///
    /// If it is watched already, or if the operating system refuses a thread.
    pub fn start_in(self, domain: &Domain) -> Result<HangWatcher, StartError> {
        HangWatcher::start(*domain, self)
    }

    /// Returns a detector for a domain, for a caller that runs its passes without a watcher.
    ///
    /// Its passes return their events. They neither call the callback nor follow the hard policy.
    ///
    /// # Errors
    ///
    /// If the domain is watched already.
    pub fn detector(&self, domain: &Domain) -> Result<Detector, StartError> {
        Detector::new(*domain, self)
    }
}

impl Default for HangConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HangConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HangConfig")
            .field("soft_fraction", &self.soft_fraction)
            .field("settings", &self.settings)
            .field("grace", &self.grace)
            .field("clock_mode", &self.clock_mode)
            .field("hard_policy", &self.hard_policy)
            .finish_non_exhaustive()
    }
}
