//! Everything put into a queue is handed on or counted, whatever happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crossbeam_channel::Receiver;

use super::*;
use crate::context::{MetricsContext, publish};
use crate::handler::MemoryHandler;
use crate::handler::losses::Losses;
use crate::model::{MetricValue, Outcome};
use crate::site::Callsite;
use crate::stream::MetricStream;

static LOAD: Callsite = Callsite::new("load", || "shop::store::load::item", "shop::store", file!(), line!());

const LONG: Duration = Duration::from_secs(60);

/// Receives into a [`MemoryHandler`], but not before it is let through: once per message in the channel, and always
/// once the channel is disconnected.
struct Gate(MemoryHandler, Receiver<()>, Sender<()>);

impl MetricHandler for Gate {
    fn emit(&self, data: &MetricData<'_>) {
        // No one may be waiting to hear of it.
        let _ = self.2.try_send(());
        let _ = self.1.recv();
        self.0.emit(data);
    }
}

/// A queue of 3 whose handler is at work on `n0`, so that further ones wait.
struct Setting {
    memory: MemoryHandler,
    open: Sender<()>,
    buffered: Arc<BufferedHandler>,
}

fn point(name: &str) -> MetricData<'static> {
    MetricData::new("g", name.to_owned(), 1)
}

fn setting(when_full: WhenFull) -> Setting {
    let memory = MemoryHandler::new();
    let (open, gate) = bounded(9);
    let (arrive, arrived) = bounded(1);
    let builder = BufferedHandler::builder().capacity(NonZeroUsize::new(3).unwrap()).when_full(when_full);
    let buffered = Arc::new(builder.start(Gate(memory.clone(), gate, arrive)).unwrap());
    buffered.emit(&point("n0"));
    arrived.recv_timeout(LONG).unwrap();
    Setting { memory, open, buffered }
}

#[track_caller]
fn check_full(when_full: WhenFull, expect: &[&str]) {
    let Setting { memory, open, buffered } = setting(when_full);
    for name in ["n1", "n2", "n3", "n4", "n5"] {
        buffered.emit(&point(name));
    }
    assert_eq!(buffered.dropped(), 2);
    assert_eq!(buffered.queued(), 3);
    drop(open);
    buffered.flush_within(LONG).unwrap();
    assert_eq!(memory.names(), expect);
    let dropped = memory.get("dropped").unwrap();
    assert_eq!((&*dropped.group_name, dropped.value), ("prof_runtime", MetricValue::Count(2)));
}

#[test]
fn what_gives_way_is_as_asked_for_and_counted() {
    check_full(WhenFull::DropNewest, &["n0", "n1", "n2", "n3", "dropped"]);
    check_full(WhenFull::DropOldest, &["n0", "n3", "n4", "n5", "dropped"]);
}

#[test]
fn a_blocked_function_goes_on_when_there_is_room() {
    let Setting { memory, open, buffered } = setting(WhenFull::Block);
    thread::scope(|scope| {
        let (began, begins) = bounded(0);
        let sender = Arc::clone(&buffered);
        scope.spawn(move || {
            began.send(()).unwrap();
            for name in ["n1", "n2", "n3", "n4", "n5"] {
                sender.emit(&point(name));
            }
        });
        begins.recv().unwrap();
        drop(open);
    });
    buffered.flush_within(LONG).unwrap();
    assert_eq!(memory.names(), ["n0", "n1", "n2", "n3", "n4", "n5"]);
    assert_eq!(buffered.dropped(), 0);
}

#[test]
fn a_blocked_function_goes_on_at_the_end() {
    let Setting { open, buffered, .. } = setting(WhenFull::Block);
    thread::scope(|scope| {
        let sender = Arc::clone(&buffered);
        let (began, begins) = bounded(0);
        scope.spawn(move || {
            for name in ["n1", "n2", "n3"] {
                sender.emit(&point(name));
            }
            began.send(()).unwrap();
            sender.emit(&point("n4"));
        });
        begins.recv().unwrap();
        assert!(matches!(buffered.shutdown(Duration::ZERO), Err(FlushError::Timeout { .. })));
    });
    // `n0` is still in the hands of the handler.
    assert_eq!(buffered.dropped(), 5);
    buffered.emit(&point("after the end"));
    assert_eq!(buffered.dropped(), 6);
    drop(open);
    buffered.shutdown(LONG).unwrap();
}

