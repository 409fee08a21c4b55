//! `TopN` and `MetricsContext` against models that are too simple to be wrong.

use std::mem::discriminant;

use prof_runtime::{
    ContextError, ContextGuard, ContextValue, MetricsContext, TopN,
    context::{Number, Scalar},
};
use proptest::prelude::*;

use super::recorded_context;

proptest! {
    #[test]
    fn top_n_is_the_head_of_the_sorted_list(
        n in 0_usize..8,
        pairs in prop::collection::vec((0_u8..6, -3_i8..4), 0..40),
    ) {
        let mut top = TopN::new(n);
        top.extend(pairs.iter().copied());

        let mut sorted = pairs;
        sorted.sort_by_key(|&(key, value)| std::cmp::Reverse((value, key)));
        sorted.truncate(n);
        prop_assert_eq!(top.len(), sorted.len());
        prop_assert_eq!(top.iter().map(|(key, value)| (*key, *value)).collect::<Vec<_>>(), sorted.clone());
        prop_assert_eq!(top.into_iter().collect::<Vec<_>>(), sorted);
    }

    #[test]
    fn a_context_does_what_the_model_does(steps in prop::collection::vec(step(), 0..60)) {
        let (context, records) = recorded_context();
        let mut model = Model::default();
        let mut guards = Vec::new();
        for step in steps {
            prop_assert_eq!(step.apply(&context, &mut guards), step.apply_to_model(&mut model), "{:?}", step);
            prop_assert_eq!(context.in_progress(), model.depth > 0);
        }
        while !guards.is_empty() {
            Step::Leave(0).apply(&context, &mut guards);
            Step::Leave(0).apply_to_model(&mut model);
        }
        let reported: Vec<_> = records.0.lock().unwrap().iter().map(|record| record.metrics.clone()).collect();
        let expected: Vec<_> = model.reported.into_iter().map(|metrics| metrics.into_iter().collect()).collect();
        prop_assert_eq!(reported, expected);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Enter,
    Leave(usize),
    Increment(String, Number),
    Set { metric: String, value: ContextValue, overwrite: bool },
    Update { values: Vec<(String, ContextValue)>, overwrite: bool },
    UpdateOuter(Vec<(String, ContextValue)>),
    SetKeyValue(String, String, ContextValue),
    AddToSet(String, Scalar),
    AddTopN(String, Scalar, Number),
}

fn step() -> impl Strategy<Value = Step> {
    let values = || prop::collection::vec((name(), scalar().prop_map(ContextValue::from)), 0..4);
    let overwrite = any::<bool>;
    prop_oneof![
        4 => Just(Step::Enter),
        2 => (0_usize..4).prop_map(Step::Leave),
        4 => (name(), number()).prop_map(|(metric, by)| Step::Increment(metric, by)),
        2 => (name(), scalar(), overwrite())
            .prop_map(|(metric, value, overwrite)| Step::Set { metric, value: value.into(), overwrite }),
        2 => (values(), overwrite()).prop_map(|(values, overwrite)| Step::Update { values, overwrite }),
        2 => values().prop_map(Step::UpdateOuter),
        2 => (name(), name(), scalar()).prop_map(|(metric, key, value)| Step::SetKeyValue(metric, key, value.into())),
        2 => (name(), scalar()).prop_map(|(metric, value)| Step::AddToSet(metric, value)),
        2 => (name(), scalar(), number()).prop_map(|(metric, key, value)| Step::AddTopN(metric, key, value)),
    ]
}

fn name() -> impl Strategy<Value = String> {
    "[a-e]"
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        (-3_i64..4).prop_map(Number::from),
        Just(Number::Int(i64::MAX)),
        (-8_i8..8).prop_map(|quarters| Number::Float(f64::from(quarters) / 4.0)),
    ]
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![number().prop_map(Scalar::from), any::<bool>().prop_map(Scalar::from), name().prop_map(Scalar::from)]
}

/// How a step ended: `Ok`, or which error.
#[derive(Debug, PartialEq)]
enum Ended {
    Well,
    Outside,
    AlreadySet(Vec<String>),
    KindMismatch,
}

impl From<Result<(), ContextError>> for Ended {
    fn from(result: Result<(), ContextError>) -> Self {
        match result {
            Ok(()) => Self::Well,
            Err(ContextError::Outside { .. }) => Self::Outside,
            Err(ContextError::AlreadySet { conflicts, .. }) => {
                Self::AlreadySet(conflicts.into_iter().map(|conflict| conflict.metric).collect())
            }
            Err(ContextError::KindMismatch { .. }) => Self::KindMismatch,
            Err(other) => panic!("{other}"),
        }
    }
}

