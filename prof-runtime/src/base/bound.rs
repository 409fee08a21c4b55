//! One time bound for an operation that waits several times in turn.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::base::clock;

thread_local! {
    /// When the current operation of this thread began.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The least time that a wait gets, unless its own timeout is shorter. A healthy target thereby ends in time, even if
/// an earlier one used up the bound.
const GRACE: Duration = Duration::from_millis(100);

/// Runs an operation in which all timeouts count from now. Inside another such operation, they count from the outer
/// one's beginning.
pub(crate) fn with_shared_start<R>(operation: impl FnOnce() -> R) -> R {
    struct Restore(Option<Instant>);
    impl Drop for Restore {
        fn drop(&mut self) {
            BEGAN.set(self.0);
        }
    }
    let before = BEGAN.get();
    let _restore = Restore(before);
    BEGAN.set(before.or_else(|| Some(clock::monotonic())));
    operation()
}

/// Returns the deadline of a wait that has this timeout.
pub(crate) fn deadline(timeout: Duration) -> Instant {
    let from_now = clock::deadline(timeout);
    let Some(from_begin) = BEGAN.get().and_then(|began| began.checked_add(timeout)) else { return from_now };
    from_begin.max(clock::deadline(GRACE)).min(from_now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn timeouts_of_one_operation_begin_together() {
        let alone = deadline(LONG);
        assert!(alone < deadline(LONG), "each begins when it is asked for");
        with_shared_start(|| {
            let first = deadline(LONG);
            assert_eq!(with_shared_start(|| deadline(LONG)), first);
            assert_eq!(deadline(LONG * 2), first + LONG);
            assert!(deadline(Duration::ZERO) <= clock::monotonic(), "no longer than it says");
            let grace = deadline(Duration::from_nanos(1));
            assert!(grace < first && grace <= clock::deadline(GRACE));
        });
        assert!(alone < deadline(LONG));
    }
}