#[test]
fn a_drop_after_a_flush_that_took_too_long_does_not_wait_again_and_counts_what_is_in_hand() {
    let (open, gate) = bounded(9);
    let (arrive, arrived) = bounded(1);
    let losses = Losses::new();
    // A drop that waited would wait for ever.
    let builder = BufferedHandler::builder().timeout(Duration::MAX).losses(&losses, "gate");
    let buffered = builder.start(Gate(MemoryHandler::new(), gate, arrive)).unwrap();
    buffered.emit(&point("n0"));
    arrived.recv_timeout(LONG).unwrap();
    buffered.emit(&point("n1"));
    // As `configure` does with a handler that it replaces.
    let late = buffered.flush_within(Duration::from_millis(1)).unwrap_err();
    assert!(matches!(late, FlushError::Timeout { .. }));
    drop(buffered);
    assert_eq!(losses.get("gate"), 2, "one in the queue, and one in the hands of the handler");
    drop(open);
}

#[test]
fn the_end_hands_on_what_is_queued() {
    let Setting { memory, open, buffered } = setting(WhenFull::DropNewest);
    buffered.emit(&point("n1"));
    drop(open);
    drop(buffered);
    assert_eq!(memory.names(), ["n0", "n1"]);
}

#[test]
fn a_flush_has_a_deadline_even_if_the_queue_is_full() {
    let Setting { memory, open, buffered } = setting(WhenFull::DropOldest);
    for name in ["n1", "n2", "n3", "n4"] {
        buffered.emit(&point(name));
    }
    let error = buffered.flush_within(Duration::from_millis(1)).unwrap_err();
    assert_eq!(error.to_string(), "could not flush metrics to buffered within 1ms");
    drop(open);
    buffered.flush_within(LONG).unwrap();
    assert_eq!(memory.names(), ["n0", "n2", "n3", "n4", "dropped"]);
    buffered.shutdown(LONG).unwrap();
    assert!(matches!(buffered.flush(), Err(FlushError::Stopped { .. })));
}

#[test]
fn records_stay_whole() {
    let memory = MemoryHandler::new();
    let buffered = Arc::new(BufferedHandler::new(memory.clone()).unwrap());
    let context = MetricsContext::new(publish("request", MetricStream::new("web", Arc::clone(&buffered))));
    context.run(|context| context.increment("rows", 3)).unwrap();
    buffered.flush_within(LONG).unwrap();
    assert_eq!(memory.value("request.rows"), Some(3.0));
}

struct Panics;

impl MetricHandler for Panics {
    fn emit(&self, _: &MetricData<'_>) {
        std::panic::resume_unwind(Box::new(()));
    }
}

#[test]
fn a_handler_that_panics_does_not_end_the_thread_and_what_it_lost_is_counted() {
    let buffered = BufferedHandler::new(Panics).unwrap();
    for _ in 0..5 {
        buffered.emit(&point("n"));
    }
    buffered.flush_within(LONG).unwrap();
    assert_eq!(buffered.dropped(), 5);
}

/// Counts what it receives, and what it is told was dropped.
#[derive(Default)]
struct Sum {
    received: AtomicU64,
    dropped: AtomicU64,
}

impl MetricHandler for Sum {
    fn emit(&self, data: &MetricData<'_>) {
        match (&*data.name, data.value) {
            ("dropped", MetricValue::Count(lost)) => self.dropped.fetch_add(lost, Ordering::Relaxed),
            _ => self.received.fetch_add(1, Ordering::Relaxed),
        };
    }
}

#[track_caller]
fn check_conserved(when_full: WhenFull) {
    const THREADS: u64 = 4;
    const EACH: u64 = 20_000;
    let sum = Arc::new(Sum::default());
    let builder = BufferedHandler::builder().capacity(NonZeroUsize::new(16).unwrap()).when_full(when_full);
    let buffered = builder.start(Arc::clone(&sum)).unwrap();
    let data = point("n");
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..EACH).for_each(|_| buffered.emit(&data)));
        }
        // In the middle of it.
        buffered.flush_within(LONG).unwrap();
    });
    buffered.flush_within(LONG).unwrap();
    let received = sum.received.load(Ordering::Relaxed);
    assert_eq!(received + buffered.dropped(), THREADS * EACH);
    assert_eq!(sum.dropped.load(Ordering::Relaxed), buffered.dropped());
    if when_full == WhenFull::Block {
        assert_eq!(buffered.dropped(), 0);
    }
}

#[test]
fn under_load_everything_is_handed_on_or_counted() {
    check_conserved(WhenFull::Block);
    check_conserved(WhenFull::DropNewest);
    check_conserved(WhenFull::DropOldest);
}