impl Step {
    fn apply(&self, context: &MetricsContext, guards: &mut Vec<ContextGuard>) -> Ended {
        let result = match self.clone() {
            Self::Enter => {
                guards.push(context.enter());
                Ok(())
            }
            Self::Leave(index) => {
                if index < guards.len() {
                    drop(guards.remove(index));
                }
                Ok(())
            }
            Self::Increment(metric, by) => context.increment(&metric, by),
            Self::Set { metric, value, overwrite: false } => context.set(&metric, value),
            Self::Set { metric, value, overwrite: true } => context.set_overwrite(&metric, value),
            Self::Update { values, overwrite: false } => context.update(values),
            Self::Update { values, overwrite: true } => context.update_overwrite(values),
            Self::UpdateOuter(values) => context.update_outer(values),
            Self::SetKeyValue(metric, key, value) => context.set_key_value(&metric, &key, value),
            Self::AddToSet(metric, value) => context.add_to_set(&metric, value),
            Self::AddTopN(metric, key, value) => context.add_top_n(&metric, key, value),
        };
        result.into()
    }

    fn apply_to_model(&self, model: &mut Model) -> Ended {
        match self.clone() {
            Self::Enter => model.depth += 1,
            Self::Leave(index) => model.leave(index),
            Self::AddTopN(..) if model.depth == 0 => {}
            _ if model.depth == 0 => return Ended::Outside,
            Self::Increment(metric, by) => return model.increment(&metric, by),
            Self::Set { metric, value, overwrite } => return model.set(vec![(metric, value)], overwrite),
            Self::Update { values, overwrite } => return model.set(values, overwrite),
            Self::UpdateOuter(values) if model.depth == 1 => return model.set(values, false),
            Self::UpdateOuter(_) => {}
            Self::SetKeyValue(metric, key, value) => {
                return model.change(&metric, &ContextValue::Map([].into()), |held| {
                    let ContextValue::Map(map) = held else { unreachable!() };
                    map.insert(key, value);
                });
            }
            Self::AddToSet(metric, value) => {
                return model.change(&metric, &ContextValue::Set([].into()), |held| {
                    let ContextValue::Set(set) = held else { unreachable!() };
                    set.insert(value);
                });
            }
            Self::AddTopN(metric, key, value) => {
                return model.change(&metric, &ContextValue::TopN(TopN::new(25)), |held| {
                    let ContextValue::TopN(top) = held else { unreachable!() };
                    top.add(key, value);
                });
            }
        }
        Ended::Well
    }
}

/// Upstream's context: a counter, and a list of names and values.
#[derive(Default)]
struct Model {
    depth: usize,
    metrics: Vec<(String, ContextValue)>,
    reported: Vec<Vec<(String, ContextValue)>>,
}

impl Model {
    fn leave(&mut self, index: usize) {
        if index < self.depth {
            self.depth -= 1;
            if self.depth == 0 {
                self.reported.push(std::mem::take(&mut self.metrics));
            }
        }
    }

    fn find(&mut self, metric: &str) -> Option<&mut ContextValue> {
        self.metrics.iter_mut().find(|(name, _)| name == metric).map(|(_, value)| value)
    }

    fn set(&mut self, values: Vec<(String, ContextValue)>, overwrite: bool) -> Ended {
        let names: Vec<_> = values.iter().map(|(name, _)| name.clone()).collect();
        let is_taken = |(index, name): &(usize, &String)| {
            names[..*index].contains(*name) || self.metrics.iter().any(|(metric, _)| metric == *name)
        };
        let taken: Vec<_> = names.iter().enumerate().filter(is_taken).map(|(_, name)| name.clone()).collect();
        if !overwrite && !taken.is_empty() {
            return Ended::AlreadySet(taken);
        }
        for (name, value) in values {
            self.metrics.retain(|(metric, _)| *metric != name);
            self.metrics.push((name, value));
        }
        Ended::Well
    }

    fn increment(&mut self, metric: &str, by: Number) -> Ended {
        let zero = if matches!(by, Number::Int(_)) { ContextValue::Int(0) } else { ContextValue::Float(0.0) };
        self.change(metric, &zero, |held| {
            *held = match (held.as_number(), by) {
                (Some(Number::Int(sum)), Number::Int(by)) => (i128::from(sum) + i128::from(by)).into(),
                (Some(Number::Float(sum)), Number::Float(by)) => (sum + by).into(),
                _ => unreachable!(),
            };
        })
    }

    fn change(&mut self, metric: &str, empty: &ContextValue, change: impl FnOnce(&mut ContextValue)) -> Ended {
        if self.find(metric).is_none() {
            self.metrics.push((metric.to_owned(), empty.clone()));
        }
        let held = self.find(metric).unwrap();
        if discriminant(held) != discriminant(empty) {
            return Ended::KindMismatch;
        }
        change(held);
        Ended::Well
    }
}
