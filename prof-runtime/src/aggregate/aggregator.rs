//! The handler that counts calls per function.

use std::fmt;
use std::sync::Arc;

use super::take_locks;
use crate::base::clock;
use crate::base::failing::FailingCode;
use crate::base::{forks, inside, lock, stderr};
use crate::counts::values::Added;
use crate::counts::{Counts, Snapshot};
use crate::handler::{FastPath, MetricHandler};
use crate::model::{MetricData, Outcome};
use crate::site::{CallRecord, RecordedNumber, UntimedCall};
use crate::thread;

/// A handler that counts calls by outcome and keeps a histogram of durations, per function, and takes
/// [`Snapshot`]s of them.
///
/// Each thread writes to numbers of its own without locks, 2.8 KiB per function that it has called. A snapshot merges
/// them. The numbers of an ended thread are continued by a later thread or added to totals, so memory does not grow
/// with the number of threads that ever ran. Values from [`put_metric`](fn@crate::put_metric) are summed by group and
/// name, for up to 2 000 names. Values of further names are dropped and counted, and so are values of another kind than
/// the first of their name.
///
/// A clone is a handle to the same numbers.
///
/// # Examples
///
/// ```
/// use prof_runtime::{Aggregator, prof, scoped};
///
/// #[prof(name = "parse")]
/// fn parse(text: &str) -> Result<u8, std::num::ParseIntError> { text.parse() }
///
/// let aggregator = Aggregator::new();
/// let _scope = scoped(aggregator.clone());
/// parse("1").unwrap();
/// parse("one").unwrap_err();
///
/// let snapshot = aggregator.snapshot();
/// let parse = snapshot.function("parse").unwrap();
/// assert_eq!((parse.calls(), parse.success, parse.failure), (2, 1, 1));
/// assert!(parse.quantile_ns(0.99).unwrap() <= parse.total_ns + parse.total_ns / 16 + 1);
/// ```
#[derive(Clone)]
pub struct Aggregator {
    shared: Arc<Counts>,
}

impl Aggregator {
    /// Creates an aggregator with no numbers. It counts while it is installed, by [`configure`](crate::configure),
    /// [`configure_group`](crate::configure_group) or [`scoped`](crate::scoped).
    pub fn new() -> Self {
        // Calibrates the clock, so that the first measured call does not wait for that.
        clock::prepare();
        forks::take_locks_by(take_locks);
        forks::follow();
        Self { shared: Counts::new() }
    }

    /// Returns the numbers so far, merged over all threads, living and ended.
    ///
    /// A call that ends while the snapshot is taken may be counted in later snapshots only. No call is lost or counted
    /// twice. The snapshot does not block threads that record, only threads that end.
    ///
    /// It lists every annotated function of the program, called or not, and every [counter](crate::counter!) and
    /// [gauge](crate::gauge!).
    pub fn snapshot(&self) -> Snapshot {
        inside(|| {
            let totals = {
                let retired = lock(&self.shared.retired);
                let mut totals = retired.clone();
                thread::for_each_share(|stats| {
                    if stats.aggregator_route() == self.shared.route() {
                        totals.add(stats);
                    }
                });
                totals
            };
            let values = lock(&self.shared.values);
            Snapshot::new(self.shared.since, totals, &thread::in_flight_by_address(), &values)
        })
    }

    pub(crate) fn counts(&self) -> &Arc<Counts> {
        &self.shared
    }
}

/// Says that a name has another kind of value. Rarely, where each of many requests has an aggregator.
#[cold]
fn print_refused(data: &MetricData<'_>, kind: &'static str) {
    let Some(times) = FailingCode::named("a name with two kinds of values").count() else { return };
    let (name, group, other) = (&data.name, &data.group_name, data.value.kind());
    stderr::line(format_args!(
        "prof: could not add a {other} to `{name}` of group `{group}`, which is a {kind} since its first data point: \
         data points of other kinds are dropped and counted; give each kind a name of its own (seen{times})"
    ));
}

impl MetricHandler for Aggregator {
    fn emit(&self, data: &MetricData<'_>) {
        // The lock is released before anything is printed.
        let added = lock(&self.shared.values).add(data);
        if let Added::Refused { kind } = added {
            print_refused(data, kind);
        }
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        thread::record(&self.shared, call.callsite(), call.outcome(), Some(call.duration_ns()));
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        thread::record(&self.shared, call.callsite(), call.outcome(), None);
    }

    fn record_number(&self, number: &RecordedNumber<'_>) {
        thread::record(&self.shared, number.site(), Outcome::Success, Some(number.number()));
    }

    fn fast_path(&self) -> FastPath<'_> {
        FastPath::Counts(self)
    }
}

impl Default for Aggregator {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aggregator").field("id", &self.shared.id).finish_non_exhaustive()
    }
}
