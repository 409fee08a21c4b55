//! Several handlers that listen to one function: each gets every call once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use prof_runtime::{
    Aggregator, CallRecord, FanoutHandler, MemoryHandler, MetricData, MetricHandler, NullHandler, UntimedCall,
    configure_group, prof, scoped,
};

#[prof(group = "several", name = "several.plain")]
fn plain(depth: u32) -> Result<u32, ()> {
    if depth > 0 {
        plain(depth - 1)?;
    }
    if depth == 2 { Err(()) } else { Ok(depth) }
}

#[prof(group = "several", name = "several.sampled", sample = 3)]
fn sampled() {}

#[prof(group = "several", name = "several.awaited")]
async fn awaited() {}

/// Counts calls.
#[derive(Default)]
struct Calls {
    timed: AtomicU64,
    untimed: AtomicU64,
}

impl MetricHandler for Calls {
    fn emit(&self, _: &MetricData<'_>) {}

    fn record_call(&self, _: &CallRecord<'_>) {
        self.timed.fetch_add(1, Ordering::Relaxed);
    }

    fn record_untimed_call(&self, _: &UntimedCall<'_>) {
        self.untimed.fetch_add(1, Ordering::Relaxed);
    }
}

fn calls() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for n in 0..200 {
        let _ = plain(n % 4);
        sampled();
        runtime.block_on(awaited());
    }
}

#[test]
fn aggregators_and_handlers_that_listen_together_each_count_every_call() {
    let calls_of = Arc::new(Calls::default());
    let aggregators: Vec<Aggregator> = (0..4).map(|_| Aggregator::new()).collect();
    let inner = FanoutHandler::new().with(aggregators[2].clone()).with(calls_of.clone()).with(NullHandler);
    let outer = FanoutHandler::new().with(aggregators[0].clone()).with(aggregators[1].clone()).with(inner);
    configure_group("several", outer);
    thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(calls))));
    // While one of them is alone in between, its calls are not those of the others.
    configure_group("several", aggregators[3].clone());
    calls();
    configure_group("several", FanoutHandler::new().with(aggregators[1].clone()).with(aggregators[0].clone()));
    calls();
    configure_group("several", NullHandler);
    calls();
    let expect = |aggregator: &Aggregator, times: u64| {
        let snapshot = aggregator.snapshot();
        let of = |name: &str| snapshot.function(name).unwrap().clone();
        let plain = of("several.plain");
        // A depth of 2 fails, and so does the 3 above it: 50 rounds of 1, 2, 3 and 4 calls.
        assert_eq!((plain.success, plain.failure), (times * 50 * 7, times * 50 * 3));
        assert_eq!((plain.histogram.count(), plain.in_flight), (times * 500, 0));
        assert_eq!((of("several.sampled").success, of("several.awaited").success), (times * 200, times * 200));
    };
    expect(&aggregators[0], 3);
    expect(&aggregators[1], 3);
    expect(&aggregators[2], 2);
    expect(&aggregators[3], 1);
    let (timed, untimed) = (calls_of.timed.load(Ordering::Relaxed), calls_of.untimed.load(Ordering::Relaxed));
    assert_eq!(timed + untimed, 2 * (500 + 200 + 200));
    assert!(untimed > 0, "none of 400 calls was left untimed, of which one in 3 is timed");
}

#[test]
fn a_call_that_is_in_progress_when_a_scope_begins_goes_to_the_handlers_around_it() {
    #[prof(group = "several.around", name = "several.around")]
    fn around(memory: &MemoryHandler, depth: u32) -> prof_runtime::ScopedHandler {
        if depth == 0 {
            return scoped(memory.clone());
        }
        around(memory, depth - 1)
    }

    #[prof(group = "several.around", name = "several.within")]
    fn within(depth: u32, scope: prof_runtime::ScopedHandler) {
        if depth == 0 {
            drop(scope);
        } else {
            within(depth - 1, scope);
        }
    }

    let (memory, outside) = (MemoryHandler::new(), Aggregator::new());
    configure_group("several.around", outside.clone());
    for depth in 0..3 {
        let scope = around(&memory, depth);
        // Began within, and ended when it was over.
        within(depth, scope);
    }
    let snapshot = outside.snapshot();
    let function = |name: &str| snapshot.function(name).unwrap().clone();
    assert_eq!(memory.data(), []);
    assert_eq!((function("several.around").success, function("several.around").in_flight), (6, 0));
    assert_eq!((function("several.within").success, function("several.within").in_flight), (6, 0));
    assert_eq!(function("several.within").histogram.count(), 6);
}
