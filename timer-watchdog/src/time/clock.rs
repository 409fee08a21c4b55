//! The monotonic clock: the operating system's, or a mock.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::mock::{Parked, State};
use super::{Timestamp, source};

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
    /// None for the operating system's clock.
    pub(super) mock: Option<Arc<State>>,
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
            // Plus one nanosecond, so that no present time equals `Timestamp::ZERO`.
            None => Timestamp::from_nanos(source::elapsed_ns().saturating_add(1)),
            Some(mock) => mock.now(),
        }
    }

    /// Makes a mock clock wake `sleeper` whenever its time moves. Other clocks need no wake: their waits are timed.
    pub(crate) fn wake_on_move(&self, sleeper: &Arc<impl Sleeper + 'static>) {
        if let Some(mock) = &self.mock {
            mock.subscribe(Arc::downgrade(sleeper));
        }
    }

    /// Returns how a thread sleeps that waits for `deadline`.
    pub(crate) fn sleep_until(&self, deadline: Timestamp) -> Sleep<'_> {
        match &self.mock {
            None => match deadline.since(self.now()) {
                Duration::ZERO => Sleep::Over,
                _ if deadline == Timestamp::NEVER => Sleep::UntilWoken(None),
                left => Sleep::AtMost(left),
            },
            Some(mock) => match Parked::unless_past(mock, deadline) {
                None => Sleep::Over,
                parked => Sleep::UntilWoken(parked),
            },
        }
    }
}

/// How a thread sleeps that waits for a deadline.
#[derive(Debug)]
pub(crate) enum Sleep<'clock> {
    /// Not at all: the clock has reached the deadline.
    Over,
    /// At most this long. Then it looks at the clock again.
    AtMost(Duration),
    /// Until another thread wakes it. On a mock clock the thread counts as parked as long as this value lives.
    UntilWoken(#[expect(dead_code, reason = "its drop ends the parking")] Option<Parked<'clock>>),
}

/// A place where threads sleep.
pub(crate) trait Sleeper: Send + Sync {
    /// Makes each sleeping thread look at the clock again.
    fn wake(&self);
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.mock {
            None => f.write_str("Clock::Monotonic"),
            Some(mock) => f.debug_tuple("Clock::Mock").field(&mock.now()).finish(),
        }
    }
}
