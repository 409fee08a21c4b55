//! `sample = N`: counts are exact, durations are those of some calls, chosen at random.

use std::future::Future;
use std::panic::catch_unwind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;

use prof_runtime::context::ContextHandler;
use prof_runtime::{
    Aggregator, BufferedHandler, CallRecord, FanoutHandler, MemoryHandler, MetricData, MetricHandler, MetricsContext,
    Outcome, UntimedCall, WithHandlerExt, callsites, configure_group, prof, scoped,
};

const CALLS: u64 = 64_000;

#[prof(name = "sampled.mixed", sample = 64)]
fn mixed(how: u64) -> Result<u64, u64> {
    match how % 4 {
        0 => Err(how)?,
        1 => Err(how),
        2 => std::panic::resume_unwind(Box::new("quietly")),
        _ => Ok(how),
    }
}

/// Returns early, and cannot fail.
#[prof(name = "sampled.early", sample = 64)]
fn early(how: u64) -> Option<u64> {
    let half = (how / 2).checked_sub(1)?;
    Some(half)
}

#[prof(name = "sampled.plain", sample = 64)]
fn plain() {}

/// What seven standard deviations leave room for, of so many calls of which one in 64 is timed.
fn timed_of(calls: u64) -> std::ops::RangeInclusive<u64> {
    let spread = 7 * calls.isqrt() / 8;
    (calls / 64).saturating_sub(spread)..=calls / 64 + spread
}

#[test]
fn counts_are_exact_and_one_call_in_so_many_is_timed() {
    let aggregator = Aggregator::new();
    let _scope = scoped(aggregator.clone());
    for how in 0..CALLS {
        let _ = catch_unwind(|| mixed(how));
        early(how);
    }
    let snapshot = aggregator.snapshot();
    let mixed = snapshot.function("sampled.mixed").unwrap();
    assert_eq!((mixed.success, mixed.failure, mixed.panic), (CALLS / 4, CALLS / 2, CALLS / 4));
    assert_eq!((mixed.sample, mixed.in_flight), (64, 0));
    let early = snapshot.function("sampled.early").unwrap();
    assert_eq!((early.success, early.failure, early.panic, early.in_flight), (CALLS, 0, 0, 0));
    for function in [mixed, early] {
        let timed = function.histogram.count();
        assert!(timed_of(CALLS).contains(&timed), "{timed} timed");
        let mean = function.total_ns / timed;
        assert_eq!(function.mean_ns(), Some(mean));
        assert!((mean * CALLS..(mean + 1) * CALLS).contains(&function.estimated_total_ns()));
    }
}

