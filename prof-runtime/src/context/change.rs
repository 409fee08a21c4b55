//! The methods of `MetricsContext` that change metrics.

use std::panic::Location;

use super::{
    error::{ContextError, Place},
    metrics::{Existing, Metrics},
    metrics_context::MetricsContext,
    number::Number,
    scalar::Scalar,
    value::ContextValue,
};

/// Changing metrics.
///
/// # Errors
///
/// All of these fail with [`ContextError::Outside`] if the context is not entered by any thread, except
/// [`add_top_n`](Self::add_top_n).
impl MetricsContext {
    /// Adds to a number, which starts from zero. Integers saturate at the limits of `i64`.
    ///
    /// # Errors
    ///
    /// [`ContextError::KindMismatch`] if the metric is not a number, or is a float and `value` an integer or the other
    /// way round.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::context::MetricsContext;
    ///
    /// let (records, reported) = std::sync::mpsc::channel();
    /// let ctx = MetricsContext::new(move |record| records.send(record).unwrap());
    /// let entered = ctx.enter();
    /// entered.increment("bytes", i64::MAX)?;
    /// entered.increment("bytes", 1)?;
    /// entered.increment("seconds", 0.5)?;
    /// entered.increment("seconds", 0.25)?;
    /// let error = entered.increment("seconds", 1).unwrap_err();
    /// assert!(error.to_string().starts_with("metric `seconds` is a float, set at "));
    /// drop(entered);
    ///
    /// let record = reported.recv().unwrap();
    /// assert_eq!(record.metrics["bytes"], i64::MAX.into());
    /// assert_eq!(record.metrics["seconds"], 0.75.into());
    /// # Ok::<(), prof_runtime::context::ContextError>(())
    /// ```
    #[track_caller]
    pub fn increment(&self, metric: &str, value: impl Into<Number>) -> Result<(), ContextError> {
        let (value, at) = (value.into(), Location::caller());
        self.change("increment", metric, |metrics| metrics.increment(metric, value, at))
    }

    /// Sets a metric that has no value.
    ///
    /// # Errors
    ///
    /// [`ContextError::AlreadySet`] if it has one, by whichever method it got it.
    #[track_caller]
    pub fn set(&self, metric: &str, value: impl Into<ContextValue>) -> Result<(), ContextError> {
        self.set_at(metric, value.into(), Location::caller(), Existing::Refuse)
    }

    /// Sets a metric. It may have had another value or kind before.
    ///
    /// # Errors
    ///
    /// [`ContextError::Outside`] only.
    #[track_caller]
    pub fn set_overwrite(&self, metric: &str, value: impl Into<ContextValue>) -> Result<(), ContextError> {
        self.set_at(metric, value.into(), Location::caller(), Existing::Overwrite)
    }

    /// Sets several metrics that have no value. If one of them cannot be set, none is.
    ///
    /// # Errors
    ///
    /// [`ContextError::AlreadySet`] with each metric that has a value, or is given more than once.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::context::{ContextValue, MetricsContext};
    ///
    /// let (records, reported) = std::sync::mpsc::channel();
    /// let ctx = MetricsContext::new(move |record| records.send(record).unwrap());
    /// let entered = ctx.enter();
    /// entered.update([("files", ContextValue::from(7)), ("root", "src".into())])?;
    /// assert!(entered.update([("files", 8), ("bytes", 9)]).is_err());
    /// entered.update_overwrite([("files", 8), ("bytes", 9)])?;
    /// drop(entered);
    /// assert_eq!(reported.recv().unwrap().metrics.len(), 3);
    /// # Ok::<(), prof_runtime::context::ContextError>(())
    /// ```
    #[track_caller]
    pub fn update<K: Into<String>, V: Into<ContextValue>>(
        &self,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), ContextError> {
        self.update_at(owned(values), Location::caller(), Existing::Refuse)
    }

    /// Sets several metrics, whatever values and kinds they had before. Of a name that is given twice the last counts.
    ///
    /// # Errors
    ///
    /// [`ContextError::Outside`] only.
    #[track_caller]
    pub fn update_overwrite<K: Into<String>, V: Into<ContextValue>>(
        &self,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), ContextError> {
        self.update_at(owned(values), Location::caller(), Existing::Overwrite)
    }

