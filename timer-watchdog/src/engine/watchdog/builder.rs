//! The builder of a watchdog.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::pass::Core;
use super::{Owner, Watchdog};
use crate::engine::pass_loop::PassLoop;
use crate::engine::{Observer, ObserverSettings};
use crate::report::Event;
use crate::thread::signalled::Signalled;
use crate::time::{Clock, GapRule};
use crate::timers::{Pid, RequestQueue, TimerServer, WorkerId};

/// Builds a [`Watchdog`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct WatchdogBuilder<S, Q, W = Pid> {
    server: S,
    queue: Q,
    settings: ObserverSettings<W>,
    stack_bytes: usize,
    worker_type: PhantomData<fn(W)>,
}

impl<S, Q, W> WatchdogBuilder<S, Q, W>
where
    S: TimerServer<W> + 'static,
    Q: RequestQueue<W> + 'static,
    W: WorkerId,
{
    pub(super) fn new(server: S, queue: Q, max_interval: Duration) -> Self {
        Self { server, queue, settings: ObserverSettings::new(max_interval), stack_bytes: 0, worker_type: PhantomData }
    }

    /// Sets the clock. The queue must wait on the same one. Default: the monotonic clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Calls `callback` for each event, on a thread for that alone: it may block or panic, and detection continues.
    ///
    /// At most 1024 events wait for it. Further ones are dropped and counted in [`Health`](crate::Health).
    pub fn on_event(mut self, callback: impl Fn(Event<W>) + Send + Sync + 'static) -> Self {
        self.settings.on_event = Some(Arc::new(callback));
        self
    }

    /// Sets the delay of a wake-up above which the watchdog credits the delay to all timers. Default: 100 ms.
    ///
    /// A gap within a wait cannot be seen: choose `max_interval` well below the shortest timeout.
    pub fn gap_threshold(mut self, threshold: Duration) -> Self {
        self.settings.gaps = GapRule::new(threshold);
        self
    }

    /// Sets the stack size of the thread, on which reapers run. Default: that of the platform.
    pub fn stack_bytes(mut self, bytes: usize) -> Self {
        self.stack_bytes = bytes;
        self
    }

    /// Returns the watchdog. It is not started.
    pub fn build(self) -> Watchdog<S, Q, W> {
        let core = Core {
            server: self.server,
            queue: self.queue,
            observer: Observer::new(self.settings, "timer-events"),
            passing: Signalled::new(None),
        };
        Watchdog { owner: Arc::new(Owner(PassLoop::new(core, "timer-watchdog", self.stack_bytes))) }
    }
}

impl<S, Q, W> fmt::Debug for WatchdogBuilder<S, Q, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchdogBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
