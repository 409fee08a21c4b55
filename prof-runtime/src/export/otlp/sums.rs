//! The sums of a collector are the program's own, however pushes fail, and what is missing was counted.

use std::time::Duration;

use proptest::prelude::*;

use super::peer::{Peer, Turn};
use super::tests::exporter_by;
use super::*;
use crate::aggregate::Aggregator;
use crate::counts::histogram::{BUCKETS, Histogram, bucket_of};
use crate::counts::{FunctionStats, ValueStats};
use crate::handler::MetricHandler as _;
use crate::model::{MetricData, MetricValue};

/// A program whose numbers are known.
struct Program {
    snapshot: Snapshot,
    /// Durations that belong to calls that were counted, and come into the snapshot after the next one.
    late: Vec<(usize, u64)>,
    buckets: Vec<Vec<u64>>,
}

/// What a program does between two pushes, and what becomes of the messages of the second.
#[derive(Clone, Debug)]
enum Step {
    Call { function: usize, failed: bool, ns: u64, is_late: bool },
    Count { value: usize, count: u64 },
    Gauge { value: usize, gauge: i32 },
    Push { turns: Vec<Turn> },
    Switch(Temporality),
}

const FUNCTIONS: usize = 4;
const VALUES: usize = 3;

impl Program {
    fn new() -> Self {
        // Its functions and values are made of one that is there.
        let aggregator = Aggregator::new();
        aggregator.emit(&MetricData::new("g", "made", 0));
        let mut snapshot = aggregator.snapshot();
        let function = snapshot.functions[0].clone();
        let value = snapshot.values[0].clone();
        let name = |kind: &str, at: usize| format!("{kind}{at}");
        snapshot.functions = (0..FUNCTIONS)
            .map(|at| FunctionStats { name: name("f", at), group: "g".to_owned(), ..function.clone() })
            .collect();
        snapshot.values =
            (0..2 * VALUES).map(|at| ValueStats { name: name("v", at), count: 0, ..value.clone() }).collect();
        for gauge in &mut snapshot.values[VALUES..] {
            gauge.last = MetricValue::Gauge(0.0);
        }
        Self { snapshot, late: Vec::new(), buckets: vec![vec![0; BUCKETS]; FUNCTIONS] }
    }

    fn file(&mut self, at: usize, ns: u64) {
        self.buckets[at][bucket_of(ns)] += 1;
        let function = &mut self.snapshot.functions[at];
        function.histogram = Histogram::from_counts(&self.buckets[at]);
        function.total_ns += ns;
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Call { function, failed, ns, is_late } => {
                let stats = &mut self.snapshot.functions[function];
                *if failed { &mut stats.failure } else { &mut stats.success } += 1;
                match is_late {
                    true => self.late.push((function, ns)),
                    false => self.file(function, ns),
                }
            }
            Step::Count { value, count } => {
                let value = &mut self.snapshot.values[value];
                value.count += 1;
                value.sum += MetricValue::Count(count).as_f64();
                value.last = MetricValue::Count(count);
            }
            Step::Gauge { value, gauge } => {
                self.snapshot.values[VALUES + value].last = MetricValue::Gauge(gauge.into());
            }
            Step::Push { .. } | Step::Switch(_) => {}
        }
    }

    /// What was late is there in the snapshot after the one that has its call.
    fn pushed(&mut self) {
        for (function, ns) in std::mem::take(&mut self.late) {
            self.file(function, ns);
        }
        self.snapshot.taken_at += Duration::from_secs(1);
    }

    /// The sums that a collector should have.
    #[allow(clippy::cast_precision_loss)] // The numbers of a test are small.
    fn sums(&self) -> Vec<(String, f64)> {
        let mut sums = Vec::new();
        for function in &self.snapshot.functions {
            let key = |metric: &str, more: &str| format!("{metric} {} g{more}", function.name);
            sums.push((key("prof.calls", " success"), function.success as f64));
            sums.push((key("prof.calls", " failure"), function.failure as f64));
            sums.push((key("prof.call.duration.count", ""), function.histogram.count() as f64));
            sums.push((key("prof.call.duration.sum", ""), function.total_ns as f64 / 1e9));
        }
        let counts = self.snapshot.values[..VALUES].iter();
        sums.extend(counts.map(|value| (format!("prof.value {} g", value.name), value.sum)));
        sums
    }
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        4 => Just(Turn::Accept),
        1 => (1..9_usize).prop_map(Turn::Reject),
        1 => Just(Turn::Busy),
        1 => Just(Turn::Refuse),
        1 => Just(Turn::Page),
        1 => Just(Turn::Reset),
    ];
    prop::collection::vec(turn, 0..5)
}

