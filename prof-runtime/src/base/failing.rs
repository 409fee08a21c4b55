//! Counts how often each piece of user code failed, so that only some failures become a message.

use std::any::{TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::Mutex;

use crate::base::{inside, lock};

/// A piece of user code that fails, such as a predicate that panics. It may fail at every call; the messages about it
/// are limited.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct FailingCode {
    pub(crate) name: &'static str,
    /// The type of the code: closures of one function share a `name`.
    type_id: Option<TypeId>,
    /// The place where the code was installed, for code that can be installed in several.
    place: Option<&'static Location<'static>>,
}

/// The number of failures of each piece of code. Bounded by the number of types and places in the program.
static FAILURES: Mutex<BTreeMap<FailingCode, u64>> = Mutex::new(BTreeMap::new());

impl FailingCode {
    pub(crate) const fn named(name: &'static str) -> Self {
        Self { name, type_id: None, place: None }
    }

    pub(crate) const fn from(place: &'static Location<'static>, name: &'static str) -> Self {
        Self { name, type_id: None, place: Some(place) }
    }

    pub(crate) fn of<T: 'static>() -> Self {
        Self { name: type_name::<T>(), type_id: Some(TypeId::of::<T>()), place: None }
    }

    /// Counts a failure. Returns the number of failures when a message is due: at 1, 10, 100 and so on.
    #[cold]
    pub(crate) fn count(self) -> Option<Times> {
        let times = inside(|| {
            let mut failures = lock(&FAILURES);
            let times = failures.entry(self).or_default();
            *times = times.saturating_add(1);
            *times
        });
        (10_u64.pow(times.ilog10()) == times).then_some(Times(times))
    }
}

/// A number of times, displayed as ` N times`; 1 is displayed as nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Times(pub(crate) u64);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => Ok(()),
            times => write!(f, " {times} times"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_again_and_again_is_told_of_ever_more_rarely() {
        let failing = FailingCode::named("failing::tests");
        let told: Vec<u64> = (0..12_345).filter_map(|_| failing.count()).map(|times| times.0).collect();
        assert_eq!(told, [1, 10, 100, 1000, 10_000]);
        assert_eq!([1, 10].map(|times| Times(times).to_string()), ["", " 10 times"]);
    }

    #[test]
    fn closures_of_one_function_are_told_apart() {
        fn failing<F: 'static>(_: F) -> FailingCode {
            FailingCode::of::<F>()
        }
        let (one, other) = (failing(|| 1), failing(|| 2));
        assert_eq!(one.name, other.name);
        assert_ne!(one, other);
    }
}
