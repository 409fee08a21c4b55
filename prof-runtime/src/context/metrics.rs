//! The metrics that a context has gathered so far, each with the place where it was set.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    error::{ContextError, Place, SetBefore},
    number::Number,
    scalar::Scalar,
    top_n::TopN,
    value::ContextValue,
};

/// What to do with a metric that has a value already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    Refuse,
    Overwrite,
}

/// The metrics by name. Each operation either does all that it was asked, or fails and changes nothing.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    slots: BTreeMap<String, Slot>,
}

#[derive(Debug)]
struct Slot {
    value: ContextValue,
    set_at: Place,
}

impl Metrics {
    pub(super) fn contains(&self, metric: &str) -> bool {
        self.slots.contains_key(metric)
    }

    /// Takes all values out.
    pub(super) fn take(&mut self) -> BTreeMap<String, ContextValue> {
        std::mem::take(&mut self.slots).into_iter().map(|(metric, slot)| (metric, slot.value)).collect()
    }

    /// Adds to a number that starts from zero. Integers saturate.
    pub(super) fn increment(&mut self, metric: &str, by: Number, at: Place) -> Result<(), ContextError> {
        let zero = match by {
            Number::Int(_) => ContextValue::Int(0),
            Number::Float(_) => ContextValue::Float(0.0),
        };
        self.change(metric, at, zero, |value| match (value, by) {
            (ContextValue::Int(sum), Number::Int(by)) => *sum = sum.saturating_add(by),
            (ContextValue::Float(sum), Number::Float(by)) => *sum += by,
            _ => {}
        })
    }

    pub(super) fn set(
        &mut self,
        metric: &str,
        value: ContextValue,
        at: Place,
        existing: Existing,
    ) -> Result<(), ContextError> {
        match self.slots.get_mut(metric) {
            Some(slot) if existing == Existing::Refuse => {
                let conflict = SetBefore { metric: metric.to_owned(), set_at: slot.set_at };
                return Err(ContextError::AlreadySet { conflicts: vec![conflict], again_at: at });
            }
            Some(slot) => *slot = Slot { value, set_at: at },
            None => self.insert(metric.to_owned(), value, at),
        }
        Ok(())
    }

    /// Sets all of the values, or none. A name that comes twice conflicts with itself, or its last value is taken.
    pub(super) fn update(
        &mut self,
        values: Vec<(String, ContextValue)>,
        at: Place,
        existing: Existing,
    ) -> Result<(), ContextError> {
        if existing == Existing::Refuse {
            let conflicts = self.conflicts(&values, at);
            if !conflicts.is_empty() {
                return Err(ContextError::AlreadySet { conflicts, again_at: at });
            }
        }
        for (metric, value) in values {
            self.insert(metric, value, at);
        }
        Ok(())
    }

    fn conflicts(&self, values: &[(String, ContextValue)], at: Place) -> Vec<SetBefore> {
        let mut seen = BTreeSet::new();
        let mut conflict = |metric: &String| {
            let set_at = match self.slots.get(metric) {
                Some(slot) => slot.set_at,
                None if seen.insert(metric.clone()) => return None,
                None => at,
            };
            Some(SetBefore { metric: metric.clone(), set_at })
        };
        values.iter().filter_map(|(metric, _)| conflict(metric)).collect()
    }

    /// Puts a value under a key of a map that starts empty. A key that is there already is replaced.
    pub(super) fn set_key_value(
        &mut self,
        metric: &str,
        key: &str,
        value: ContextValue,
        at: Place,
    ) -> Result<(), ContextError> {
        self.change(metric, at, ContextValue::Map(BTreeMap::new()), |held| {
            if let ContextValue::Map(map) = held {
                map.insert(key.to_owned(), value);
            }
        })
    }

    /// Adds an element to a set that starts empty.
    pub(super) fn add_to_set(&mut self, metric: &str, element: Scalar, at: Place) -> Result<(), ContextError> {
        self.change(metric, at, ContextValue::Set(BTreeSet::new()), |held| {
            if let ContextValue::Set(set) = held {
                set.insert(element);
            }
        })
    }

    /// Adds a pair to a top-n that starts empty, with the default limit.
    pub(super) fn add_top_n(
        &mut self,
        metric: &str,
        key: Scalar,
        value: Number,
        at: Place,
    ) -> Result<(), ContextError> {
        self.change(metric, at, ContextValue::TopN(TopN::default()), |held| {
            if let ContextValue::TopN(top) = held {
                top.add(key, value);
            }
        })
    }

    /// Changes the value of a metric, which starts as `empty`. Fails if it is of another kind than `empty`, thus
    /// `change` sees that kind only.
    fn change(
        &mut self,
        metric: &str,
        at: Place,
        empty: ContextValue,
        change: impl FnOnce(&mut ContextValue),
    ) -> Result<(), ContextError> {
        // Looked up first, because an entry would need an owned name also for a metric that is there.
        let Some(slot) = self.slots.get_mut(metric) else {
            let mut value = empty;
            change(&mut value);
            self.insert(metric.to_owned(), value, at);
            return Ok(());
        };
        let (held, wanted) = (slot.value.kind(), empty.kind());
        if held != wanted {
            let (metric, set_at) = (metric.to_owned(), slot.set_at);
            return Err(ContextError::KindMismatch { metric, held, set_at, wanted, again_at: at });
        }
        change(&mut slot.value);
        Ok(())
    }

    fn insert(&mut self, metric: String, value: ContextValue, at: Place) {
        self.slots.insert(metric, Slot { value, set_at: at });
    }
}
