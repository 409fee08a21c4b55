//! The user's code that goes wrong, by name, and how often it did.

use std::any::{TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::Mutex;

use crate::local::{self, lock};

/// Code of the user's that goes wrong again and again, by its type: what happens at each call must not be a line at each call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Culprit {
    pub(crate) name: &'static str,
    /// Closures of one function have one name.
    type_id: Option<TypeId>,
    /// Where it came from, if it can come from several places.
    place: Option<&'static Location<'static>>,
}

/// How often which went wrong. As many as the program has types and places.
static FAILURES: Mutex<BTreeMap<Culprit, u64>> = Mutex::new(BTreeMap::new());

impl Culprit {
    pub(crate) const fn named(name: &'static str) -> Self {
        Self { name, type_id: None, place: None }
    }

    pub(crate) const fn from(place: &'static Location<'static>, name: &'static str) -> Self {
        Self { name, type_id: None, place: Some(place) }
    }

    pub(crate) fn of<T: 'static>() -> Self {
        Self { name: type_name::<T>(), type_id: Some(TypeId::of::<T>()), place: None }
    }

    /// Counts that it went wrong. Returns how often it did so far, if that is to be told: the first, the tenth, the hundredth
    /// time and so on.
    #[cold]
    pub(crate) fn count(self) -> Option<Times> {
        let times = local::inside(|| {
            let mut failures = lock(&FAILURES);
            let times = failures.entry(self).or_default();
            *times = times.saturating_add(1);
            *times
        });
        (10_u64.pow(times.ilog10()) == times).then_some(Times(times))
    }
}

/// How often something happened: nothing for once, else ` N times`.
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
        let culprit = Culprit::named("culprit::tests");
        let told: Vec<u64> = (0..12_345).filter_map(|_| culprit.count()).map(|times| times.0).collect();
        assert_eq!(told, [1, 10, 100, 1000, 10_000]);
        assert_eq!([1, 10].map(|times| Times(times).to_string()), ["", " 10 times"]);
    }

    #[test]
    fn closures_of_one_function_are_told_apart() {
        fn culprit<F: 'static>(_: F) -> Culprit {
            Culprit::of::<F>()
        }
        let (one, other) = (culprit(|| 1), culprit(|| 2));
        assert_eq!(one.name, other.name);
        assert_ne!(one, other);
    }
}
