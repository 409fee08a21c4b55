//! `RuntimeMetricsContext`: metrics gathered where there is nothing to enter.

use std::{
    panic::{Location, RefUnwindSafe, UnwindSafe},
    sync::Mutex,
};

use super::{
    error::ContextError,
    metrics::{Existing, Metrics},
    number::Number,
    record::ContextRecord,
    report::OnExit,
    value::ContextValue,
};
use crate::base::clock::Start;
use crate::base::{Locked, lock};

/// Gathers numbers from the first increment to [`finish`](Self::finish), for work that no scope encloses.
///
/// It may be shared by threads; it is never "outside". Dropping it finishes it.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use prof_runtime::context::RuntimeMetricsContext;
///
/// let (records, reported) = mpsc::channel();
/// let ctx = RuntimeMetricsContext::new(move |record| records.send(record).unwrap());
///
/// ctx.increment("launches", 1, &[("device", Some("gpu0".into())), ("queue", None)])?;
/// ctx.increment("launches", 2, &[("device", Some("gpu1".into()))])?;
/// ctx.finish();
///
/// let record = reported.recv().unwrap();
/// assert_eq!(record.metrics["launches"], 3.into());
/// assert_eq!(record.metrics["device"], "gpu0".into());
/// assert_eq!(record.metrics.len(), 2);
///
/// ctx.finish(); // Nothing was gathered since, thus nothing is reported.
/// assert!(reported.try_recv().is_err());
/// # Ok::<(), prof_runtime::context::ContextError>(())
/// ```
#[derive(Debug)]
pub struct RuntimeMetricsContext {
    on_exit: OnExit,
    /// The start and the metrics since then; `None` before the first increment. No code of the user's runs under the
    /// lock.
    gathered: Mutex<Option<(Start, Metrics)>>,
}

// As for `MetricsContext`: changes are all or nothing, and `on_exit` is called outside of the lock and is `Fn`.
impl UnwindSafe for RuntimeMetricsContext {}
impl RefUnwindSafe for RuntimeMetricsContext {}

impl RuntimeMetricsContext {
    /// Creates a context that hands each record to `on_exit`, on the thread that finishes it.
    ///
    /// If `on_exit` panics, the panic goes no further and that record is lost; one line on stderr says so the first,
    /// the tenth, the hundredth time and so on.
    pub fn new(on_exit: impl Fn(ContextRecord) + Send + Sync + 'static) -> Self {
        Self { on_exit: OnExit::new("RuntimeMetricsContext", on_exit), gathered: Mutex::new(None) }
    }

    /// Adds to a number, which starts from zero, and saturates as [`MetricsContext::increment`] does. The first
    /// increment starts the record.
    ///
    /// Of `extra`, the values that are present (`Some`) are set under names that have no value; the others are ignored.
    ///
    /// # Errors
    ///
    /// [`ContextError::KindMismatch`] if the metric is not a number, or is a float and `value` an integer or the other
    /// way round. Then `extra` is not looked at.
    ///
    /// [`MetricsContext::increment`]: super::MetricsContext::increment
    #[track_caller]
    pub fn increment(
        &self,
        metric: &str,
        value: impl Into<Number>,
        extra: &[(&str, Option<ContextValue>)],
    ) -> Result<(), ContextError> {
        let (value, at) = (value.into(), Location::caller());
        let mut gathered = self.lock();
        let (_, metrics) = gathered.get_or_insert_with(|| (Start::now(), Metrics::default()));
        metrics.increment(metric, value, at)?;
        for (name, value) in extra {
            if let Some(value) = value
                && !metrics.contains(name)
            {
                metrics.set(name, value.clone(), at, Existing::Refuse)?;
            }
        }
        Ok(())
    }

    /// Reports what was gathered, and starts afresh. Does nothing if nothing was.
    ///
    /// What other threads add while `on_exit` runs belongs to the next record.
    pub fn finish(&self) {
        let gathered = self.lock().take();
        if let Some((start, mut metrics)) = gathered {
            self.on_exit.report(ContextRecord {
                start_ns: start.start_ns(),
                end_ns: start.end_ns(),
                metrics: metrics.take(),
                error: None,
            });
        }
    }

    fn lock(&self) -> Locked<'_, Option<(Start, Metrics)>> {
        lock(&self.gathered)
    }
}

impl Drop for RuntimeMetricsContext {
    /// Finishes: what was gathered is not lost.
    fn drop(&mut self) {
        self.finish();
    }
}
