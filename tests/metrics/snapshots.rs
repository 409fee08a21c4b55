//! Aggregators and their snapshots.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use prof_runtime::{Aggregator, MetricValue, Snapshot, prof, put_metric, scoped};

#[prof(name = "snap.count")]
fn count(fails: bool) -> Result<(), ()> {
    if fails { Err(()) } else { Ok(()) }
}

#[prof(name = "snap.never")]
fn never_called() {}

#[prof(name = "snap.wait", group = "snap.waiting")]
fn wait(entered: &mpsc::Sender<()>, leave: &mpsc::Receiver<()>) {
    entered.send(()).unwrap();
    leave.recv().unwrap();
}

#[test]
fn a_snapshot_lists_functions_that_were_never_called() {
    let _: fn() = never_called;
    let snapshot = Aggregator::new().snapshot();
    let never = snapshot.function("snap.never").unwrap();
    assert_eq!((never.calls(), never.min_ns, never.mean_ns(), never.quantile_ns(0.5)), (0, None, None, None));
    assert!(snapshot.called().all(|function| function.name != "snap.never"));
}

#[test]
fn numbers_agree_with_each_other() {
    let aggregator = Aggregator::new();
    let _scope = scoped(aggregator.clone());
    for i in 0..1000 {
        let _ = count(i % 4 == 0);
    }
    let snapshot = aggregator.snapshot();
    let count = snapshot.function("snap.count").unwrap();
    assert_eq!((count.success, count.failure, count.panic, count.cancelled), (750, 250, 0, 0));
    assert_eq!(count.histogram.count(), 1000);
    let (min, max) = (count.min_ns.unwrap(), count.max_ns.unwrap());
    let quantiles = [0.0, 0.5, 0.9, 0.99, 0.999, 1.0].map(|quantile| count.quantile_ns(quantile).unwrap());
    assert!(quantiles.is_sorted(), "{quantiles:?}");
    assert!(min <= quantiles[0] && quantiles[5] <= max);
    let mean = count.mean_ns().unwrap();
    assert!((min..=max).contains(&mean));
    assert_eq!(count.total_ns / 1000, mean);
}

#[test]
fn calls_in_flight_are_seen_and_leave() {
    let (entered, has_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel();
    let aggregator = Aggregator::new();
    let for_thread = aggregator.clone();
    let waiting = thread::spawn(move || {
        let _scope = scoped(for_thread);
        wait(&entered, &may_leave);
    });
    has_entered.recv().unwrap();
    assert_eq!(aggregator.snapshot().function("snap.wait").unwrap().in_flight, 1);
    leave.send(()).unwrap();
    waiting.join().unwrap();
    let snapshot = aggregator.snapshot();
    let wait = snapshot.function("snap.wait").unwrap();
    assert_eq!((wait.in_flight, wait.success), (0, 1));
}

#[test]
fn deltas_have_what_came_since() {
    let aggregator = Aggregator::new();
    let _scope = scoped(aggregator.clone());
    count(false).unwrap();
    put_metric("snap.pages", 3, "g");
    let earlier = aggregator.snapshot();
    count(true).unwrap_err();
    put_metric("snap.pages", 4, "g");
    let delta = aggregator.snapshot().since(&earlier);
    let count = delta.function("snap.count").unwrap();
    assert_eq!((count.success, count.failure, count.histogram.count()), (0, 1, 1));
    let pages = delta.value("snap.pages").unwrap();
    assert_eq!((pages.count, pages.sum), (1, 4.0));
    assert_eq!(delta.started_at, earlier.taken_at);
}

#[test]
fn values_are_summed_up() {
    let aggregator = Aggregator::new();
    let _scope = scoped(aggregator.clone());
    for value in [2.0, -1.0, 5.0] {
        put_metric("snap.load", value, "g");
    }
    let snapshot = aggregator.snapshot();
    let load = snapshot.value("snap.load").unwrap();
    assert_eq!((load.count, load.sum, load.min, load.max), (3, 6.0, Some(-1.0), Some(5.0)));
    assert_eq!(load.last, MetricValue::Gauge(5.0));
}

#[test]
fn a_snapshot_survives_json() {
    let aggregator = Aggregator::new();
    let _scope = scoped(aggregator.clone());
    count(true).unwrap_err();
    put_metric("snap.json", 1, "g");
    let snapshot = aggregator.snapshot();
    let json = serde_json::to_string(&snapshot).unwrap();
    let back: Snapshot = serde_json::from_str(&json).unwrap();
    let (before, after) = (snapshot.function("snap.count").unwrap(), back.function("snap.count").unwrap());
    assert_eq!((before.failure, before.total_ns, &before.histogram), (after.failure, after.total_ns, &after.histogram));
    assert_eq!(back.value("snap.json").unwrap().count, 1);
}

#[test]
fn the_table_is_aligned_and_sorted_by_total_time() {
    let aggregator = Aggregator::new();
    let _scope = scoped(aggregator.clone());
    for i in 0..10 {
        let _ = count(i == 0);
    }
    let mut snapshot = aggregator.snapshot();
    // Calls in flight are counted for all handlers: those of other tests are not this test's.
    snapshot.functions.retain(|function| function.name == "snap.count");
    // A quarter of the wall time.
    snapshot.taken_at = snapshot.started_at + Duration::from_nanos(4 * snapshot.functions[0].total_ns);
    let table = snapshot.to_table();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("prof: 10 calls of 1 function in "), "{table}");
    let column = |title: &str| lines[1].find(title).unwrap() + title.len();
    let row = lines.iter().find(|line| line.contains("snap.count")).unwrap();
    let ends_with = |title: &str, cell: &str| {
        let end: String = row.chars().take(column(title)).collect();
        assert!(end.ends_with(cell), "{cell:?} is not under {title:?} in\n{table}");
    };
    ends_with(" calls", " 10");
    ends_with(" ok", " 9");
    ends_with(" failed", " 1");
    ends_with(" panicked", " 0");
    ends_with(" cancelled", " 0");
    ends_with(" wall share", " 25.0%");
}
