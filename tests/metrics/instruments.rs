//! Counters, gauges and distributions that are declared once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use prof_runtime::{
    Aggregator, BufferedHandler, Counter, Distribution, FanoutHandler, FilterHandler, Gauge, MemoryHandler, MetricData,
    MetricHandler, MetricValue, NullHandler, callsites, configure_group, counter, distribution, gauge, put_metric,
    scoped,
};

fn sum(aggregator: &Aggregator, name: &str) -> (u64, f64) {
    let snapshot = aggregator.snapshot();
    let value = snapshot.value(name).unwrap();
    (value.count, value.sum)
}

#[test]
fn a_counter_is_listed_at_0_and_is_no_function() {
    static COUNTER: Counter = counter!("instruments.listed");
    let snapshot = Aggregator::new().snapshot();
    let value = snapshot.value("instruments.listed").unwrap();
    assert_eq!((value.count, value.sum, value.min, &*value.group), (0, 0.0, None, "metrics"));
    assert_eq!(value.last, MetricValue::Count(0));
    assert!(snapshot.function("instruments.listed").is_none());
    assert!(callsites().all(|site| site.name() != "instruments.listed"));
    assert_eq!((COUNTER.name(), COUNTER.group()), ("instruments.listed", "metrics"));
}

#[test]
fn additions_of_all_threads_living_and_ended_are_one_sum() {
    static COUNTER: Counter = counter!("instruments.threads", "instruments.threads");
    const THREADS: u64 = 4;
    const EACH: u64 = 10_000;
    let aggregator = Aggregator::new();
    configure_group("instruments.threads", aggregator.clone());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..EACH).for_each(|n| COUNTER.add(n % 3)));
        }
    });
    COUNTER.increment();
    let each: u64 = (0..EACH).map(|n| n % 3).sum();
    #[allow(clippy::cast_precision_loss)] // The numbers of a test are small.
    let expect = (THREADS * EACH + 1, (THREADS * each + 1) as f64);
    assert_eq!(sum(&aggregator, "instruments.threads"), expect);
}

#[test]
fn every_handler_of_a_group_gets_each_addition_once() {
    static COUNTER: Counter = counter!("instruments.several", "instruments.several");
    let (one, two, memory) = (Aggregator::new(), Aggregator::new(), MemoryHandler::new());
    COUNTER.add(100);
    configure_group(
        "instruments.several",
        FanoutHandler::new().with(one.clone()).with(memory.clone()).with(two.clone()),
    );
    for n in 1..=10 {
        COUNTER.add(n);
    }
    configure_group("instruments.several", one.clone());
    COUNTER.add(5);
    COUNTER.add(5);
    configure_group("instruments.several", NullHandler);
    COUNTER.add(1000);
    assert_eq!(sum(&one, "instruments.several"), (12, 65.0));
    assert_eq!(sum(&two, "instruments.several"), (10, 55.0));
    let points = memory.data();
    assert_eq!(points.len(), 10);
    assert!((1..=10_u64).zip(&points).all(|(n, point)| point.value == n && point.group_name == "instruments.several"));
}

#[test]
fn a_scope_takes_what_its_thread_changes() {
    static COUNTER: Counter = counter!("instruments.scope", "instruments.scope");
    static GAUGE: Gauge = gauge!("instruments.scope.gauge", "instruments.scope");
    let (configured, memory, inner) = (Aggregator::new(), MemoryHandler::new(), Aggregator::new());
    configure_group("instruments.scope", configured.clone());
    COUNTER.add(1);
    {
        let _scope = scoped(memory.clone());
        COUNTER.add(20);
        GAUGE.set(0.5);
        GAUGE.add(2);
        thread::scope(|scope| drop(scope.spawn(|| COUNTER.add(300))));
        let _scope = scoped(inner.clone());
        COUNTER.add(4000);
    }
    COUNTER.add(1);
    assert_eq!(sum(&configured, "instruments.scope"), (3, 302.0));
    assert_eq!(sum(&inner, "instruments.scope"), (1, 4000.0));
    let values: Vec<f64> = memory.data().iter().map(|point| point.value.as_f64()).collect();
    assert_eq!(values, [20.0, 0.5, 2.5]);
}

