//! The clock: the operating system's, or a mock.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::thread::monitor::{Monitor, Sleep};

use super::{Timestamp, mock, source};

/// A source of monotonic time: the operating system's, or a mock that only a test moves.
///
/// Cheap to clone. On Linux the operating system's clock stands still while the machine is suspended.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{Clock, MockClock};
///
/// let mock = MockClock::new();
/// let clock = mock.clock();
/// let before = clock.now();
/// mock.advance(Duration::from_secs(3));
/// assert_eq!(clock.now(), before.after(Duration::from_secs(3)));
///
/// let real = Clock::monotonic();
/// assert!(real.now() <= real.now());
/// ```
#[derive(Clone, Default)]
pub struct Clock {
    /// None stands for the operating system's clock.
    pub(super) mock: Option<Arc<mock::State>>,
}

impl Clock {
    /// Returns the operating system's monotonic clock.
    pub const fn monotonic() -> Self {
        Self { mock: None }
    }

    /// Returns the present time.
    #[inline]
    pub fn now(&self) -> Timestamp {
        match &self.mock {
            // One nanosecond more, so that no present time equals `Timestamp::ZERO`.
            None => Timestamp::from_nanos(source::elapsed_ns().saturating_add(1)),
            Some(mock) => mock.now(),
        }
    }

    /// Returns a monitor whose waiters this clock can wake when its time moves.
    pub(crate) fn monitor<T: Send + 'static>(&self, state: T) -> Arc<Monitor<T>> {
        let monitor = Arc::new(Monitor::new(state));
        if let Some(mock) = &self.mock {
            let weak = Arc::downgrade(&monitor);
            mock.subscribe(weak);
        }
        monitor
    }

    /// Waits on `monitor` until `ready` returns a value or this clock has reached `deadline`.
    ///
    /// The monitor must come from [`Clock::monitor`] of this clock.
    pub(crate) fn wait_until<T, R>(
        &self,
        monitor: &Monitor<T>,
        deadline: Timestamp,
        ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        let mut parked = None;
        monitor.wait(ready, || match &self.mock {
            None => match deadline.since(self.now()) {
                Duration::ZERO => Sleep::Passed,
                _ if deadline == Timestamp::NEVER => Sleep::Unbounded,
                left => Sleep::For(left),
            },
            Some(mock) => {
                drop(parked.take());
                match mock::Parked::unless_past(mock, deadline) {
                    None => Sleep::Passed,
                    some => {
                        parked = some;
                        Sleep::Unbounded
                    }
                }
            }
        })
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.mock {
            None => f.write_str("Clock::Monotonic"),
            Some(mock) => f.debug_tuple("Clock::Mock").field(&mock.now()).finish(),
        }
    }
}
