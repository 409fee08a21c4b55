//! Counts over many threads: nothing is lost, nothing is counted twice.

use std::cell::RefCell;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use prof_runtime::{Aggregator, FanoutHandler, configure_group, prof};

/// A small generator of numbers, by George Marsaglia's xorshift.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[prof(name = "mixed", group = "threads.mixed")]
fn mixed(how: u64) -> Result<(), ()> {
    match how % 3 {
        0 => Ok(()),
        1 => Err(()),
        _ => std::panic::resume_unwind(Box::new("quietly")),
    }
}

#[test]
fn counts_are_exact_while_snapshots_are_taken() {
    let aggregator = Aggregator::new();
    configure_group("threads.mixed", aggregator.clone());
    let done = AtomicBool::new(false);
    let mut expect = [0_u64; 3];
    thread::scope(|scope| {
        let workers: Vec<_> = (1..=8)
            .map(|seed| {
                scope.spawn(move || {
                    let mut state = seed * 7919;
                    let mut counts = [0_u64; 3];
                    for _ in 0..20_000 {
                        let how = next(&mut state);
                        counts[usize::try_from(how % 3).unwrap()] += 1;
                        let _ = catch_unwind(|| mixed(how));
                    }
                    counts
                })
            })
            .collect();
        let watcher = scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let calls = aggregator.snapshot().function("mixed").unwrap().calls();
                assert!(calls >= last, "{calls} calls after {last}");
                last = calls;
            }
        });
        for worker in workers {
            for (sum, count) in expect.iter_mut().zip(worker.join().unwrap()) {
                *sum += count;
            }
        }
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
    });
    let snapshot = aggregator.snapshot();
    let mixed = snapshot.function("mixed").unwrap();
    assert_eq!([mixed.success, mixed.failure, mixed.panic], expect);
    assert_eq!(mixed.histogram.count(), 160_000);
    assert_eq!(mixed.in_flight, 0);
}

#[prof(name = "brief", group = "threads.brief")]
fn brief() {}

fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn ten_thousand_short_threads_leave_nothing_behind_but_their_counts() {
    let aggregator = Aggregator::new();
    configure_group("threads.brief", aggregator.clone());
    let mut before = None;
    for round in 0..100 {
        thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(brief);
            }
        });
        if round == 10 {
            before = resident_kib();
        }
    }
    let snapshot = aggregator.snapshot();
    let brief = snapshot.function("brief").unwrap();
    assert_eq!((brief.success, brief.in_flight), (10_000, 0));
    if let (Some(before), Some(after)) = (before, resident_kib()) {
        // Nine thousand threads of 2.8 KiB each would be 24 MiB; the other tests of this process take some as well.
        assert!(after < before + 16 * 1024, "{before} KiB grew to {after} KiB");
    }
}

#[prof(name = "million", group = "threads.million")]
fn million(n: u64) -> u64 {
    n ^ 1
}

#[test]
fn a_million_calls_over_threads_that_come_and_go_are_all_found() {
    let aggregator = Aggregator::new();
    configure_group("threads.million", aggregator.clone());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    // Each of these threads lives for ten thousand calls, while the others go on.
                    thread::scope(|scope| {
                        scope.spawn(|| (0..10_000).fold(0, |sum, n| sum ^ million(n)));
                    });
                }
            });
        }
    });
    let snapshot = aggregator.snapshot();
    let million = snapshot.function("million").unwrap();
    assert_eq!((million.success, million.calls(), million.in_flight), (1_000_000, 1_000_000, 0));
    assert_eq!(million.histogram.count(), 1_000_000);
}

#[prof(name = "last_words", group = "threads.destructors")]
fn last_words() {}

struct SpeaksLast;

impl Drop for SpeaksLast {
    fn drop(&mut self) {
        last_words();
    }
}

thread_local! {
    static BEFORE: RefCell<Option<SpeaksLast>> = const { RefCell::new(None) };
    static AFTER: RefCell<Option<SpeaksLast>> = const { RefCell::new(None) };
}

#[test]
fn destructors_of_a_thread_are_counted() {
    let aggregator = Aggregator::new();
    configure_group("threads.destructors", aggregator.clone());
    let ending = thread::spawn(|| {
        // One is destroyed before this thread's numbers are folded away and one after, in whichever order that is.
        BEFORE.with(|cell| cell.replace(Some(SpeaksLast)));
        last_words();
        AFTER.with(|cell| cell.replace(Some(SpeaksLast)));
    });
    ending.join().unwrap();
    let snapshot = aggregator.snapshot();
    let last_words = snapshot.function("last_words").unwrap();
    assert_eq!((last_words.success, last_words.in_flight), (3, 0));
}

#[prof(name = "moving", group = "threads.moving")]
async fn moving() {
    tokio::task::yield_now().await;
}

#[test]
fn a_call_may_end_on_another_thread() {
    let aggregator = Aggregator::new();
    configure_group("threads.moving", aggregator.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..1000).map(|_| tokio::spawn(moving())).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    drop(runtime);
    let snapshot = aggregator.snapshot();
    let moving = snapshot.function("moving").unwrap();
    assert_eq!((moving.success, moving.in_flight), (1000, 0));
}

#[prof(name = "switched", group = "threads.switched")]
fn switched() {}

#[test]
fn an_aggregator_that_is_put_back_goes_on() {
    let one = Aggregator::new();
    let two = Aggregator::new();
    for round in 0..50 {
        configure_group("threads.switched", if round % 2 == 0 { one.clone() } else { two.clone() });
        switched();
        // One that is not read anymore.
        configure_group("threads.switched", Aggregator::new());
        switched();
    }
    let count = |aggregator: &Aggregator| aggregator.snapshot().function("switched").unwrap().success;
    assert_eq!((count(&one), count(&two)), (25, 25));
}

#[test]
fn a_thread_with_the_smallest_stack_can_be_measured() {
    #[prof(name = "threads.small", group = "threads.small")]
    fn small(n: u32) -> Result<u32, u32> {
        if n == 1 { Err(n) } else { Ok(n) }
    }

    let aggregators = [Aggregator::new(), Aggregator::new()];
    let [first, second] = aggregators.clone();
    configure_group("threads.small", FanoutHandler::new().with(first).with(second));
    let small_thread = thread::Builder::new().stack_size(16 << 10);
    small_thread.spawn(|| (0..3).for_each(|n| _ = small(n))).unwrap().join().unwrap();
    for aggregator in aggregators {
        let snapshot = aggregator.snapshot();
        let small = snapshot.function("threads.small").unwrap();
        assert_eq!((small.success, small.failure), (2, 1));
    }
}