    /// Sets several metrics as [`update`](Self::update) does, but only from the outermost entry: from a nested one it
    /// does nothing, and succeeds. For recursive code, of which only the outermost call is to report.
    ///
    /// The calling thread counts: it is in a nested entry if it has entered twice, or once while the outermost entry is
    /// another thread's. A thread that uses the context without entering belongs to the outermost.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update).
    #[track_caller]
    pub fn update_outer<K: Into<String>, V: Into<ContextValue>>(
        &self,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), ContextError> {
        if self.shared().is_nested_here() {
            return Ok(());
        }
        self.update_at(owned(values), Location::caller(), Existing::Refuse)
    }

    /// Puts a value under a key of a map, which starts empty. A value under the same key is replaced.
    ///
    /// # Errors
    ///
    /// [`ContextError::KindMismatch`] if the metric is not a map.
    #[track_caller]
    pub fn set_key_value(&self, metric: &str, key: &str, value: impl Into<ContextValue>) -> Result<(), ContextError> {
        let (value, at) = (value.into(), Location::caller());
        self.change("set", metric, |metrics| metrics.set_key_value(metric, key, value, at))
    }

    /// Adds an element to a set, which starts empty.
    ///
    /// # Errors
    ///
    /// [`ContextError::KindMismatch`] if the metric is not a set.
    #[track_caller]
    pub fn add_to_set(&self, metric: &str, value: impl Into<Scalar>) -> Result<(), ContextError> {
        let (value, at) = (value.into(), Location::caller());
        self.change("add to", metric, |metrics| metrics.add_to_set(metric, value, at))
    }

    /// Adds a pair to a [`TopN`](super::TopN), which starts empty and keeps 25, unless it was set with another number.
    /// Outside of an entry it does nothing, and succeeds, as upstream.
    ///
    /// # Errors
    ///
    /// [`ContextError::KindMismatch`] if the metric is not a top-n.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::context::{ContextValue, MetricsContext, TopN};
    ///
    /// let (records, reported) = std::sync::mpsc::channel();
    /// let ctx = MetricsContext::new(move |record| records.send(record).unwrap());
    /// let entered = ctx.enter();
    /// entered.set("slowest", TopN::<&str, i64>::new(1))?;
    /// entered.add_top_n("slowest", "a", 1)?;
    /// entered.add_top_n("slowest", "b", 2.5)?;
    /// drop(entered);
    ///
    /// let record = reported.recv().unwrap();
    /// let ContextValue::TopN(slowest) = &record.metrics["slowest"] else { panic!("{record:?}") };
    /// assert!(slowest.iter().eq([(&"b".into(), &2.5.into())]));
    /// # Ok::<(), prof_runtime::context::ContextError>(())
    /// ```
    #[track_caller]
    pub fn add_top_n(
        &self,
        metric: &str,
        key: impl Into<Scalar>,
        value: impl Into<Number>,
    ) -> Result<(), ContextError> {
        let (key, value, at) = (key.into(), value.into(), Location::caller());
        self.shared().with_metrics(|metrics| match metrics {
            Some(metrics) => metrics.add_top_n(metric, key, value, at),
            None => Ok(()),
        })
    }

    fn set_at(&self, metric: &str, value: ContextValue, at: Place, existing: Existing) -> Result<(), ContextError> {
        self.change("set", metric, |metrics| metrics.set(metric, value, at, existing))
    }

    fn update_at(
        &self,
        values: Vec<(String, ContextValue)>,
        at: Place,
        existing: Existing,
    ) -> Result<(), ContextError> {
        self.shared().with_metrics(|metrics| {
            let Some(metrics) = metrics else {
                let metrics = values.into_iter().map(|(metric, _)| metric).collect();
                return Err(ContextError::Outside { operation: "update", metrics });
            };
            metrics.update(values, at, existing)
        })
    }

    fn change(
        &self,
        operation: &'static str,
        metric: &str,
        change: impl FnOnce(&mut Metrics) -> Result<(), ContextError>,
    ) -> Result<(), ContextError> {
        self.shared().with_metrics(|metrics| match metrics {
            Some(metrics) => change(metrics),
            None => Err(ContextError::Outside { operation, metrics: vec![metric.to_owned()] }),
        })
    }
}

fn owned<K: Into<String>, V: Into<ContextValue>>(
    values: impl IntoIterator<Item = (K, V)>,
) -> Vec<(String, ContextValue)> {
    values.into_iter().map(|(metric, value)| (metric.into(), value.into())).collect()
}
