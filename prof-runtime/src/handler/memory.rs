//! Keeps metrics, for tests.

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::base::lock;
use crate::handler::MetricHandler;
use crate::model::{MetricData, Outcome};
use crate::site::{CallRecord, Callsite, UntimedCall};

/// Keeps the data points that it receives, for tests. A clone is a handle to the same data points.
///
/// It keeps the first million; later ones are [counted](Self::dropped) as dropped.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, Outcome, prof, scoped};
///
/// #[prof(name = "halve", group = "math")]
/// fn halve(n: u32) -> Option<u32> { (n % 2 == 0).then_some(n / 2) }
///
/// let memory = MemoryHandler::new();
/// let _scope = scoped(memory.clone());
/// halve(4);
/// assert_eq!(memory.names(), ["halve.success", "halve.duration.ms"]);
/// assert_eq!(memory.get("halve.success").unwrap().group_name, "math");
/// assert!(memory.value("halve.duration.ms").unwrap() >= 0.0);
/// assert!(!memory.contains("halve.failure"));
/// assert_eq!(memory.outcomes("halve"), [Outcome::Success]);
/// ```
#[derive(Clone, Default)]
pub struct MemoryHandler {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    data: Vec<MetricData<'static>>,
    /// The name of the function and how each call ended.
    calls: Vec<(String, Outcome)>,
    dropped: u64,
}

/// How many data points are kept, and how many outcomes.
const CAPACITY: usize = 1_000_000;

impl MemoryHandler {
    /// Creates a handler that has received nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns every data point, in order.
    pub fn data(&self) -> Vec<MetricData<'static>> {
        lock(&self.kept).data.clone()
    }

    /// Returns the name of every data point, in order.
    pub fn names(&self) -> Vec<String> {
        lock(&self.kept).data.iter().map(|data| data.name.to_string()).collect()
    }

    /// Returns the latest data point with this name.
    pub fn get(&self, name: &str) -> Option<MetricData<'static>> {
        lock(&self.kept).data.iter().rev().find(|data| data.name == name).cloned()
    }

    /// Returns the latest value with this name, as a float.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.get(name).map(|data| data.value.as_f64())
    }

    /// Returns whether there is a data point with this name.
    pub fn contains(&self, name: &str) -> bool {
        self.count(name) > 0
    }

    /// Returns how many data points have this name.
    pub fn count(&self, name: &str) -> usize {
        lock(&self.kept).data.iter().filter(|data| data.name == name).count()
    }

    /// Returns how the calls of the function with this name ended, in order.
    pub fn outcomes(&self, function: &str) -> Vec<Outcome> {
        let kept = lock(&self.kept);
        kept.calls.iter().filter(|(name, _)| name == function).map(|(_, outcome)| *outcome).collect()
    }

    /// Returns how many data points were dropped, because a million were kept already.
    pub fn dropped(&self) -> u64 {
        lock(&self.kept).dropped
    }

    /// Forgets everything received so far.
    pub fn clear(&self) {
        *lock(&self.kept) = Kept::default();
    }

    fn keep_call(&self, callsite: &Callsite, outcome: Outcome) {
        let mut kept = lock(&self.kept);
        if kept.calls.len() < CAPACITY {
            kept.calls.push((callsite.name().to_owned(), outcome));
        }
    }
}

impl MetricHandler for MemoryHandler {
    fn emit(&self, data: &MetricData<'_>) {
        let mut kept = lock(&self.kept);
        if kept.data.len() < CAPACITY {
            kept.data.push(data.clone().into_owned());
        } else {
            kept.dropped += 1;
        }
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        self.keep_call(call.callsite(), call.outcome());
        call.data_points().iter().for_each(|data| self.emit(data));
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        self.keep_call(call.callsite(), call.outcome());
        self.emit(&call.data_point());
    }
}

impl fmt::Debug for MemoryHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&lock(&self.kept).data).finish()
    }
}