#[test]
fn a_gauge_keeps_its_value_whoever_receives_it() {
    static GAUGE: Gauge = gauge!("instruments.gauge", "instruments.gauge");
    GAUGE.set(7);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    GAUGE.add(3);
                    GAUGE.sub(2);
                }
            });
        }
    });
    let aggregator = Aggregator::new();
    configure_group("instruments.gauge", aggregator.clone());
    let earlier = aggregator.snapshot();
    let value = earlier.value("instruments.gauge").unwrap();
    assert_eq!((value.count, value.last), (1, MetricValue::Gauge(4007.0)));
    let unchanged = aggregator.snapshot().since(&earlier);
    assert_eq!(unchanged.value("instruments.gauge").unwrap().count, 0);
    GAUGE.set(-1.5);
    let changed = aggregator.snapshot().since(&earlier);
    let value = changed.value("instruments.gauge").unwrap();
    assert_eq!((value.count, value.sum, value.last), (1, -1.5, MetricValue::Gauge(-1.5)));
}

#[test]
fn a_gauge_that_is_set_keeps_what_others_add() {
    static GAUGE: Gauge = gauge!("instruments.both", "instruments.both");
    thread::scope(|scope| {
        scope.spawn(|| (0..10_000).for_each(|_| GAUGE.add(1)));
        scope.spawn(|| (0..10_000).for_each(|_| GAUGE.set(0)));
    });
    let value = GAUGE.value();
    assert!((0.0..=10_000.0).contains(&value), "{value}");
    GAUGE.set(3);
    assert!((GAUGE.value() - 3.0).abs() < 1e-9);
}

#[test]
fn one_name_is_one_entry_for_counters_and_put_metric() {
    static GAUGE: Gauge = gauge!("instruments.clash", "instruments.shared");
    let aggregator = Aggregator::new();
    configure_group("instruments.shared", aggregator.clone());
    let first = || counter!("instruments.shared", "instruments.shared").add(1);
    first();
    first();
    counter!("instruments.shared", "instruments.shared").add(20);
    put_metric("instruments.shared", 300, "instruments.shared");
    assert_eq!(sum(&aggregator, "instruments.shared"), (4, 322.0));
    // Of another kind than the gauge of the same name, and so not added to it.
    GAUGE.set(0.5);
    counter!("instruments.clash", "instruments.shared").add(7);
    let snapshot = aggregator.snapshot();
    assert_eq!(snapshot.value("instruments.clash").unwrap().last, MetricValue::Gauge(0.5));
    assert_eq!(snapshot.values_dropped, 1);
}

#[test]
fn what_a_handler_changes_itself_goes_nowhere() {
    static INNER: Counter = counter!("instruments.inner", "instruments.inner");
    static OUTER: Counter = counter!("instruments.outer", "instruments.inner");

    struct Counts(Arc<AtomicU64>);

    impl MetricHandler for Counts {
        fn emit(&self, _: &MetricData<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
            INNER.add(1);
        }
    }

    let received = Arc::new(AtomicU64::new(0));
    let aggregator = Aggregator::new();
    configure_group(
        "instruments.inner",
        FanoutHandler::new().with(Counts(Arc::clone(&received))).with(aggregator.clone()),
    );
    OUTER.add(1);
    OUTER.add(1);
    assert_eq!(received.load(Ordering::Relaxed), 2);
    assert_eq!(sum(&aggregator, "instruments.inner"), (0, 0.0));
    assert_eq!(sum(&aggregator, "instruments.outer"), (2, 2.0));
}

#[test]
fn a_thread_that_ends_counts_to_its_last_destructor() {
    static COUNTER: Counter = counter!("instruments.last", "instruments.last");

    struct Last;

    impl Drop for Last {
        fn drop(&mut self) {
            COUNTER.add(1);
            COUNTER.add(1);
        }
    }

    thread_local! {
        static LAST: Last = const { Last };
    }

    let aggregator = Aggregator::new();
    configure_group("instruments.last", aggregator.clone());
    for is_first in [true, false] {
        thread::spawn(move || {
            if is_first {
                LAST.with(|_| ());
            }
            COUNTER.add(1);
            LAST.with(|_| ());
        })
        .join()
        .unwrap();
    }
    assert_eq!(sum(&aggregator, "instruments.last"), (6, 6.0));
}