#[test]
fn an_end_under_load_loses_nothing_uncounted() {
    let sum = Arc::new(Sum::default());
    let buffered = BufferedHandler::builder().capacity(NonZeroUsize::new(16).unwrap()).start(Arc::clone(&sum)).unwrap();
    let data = point("n");
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..20_000).for_each(|_| buffered.emit(&data)));
        }
        buffered.shutdown(LONG).unwrap();
    });
    assert_eq!(sum.received.load(Ordering::Relaxed) + buffered.dropped(), 60_000);
}

/// Says when it is flushed.
struct Flushes(Sender<()>);

impl MetricHandler for Flushes {
    fn emit(&self, _: &MetricData<'_>) {}

    fn flush(&self) -> Result<(), FlushError> {
        let _ = self.0.send(());
        Ok(())
    }
}

#[test]
fn what_was_handed_on_is_flushed_in_time() {
    let (flushes, has_flushed) = bounded(9);
    let builder = BufferedHandler::builder().flush_every(Duration::from_millis(1));
    let buffered = builder.start(Flushes(flushes)).unwrap();
    for _ in 0..2 {
        buffered.emit(&point("n"));
        has_flushed.recv_timeout(LONG).unwrap();
    }
    // Not without a reason.
    drop(buffered);
    assert_eq!(has_flushed.len(), 1, "the one at the end");
}

/// Fails as often as it is told to, and says when it is flushed.
struct Refuses(Receiver<&'static str>, Sender<()>);

impl MetricHandler for Refuses {
    fn emit(&self, _: &MetricData<'_>) {}

    fn flush(&self) -> Result<(), FlushError> {
        let _ = self.1.send(());
        let refused = |reason: &str| FlushError::Write { target: "there".into(), cause: reason.into() };
        self.0.try_recv().map_or(Ok(()), |reason| Err(refused(reason)))
    }
}

#[test]
fn a_flush_tells_of_those_that_failed_before_it_was_asked_for() {
    let (flushes, has_flushed) = bounded(9);
    let (reasons, reason) = bounded(99);
    let builder = BufferedHandler::builder().flush_every(Duration::from_millis(1));
    let buffered = builder.start(Refuses(reason, flushes)).unwrap();
    for text in ["one", "two"] {
        reasons.send(text).unwrap();
        buffered.emit(&point("n"));
        has_flushed.recv_timeout(LONG).unwrap();
    }
    let error = buffered.flush_within(LONG).unwrap_err();
    let expect = "could not flush metrics to there: one; could not flush metrics to there: two";
    assert_eq!(error.to_string(), expect);
    buffered.flush_within(LONG).unwrap();

    // Within a bound.
    while has_flushed.try_recv().is_ok() {}
    for _ in 0..10 {
        reasons.send("again").unwrap();
        buffered.emit(&point("n"));
        has_flushed.recv_timeout(LONG).unwrap();
    }
    assert!(buffered.flush_within(LONG).unwrap_err().to_string().ends_with("again; and 2 more"));
}

#[test]
fn a_flush_that_took_too_long_is_told_of_by_the_next() {
    let (flushes, has_flushed) = bounded(0);
    let (reasons, reason) = bounded(9);
    let buffered = BufferedHandler::new(Refuses(reason, flushes)).unwrap();
    reasons.send("late").unwrap();
    assert!(matches!(buffered.flush_within(Duration::from_millis(1)), Err(FlushError::Timeout { .. })));
    thread::scope(|scope| {
        scope.spawn(|| (0..2).for_each(|_| has_flushed.recv_timeout(LONG).unwrap()));
        assert!(buffered.flush_within(LONG).unwrap_err().to_string().ends_with("there: late"));
    });
    drop(has_flushed);
}

/// A queue of many whose handler is at work on `n0`, so that further ones wait, in so many bytes.
fn narrow(when_full: WhenFull, max_bytes: usize) -> Setting {
    let memory = MemoryHandler::new();
    let (open, gate) = bounded(9);
    let (arrive, arrived) = bounded(1);
    let builder = BufferedHandler::builder().max_bytes(max_bytes).when_full(when_full);
    let buffered = Arc::new(builder.start(Gate(memory.clone(), gate, arrive)).unwrap());
    buffered.emit(&point("n0"));
    arrived.recv_timeout(LONG).unwrap();
    Setting { memory, open, buffered }
}

#[test]
fn long_names_fill_the_queue_as_many_short_ones_do() {
    // Each takes 10 bytes with its group, and the one that is being handed on 3.
    let check = |when_full, expect: &[&str]| {
        let Setting { memory, open, buffered } = narrow(when_full, 30);
        for name in ["long one 1", "long one 2", "long one 3", "n4"].map(|name| &name[name.len().saturating_sub(9)..]) {
            buffered.emit(&point(name));
        }
        assert!(buffered.queued_bytes() <= 30);
        buffered.emit(&point(&"too long".repeat(4)));
        assert_eq!(buffered.dropped(), 2);
        drop(open);
        buffered.flush_within(LONG).unwrap();
        assert_eq!(memory.names(), expect);
        assert_eq!(buffered.queued_bytes(), 0);
    };
    check(WhenFull::DropNewest, &["n0", "ong one 1", "ong one 2", "n4", "dropped"]);
    check(WhenFull::DropOldest, &["n0", "ong one 2", "ong one 3", "n4", "dropped"]);
}

#[test]
fn by_default_names_of_10_kb_take_16_mib_at_most() {
    let Setting { open, buffered, .. } = narrow(WhenFull::DropNewest, 16 * 1024 * 1024);
    let name = "n".repeat(10 * 1024);
    for _ in 0..65_536 {
        buffered.emit(&point(&name));
    }
    assert!(buffered.queued_bytes() <= 16 * 1024 * 1024);
    assert_eq!(buffered.queued() as u64 + buffered.dropped(), 65_536);
    // Calls take no room there.
    let queued = buffered.queued();
    buffered.record_call(&CallRecord::new(&LOAD, Outcome::Success, Duration::ZERO));
    assert_eq!(buffered.queued(), queued + 1);
    assert!(matches!(buffered.shutdown(Duration::ZERO), Err(FlushError::Timeout { .. })));
    assert_eq!((buffered.dropped(), buffered.queued_bytes()), (65_538, "gn0".len()), "what is in hand has its room");
    drop(open);
}

#[test]
fn those_that_wait_for_room_take_turns() {
    let sum = Arc::new(Sum::default());
    let builder = BufferedHandler::builder().max_bytes(64).when_full(WhenFull::Block);
    let buffered = builder.start(Arc::clone(&sum)).unwrap();
    thread::scope(|scope| {
        for length in [1, 7, 31, 60] {
            let (data, buffered) = (point(&"n".repeat(length)), &buffered);
            scope.spawn(move || (0..5_000).for_each(|_| buffered.emit(&data)));
        }
    });
    buffered.flush_within(LONG).unwrap();
    assert_eq!((sum.received.load(Ordering::Relaxed), buffered.dropped(), buffered.queued_bytes()), (20_000, 0, 0));
}

#[test]
fn those_that_wait_for_room_go_on_at_the_end() {
    let Setting { open, buffered, .. } = narrow(WhenFull::Block, 10);
    thread::scope(|scope| {
        let (began, begins) = bounded(0);
        let sender = Arc::clone(&buffered);
        scope.spawn(move || {
            sender.emit(&point("n1"));
            began.send(()).unwrap();
            sender.emit(&point("long one"));
        });
        begins.recv().unwrap();
        assert!(matches!(buffered.shutdown(Duration::ZERO), Err(FlushError::Timeout { .. })));
    });
    assert_eq!(buffered.dropped(), 3, "with the one that is in hand");
    drop(open);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]
    /// Whatever the bounds, and whatever comes from several threads at once while others flush and end it.
    #[test]
    fn all_that_is_put_in_is_handed_on_or_counted(
        when_full in proptest::sample::select(vec![WhenFull::Block, WhenFull::DropNewest, WhenFull::DropOldest]),
        capacity in 1_usize..20,
        max_bytes in 0_usize..100,
        lengths in proptest::collection::vec(0_usize..120, 4),
        ends_early in proptest::bool::ANY,
    ) {
        const EACH: u64 = 300;
        let sum = Arc::new(Sum::default());
        let capacity = NonZeroUsize::new(capacity).unwrap();
        let builder = BufferedHandler::builder().capacity(capacity).max_bytes(max_bytes).when_full(when_full);
        let buffered = builder.start(Arc::clone(&sum)).unwrap();
        thread::scope(|scope| {
            for length in &lengths {
                let (data, buffered) = (point(&"n".repeat(*length)), &buffered);
                scope.spawn(move || (0..EACH).for_each(|_| buffered.emit(&data)));
            }
            scope.spawn(|| assert!(buffered.queued_bytes() <= max_bytes));
            buffered.flush_within(LONG).unwrap();
            if ends_early {
                buffered.shutdown(LONG).unwrap();
            }
        });
        buffered.shutdown(LONG).unwrap();
        proptest::prop_assert_eq!(sum.received.load(Ordering::Relaxed) + buffered.dropped(), 4 * EACH);
        proptest::prop_assert_eq!(buffered.queued_bytes(), 0);
    }
}