/// Whether a call is timed does not depend on which one in a row it is: neither the first, nor each 64th.
#[test]
fn calls_in_a_fixed_pattern_are_timed_in_their_shares() {
    /// Counts the timed calls by their place in a pattern of 64.
    struct ByPlace([AtomicU64; 64]);

    static PLACE: AtomicU64 = AtomicU64::new(0);

    impl MetricHandler for ByPlace {
        fn emit(&self, _: &MetricData<'_>) {}

        fn record_call(&self, _: &CallRecord<'_>) {
            let place = usize::try_from(PLACE.load(Ordering::Relaxed)).unwrap();
            self.0[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    const ROUNDS: u64 = 20_000;
    let by_place = Arc::new(ByPlace([const { AtomicU64::new(0) }; 64]));
    let _scope = scoped(by_place.clone());
    for _ in 0..ROUNDS {
        for place in 0..64 {
            PLACE.store(place, Ordering::Relaxed);
            plain();
        }
    }
    for (place, timed) in by_place.0.iter().enumerate() {
        let timed = timed.load(Ordering::Relaxed);
        assert!(timed_of(ROUNDS).contains(&timed), "{timed} timed at {place}, not about {}", ROUNDS / 64);
    }
}

/// A thread's first call of a function would be the slowest, and always timed, if sampling began with it.
#[test]
fn the_first_call_of_a_thread_is_one_like_all_others() {
    #[prof(name = "sampled.first", group = "sampled.first", sample = 64)]
    fn first() {}

    const THREADS: u64 = 2_000;
    let aggregator = Aggregator::new();
    configure_group("sampled.first", aggregator.clone());
    for _ in 0..THREADS {
        thread::spawn(first).join().unwrap();
    }
    let snapshot = aggregator.snapshot();
    let first = snapshot.function("sampled.first").unwrap();
    assert_eq!((first.success, first.in_flight), (THREADS, 0));
    assert!(first.histogram.count() <= *timed_of(THREADS).end(), "{} timed", first.histogram.count());
}

#[test]
fn handlers_receive_every_call_and_the_durations_of_some() {
    let memory = MemoryHandler::new();
    let _scope = scoped(memory.clone());
    for how in 0..6400 {
        let _ = catch_unwind(|| mixed(how));
    }
    assert_eq!(memory.count("sampled.mixed.success"), 1600);
    assert_eq!(memory.count("sampled.mixed.failure"), 4800);
    assert_eq!(memory.outcomes("sampled.mixed").len(), 6400);
    let timed = memory.names().iter().filter(|name| *name == "sampled.mixed.duration.ms").count() as u64;
    assert!((1..=*timed_of(6400).end()).contains(&timed), "{timed} timed");
}

#[test]
fn handlers_of_handlers_pass_on_what_was_not_timed() {
    let memory = MemoryHandler::new();
    let buffered = Arc::new(BufferedHandler::new(FanoutHandler::new().with(memory.clone())).unwrap());
    let _scope = scoped(buffered.clone());
    (0..640).for_each(|_| plain());
    buffered.flush().unwrap();
    assert_eq!((memory.count("sampled.plain.success"), memory.outcomes("sampled.plain").len()), (640, 640));
}

#[test]
fn a_context_counts_what_was_not_timed() {
    let _scope = scoped(ContextHandler);
    let (records, reported) = mpsc::channel();
    let context = MetricsContext::new(move |record| records.send(record).unwrap());
    context.run(|_| (0..640).for_each(|_| plain()));
    assert_eq!(reported.recv().unwrap().metrics["sampled.plain.success"], 640.into());
}

#[test]
fn a_call_that_is_not_timed_is_one_data_point() {
    struct Untimed(MemoryHandler);

    impl MetricHandler for Untimed {
        fn emit(&self, data: &MetricData<'_>) {
            self.0.emit(data);
        }
    }

    let _: fn() = plain;
    let site = callsites().find(|site| site.name() == "sampled.plain").unwrap();
    assert_eq!(site.sample(), 64);
    let kept = MemoryHandler::new();
    let handler = Untimed(kept.clone());
    handler.record_untimed_call(&UntimedCall::new(site, Outcome::Success));
    handler.record_untimed_call(&UntimedCall::new(site, Outcome::Panic));
    assert_eq!(kept.names(), ["sampled.plain.success", "sampled.plain.failure"]);
}

/// Ready at the second poll.
#[derive(Default)]
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[prof(name = "sampled.async", group = "sampled.async", sample = 8)]
async fn asynchronous(how: u64) -> Result<(), u64> {
    Yield::default().await;
    if how.is_multiple_of(2) { Ok(()) } else { Err(how) }
}

#[prof(name = "sampled.boxed", group = "sampled.async", sample = 8)]
fn boxed(how: u64) -> Pin<Box<dyn Future<Output = Result<(), u64>> + Send>> {
    Box::pin(async move { if how.is_multiple_of(2) { Ok(()) } else { Err(how) } })
}

#[test]
fn futures_are_counted_wherever_they_end() {
    let aggregator = Aggregator::new();
    configure_group("sampled.async", aggregator.clone());
    let poll = |future: Pin<&mut dyn Future<Output = _>>| future.poll(&mut Context::from_waker(Waker::noop()));
    for how in 0..800 {
        // Begun here, ended or dropped on another thread.
        let mut future = Box::pin(asynchronous(how));
        assert!(poll(future.as_mut()).is_pending());
        if how == 400 {
            assert_eq!(aggregator.snapshot().function("sampled.async").unwrap().in_flight, 1);
        }
        let end = move || how % 4 == 3 || future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(thread::spawn(end).join().unwrap());
        assert!(poll(pin!(boxed(how))).is_ready());
    }
    let snapshot = aggregator.snapshot();
    let asynchronous = snapshot.function("sampled.async").unwrap();
    let counts = (asynchronous.success, asynchronous.failure, asynchronous.cancelled, asynchronous.in_flight);
    assert_eq!(counts, (400, 200, 200, 0));
    let boxed = snapshot.function("sampled.boxed").unwrap();
    assert_eq!((boxed.success, boxed.failure, boxed.in_flight), (400, 400, 0));
    for function in [asynchronous, boxed] {
        assert!((1..400).contains(&function.histogram.count()), "{} timed", function.histogram.count());
    }
}

#[test]
fn calls_in_flight_are_all_counted() {
    #[prof(name = "sampled.deep", sample = 3)]
    fn deep(depth: u64, aggregator: &Aggregator) {
        let in_flight = aggregator.snapshot().function("sampled.deep").unwrap().in_flight;
        assert_eq!(in_flight, depth);
        if depth < 30 {
            deep(depth + 1, aggregator);
        }
    }

    let aggregator = Aggregator::new();
    let _scope = scoped(aggregator.clone());
    deep(1, &aggregator);
    let snapshot = aggregator.snapshot();
    let deep = snapshot.function("sampled.deep").unwrap();
    assert_eq!((deep.success, deep.in_flight), (30, 0));
}

#[test]
fn a_block_has_a_sample_that_its_members_may_change() {
    struct Members;

    #[prof(sample = 16)]
    impl Members {
        fn inherits() {}

        #[prof(sample = 1)]
        fn all() {}
    }

    Members::inherits();
    Members::all();
    let sample = |name: &str| callsites().find(|site| site.name() == name).unwrap().sample();
    assert_eq!((sample("Members.inherits"), sample("Members.all")), (16, 1));
    assert_eq!(sample("sampled.mixed"), 64);
}

#[test]
fn a_future_with_a_handler_of_its_own_hands_it_every_call() {
    let memory = MemoryHandler::new();
    let run = async {
        for how in 0..80 {
            let _ = asynchronous(how).await;
        }
    };
    let mut run = pin!(run.with_handler(memory.clone()));
    while run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
    assert_eq!(memory.outcomes("sampled.async").len(), 80);
}
