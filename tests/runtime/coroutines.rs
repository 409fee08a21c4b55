//! Functions that are suspended on a stack of their own, so that their calls do not end in the reverse order.

use corosensei::{Coroutine, Yielder};
use prof_runtime::{Aggregator, MemoryHandler, Outcome, prof, scoped};

/// Waits to be resumed.
#[prof(name = "coroutines.wait")]
fn wait(yielder: &Yielder<(), ()>) {
    yielder.suspend(());
}

/// Begins two calls one after the other, and ends them in the same order.
fn interleaved(between: impl Fn()) {
    let [mut first, mut second] = [(); 2].map(|()| Coroutine::new(|yielder, ()| wait(yielder)));
    for coroutine in [&mut first, &mut second] {
        assert!(coroutine.resume(()).as_yield().is_some());
    }
    between();
    for coroutine in [first, second].iter_mut() {
        assert!(coroutine.resume(()).as_return().is_some());
    }
}

#[test]
fn calls_that_end_out_of_order_are_counted_and_exchange_their_durations() {
    let aggregator = Aggregator::new();
    {
        let _scope = scoped(aggregator.clone());
        interleaved(|| assert_eq!(aggregator.snapshot().function("coroutines.wait").unwrap().in_flight, 2));
    }
    let snapshot = aggregator.snapshot();
    let waits = snapshot.function("coroutines.wait").unwrap();
    assert_eq!((waits.success, waits.calls(), waits.in_flight), (2, 2, 0));

    let memory = MemoryHandler::new();
    {
        let _scope = scoped(memory.clone());
        interleaved(|| ());
    }
    // The first to end is taken for the last that began, and the last to end for the first.
    let durations = memory.data().into_iter().filter(|data| data.name == "coroutines.wait.duration.ms");
    let durations: Vec<f64> = durations.map(|data| data.value.as_f64()).collect();
    assert!(durations.len() == 2 && durations[0] < durations[1], "{durations:?}");
}

#[test]
fn a_coroutine_that_is_dropped_while_it_is_suspended_unwinds() {
    let memory = MemoryHandler::new();
    let _scope = scoped(memory.clone());
    let mut coroutine = Coroutine::new(|yielder, ()| wait(yielder));
    assert!(coroutine.resume(()).as_yield().is_some());
    drop(coroutine);
    assert_eq!(memory.outcomes("coroutines.wait"), [Outcome::Panic]);
}
