//! The contexts from outside: each case of the seed, then what upstream does not test.
#![allow(clippy::disallowed_methods)] // Not of the crate itself.

mod changes;
mod entries;
mod errors;
mod futures;
mod models;
mod on_exit;
mod runtime;
mod seed;
#[cfg(feature = "json")]
mod serialized;
mod threads;
mod top_n;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use prof_runtime::{ContextRecord, ContextValue, MetricsContext};

/// The records that a context has reported.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<ContextRecord>>>);

impl Records {
    fn on_exit(&self) -> impl Fn(ContextRecord) + Send + Sync + 'static {
        let records = self.clone();
        move |record| records.0.lock().unwrap().push(record)
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Takes the one record that there must be.
    fn take_one(&self) -> ContextRecord {
        let mut records = self.0.lock().unwrap();
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }

    fn take_one_metrics(&self) -> BTreeMap<String, ContextValue> {
        self.take_one().metrics
    }
}

fn recorded_context() -> (MetricsContext, Records) {
    let records = Records::default();
    (MetricsContext::new(records.on_exit()), records)
}

fn metrics<const N: usize>(expected: [(&str, ContextValue); N]) -> BTreeMap<String, ContextValue> {
    expected.map(|(metric, value)| (metric.to_owned(), value)).into()
}