fn step() -> impl Strategy<Value = Step> {
    let temporality = prop_oneof![Just(Temporality::Cumulative), Just(Temporality::Delta)];
    prop_oneof![
        4 => (0..FUNCTIONS, any::<bool>(), 0..5_000_000_000_u64, any::<bool>())
            .prop_map(|(function, failed, ns, is_late)| Step::Call { function, failed, ns, is_late }),
        2 => (0..VALUES, 0..1000_u64).prop_map(|(value, count)| Step::Count { value, count }),
        1 => (0..VALUES, -9..9_i32).prop_map(|(value, gauge)| Step::Gauge { value, gauge }),
        3 => turns().prop_map(|turns| Step::Push { turns }),
        1 => temporality.prop_map(Step::Switch),
    ]
}

/// Goes through the steps, then pushes until everything has arrived, and compares.
fn check(protocol: Protocol, max_bytes: usize, may_switch: bool, first: Temporality, steps: &[Step]) {
    let peer = Peer::start(protocol);
    let losses = Losses::new();
    let mut exporter = exporter_by(&peer.url, protocol, &[]).losses(&losses).temporality(first);
    exporter.max_bytes = max_bytes;
    let mut program = Program::new();
    for step in steps {
        program.step(step);
        match step {
            Step::Push { turns } => {
                peer.turns(turns.iter().copied());
                let _ = exporter.export(&program.snapshot);
                program.pushed();
            }
            // What was rejected of one kind is not made up for by the other.
            Step::Switch(temporality) if may_switch => exporter = exporter.temporality(*temporality),
            _ => {}
        }
    }
    peer.turns([]);
    program.pushed();
    exporter.export(&program.snapshot).unwrap();

    let store = peer.store.lock().unwrap();
    let is_delta = exporter.config.temporality == Temporality::Delta;
    for (key, expect) in program.sums() {
        let stored = store.sums.get(&key).copied().unwrap_or_default();
        let rejected = store.rejected.get(&key).copied().filter(|_| is_delta).unwrap_or_default();
        let sum = stored + rejected;
        assert!((sum - expect).abs() <= expect.abs() * 1e-9, "{key}: {sum} and not {expect}");
    }
    for value in &program.snapshot.values[VALUES..] {
        let key = format!("prof.value {} g", value.name);
        assert_eq!(store.gauges.get(&key), Some(&value.last.as_f64()), "{key}");
    }
    assert_eq!(losses.total(), store.rejected_points, "what was rejected was counted");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_those_of_the_program_over_http(
        steps in prop::collection::vec(step(), 0..40),
        max_bytes in prop_oneof![Just(MAX_MESSAGE_BYTES), 400..2000_usize],
        first in prop_oneof![Just(Temporality::Cumulative), Just(Temporality::Delta)],
    ) {
        check(Protocol::Http, max_bytes, false, first, &steps);
    }

    #[cfg(feature = "otlp-grpc")]
    #[test]
    fn sums_are_those_of_the_program_over_grpc(
        steps in prop::collection::vec(step(), 0..40),
        max_bytes in prop_oneof![Just(MAX_MESSAGE_BYTES), 400..2000_usize],
        first in prop_oneof![Just(Temporality::Cumulative), Just(Temporality::Delta)],
    ) {
        check(Protocol::Grpc, max_bytes, false, first, &steps);
    }

    /// Without rejections: of those, differences and sums since the start make up for different things.
    #[test]
    fn sums_are_those_of_the_program_while_the_temporality_changes(steps in prop::collection::vec(step(), 0..40)) {
        let steps: Vec<Step> = steps.into_iter().map(|step| match step {
            Step::Push { turns } => {
                Step::Push { turns: turns.into_iter().filter(|turn| !matches!(turn, Turn::Reject(_))).collect() }
            }
            step => step,
        }).collect();
        check(Protocol::Http, 1000, true, Temporality::Cumulative, &steps);
    }
}