#[test]
fn a_distribution_is_listed_without_numbers_and_keeps_all_that_threads_record() {
    static SIZES: Distribution = distribution!("instruments.sizes", "instruments.sizes");
    let aggregator = Aggregator::new();
    configure_group("instruments.sizes", aggregator.clone());
    let empty = aggregator.snapshot();
    let sizes = empty.value_in("instruments.sizes", "instruments.sizes").unwrap();
    assert_eq!((sizes.count, sizes.min, sizes.quantile(0.5)), (0, None, None));
    assert_eq!(sizes.distribution.as_ref().unwrap().count(), 0);
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            scope.spawn(move || (0..1000).for_each(|n| SIZES.record(1000 * thread + n)));
        }
    });
    let full = aggregator.snapshot();
    let sizes = full.value("instruments.sizes").unwrap();
    assert_eq!((sizes.count, sizes.sum), (4000, 7_998_000.0));
    assert_eq!((sizes.min, sizes.max), (Some(0.0), Some(3999.0)));
    let median = sizes.quantile(0.5).unwrap();
    assert!(median.abs_diff(2000) <= 2000 / 31 + 1, "{median}");
    SIZES.record(5);
    let since = aggregator.snapshot().since(&full);
    let sizes = since.value("instruments.sizes").unwrap();
    assert_eq!((sizes.count, sizes.sum, sizes.min, sizes.max), (1, 5.0, Some(5.0), Some(5.0)));
    assert_eq!((SIZES.name(), SIZES.group()), ("instruments.sizes", "instruments.sizes"));
}

#[test]
fn other_handlers_and_scopes_receive_each_number_of_a_distribution() {
    static ROWS: Distribution = distribution!("instruments.rows", "instruments.rows");
    let (memory, scope) = (MemoryHandler::new(), MemoryHandler::new());
    ROWS.record(1);
    configure_group("instruments.rows", memory.clone());
    ROWS.record(7);
    {
        let _scope = scoped(scope.clone());
        ROWS.record(9);
    }
    assert_eq!((memory.value("instruments.rows"), memory.count("instruments.rows")), (Some(7.0), 1));
    assert_eq!((scope.value("instruments.rows"), scope.count("instruments.rows")), (Some(9.0), 1));
}

#[test]
fn an_aggregator_behind_scopes_layers_and_queues_keeps_distributions() {
    static BYTES: Distribution = distribution!("instruments.bytes", "instruments.bytes");
    let [scoped_to, filtered, queued] = [(); 3].map(|()| Aggregator::new());
    {
        let _scope = scoped(scoped_to.clone());
        BYTES.record(300);
    }
    let filter = FilterHandler::new(FanoutHandler::new().with(filtered.clone())).names(["instruments.*"]);
    let queue = BufferedHandler::new(queued.clone()).unwrap();
    configure_group("instruments.bytes", FanoutHandler::new().with(filter).with(queue));
    BYTES.record(300);
    prof_runtime::flush().unwrap();
    for aggregator in [scoped_to, filtered, queued] {
        let snapshot = aggregator.snapshot();
        let bytes = snapshot.value("instruments.bytes").unwrap();
        assert_eq!((bytes.count, bytes.quantile(0.5), snapshot.values_dropped), (1, Some(300), 0));
    }
}

#[test]
fn instruments_of_different_kinds_with_one_name_are_not_added_up() {
    static COUNTER: Counter = counter!("instruments.kinds", "instruments.kinds");
    static SIZES: Distribution = distribution!("instruments.kinds", "instruments.kinds");
    let aggregator = Aggregator::new();
    configure_group("instruments.kinds", aggregator.clone());
    COUNTER.add(3);
    SIZES.record(5);
    let snapshot = aggregator.snapshot();
    let kinds = snapshot.value("instruments.kinds").unwrap();
    assert_eq!((kinds.count, snapshot.values_dropped), (1, 1), "one of them stays: {kinds:?}");
}