#[test]
fn an_answer_that_was_lost_costs_sums_since_the_start_nothing() {
    let peer = Peer::start(Protocol::Http);
    let mut exporter = exporter_by(&peer.url, Protocol::Http, &[]);
    let mut program = Program::new();
    program.step(&Step::Count { value: 0, count: 7 });
    peer.turns([Turn::StoreAndReset]);
    let error = exporter.export(&program.snapshot).unwrap_err();
    assert!(matches!(error, ExportError::Unreachable { .. }), "{error}");
    exporter.export(&program.snapshot).unwrap();
    assert_eq!(peer.store.lock().unwrap().sums.get("prof.value v0 g"), Some(&7.0));
}

/// A snapshot of so many functions with long names.
fn many(functions: usize) -> Snapshot {
    let mut snapshot = Program::new().snapshot;
    let one = snapshot.functions[0].clone();
    let name = |at: usize| format!("{}.f{at}", "a".repeat(300));
    snapshot.functions = (0..functions).map(|at| FunctionStats { name: name(at), success: 1, ..one.clone() }).collect();
    snapshot
}

fn arrives_in_several_messages(protocol: Protocol) {
    let peer = Peer::start(protocol);
    let mut exporter = exporter_by(&peer.url, protocol, &[]).temporality(Temporality::Delta);
    exporter.export(&many(6000)).unwrap();
    let store = peer.store.lock().unwrap();
    assert!(store.largest < 4 << 20 && store.stored > 1, "{} bytes at most, {}", store.largest, store.stored);
    assert_eq!(store.sums.iter().filter(|(key, sum)| key.ends_with(" success") && **sum > 0.5).count(), 6000);
}

#[test]
fn a_push_that_is_too_large_for_one_message_arrives_in_several() {
    arrives_in_several_messages(Protocol::Http);
    #[cfg(feature = "otlp-grpc")]
    arrives_in_several_messages(Protocol::Grpc);
}

fn a_small_limit_is_learned(protocol: Protocol) {
    let peer = Peer::start(protocol);
    peer.store.lock().unwrap().max_bytes = 1 << 20;
    let mut exporter = exporter_by(&peer.url, protocol, &[]);
    let snapshot = many(3000);
    exporter.export(&snapshot).unwrap();
    assert!(exporter.max_bytes <= 1 << 20, "the next push begins with what is taken");
    peer.store.lock().unwrap().largest = 0;
    exporter.export(&snapshot).unwrap();
    let store = peer.store.lock().unwrap();
    assert!(store.largest <= 1 << 20, "{} bytes", store.largest);
    assert_eq!(store.sums.iter().filter(|(key, sum)| key.ends_with(" success") && **sum > 0.5).count(), 3000);
}

#[test]
fn a_collector_that_takes_less_is_sent_less() {
    a_small_limit_is_learned(Protocol::Http);
    #[cfg(feature = "otlp-grpc")]
    a_small_limit_is_learned(Protocol::Grpc);
}

#[test]
fn one_message_that_is_refused_does_not_keep_the_others_back() {
    let peer = Peer::start(Protocol::Http);
    let mut exporter = exporter_by(&peer.url, Protocol::Http, &[]).temporality(Temporality::Delta);
    exporter.max_bytes = 400;
    let mut program = Program::new();
    for function in 0..FUNCTIONS {
        program.step(&Step::Call { function, failed: false, ns: 5, is_late: false });
    }
    peer.turns([Turn::Refuse]);
    let error = exporter.export(&program.snapshot).unwrap_err();
    assert!(matches!(error, ExportError::Refused { .. }), "{error}");
    let arrived = peer.store.lock().unwrap().stored;
    assert!(arrived > 2, "{arrived}");
    exporter.export(&program.snapshot).unwrap();
    let store = peer.store.lock().unwrap();
    let calls: Vec<f64> = (0..FUNCTIONS).map(|at| store.sums[&format!("prof.calls f{at} g success")]).collect();
    assert_eq!(calls, [1.0; FUNCTIONS]);
}
