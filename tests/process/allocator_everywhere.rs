//! An allocator that is annotated itself: no function of the crate allocates in a way that comes back to a lock of its
//! own.
#![allow(missing_docs, unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::ready;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use prof_runtime::context::ContextHandler;
use prof_runtime::{
    Aggregator, BufferedHandler, CallRecord, ConsoleHandler, FanoutHandler, FlushError, JsonLinesHandler,
    MemoryHandler, MetricData, MetricHandler, MetricStream, MetricsContext, NullHandler, Outcome, ProfBuilder,
    ProfGuard, RuntimeMetricsContext, TopN, WithHandlerExt, callsites, configure, configure_group, flush, prof,
    put_metric, report_at_exit, scoped, stream,
};

struct Annotated;

// SAFETY: every allocation is the system's.
unsafe impl GlobalAlloc for Annotated {
    #[prof(name = "alloc")]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    #[prof(name = "dealloc")]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Annotated = Annotated;

#[prof(name = "work", group = "work")]
fn work(n: u64) -> Result<u64, String> {
    if n == 3 { Err("three".to_owned()) } else { Ok(n) }
}

#[prof(name = "sampled", group = "work", sample = 2)]
fn sampled(n: u64) -> u64 {
    n
}

#[prof(name = "awaited", group = "work")]
async fn awaited(n: u64) -> u64 {
    ready(n).await
}

/// A handler that allocates wherever it is called.
struct Allocates;

impl MetricHandler for Allocates {
    fn emit(&self, data: &MetricData<'_>) {
        drop(data.clone().into_owned());
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        drop(format!("{call:?}"));
    }

    fn flush(&self) -> Result<(), FlushError> {
        drop(work(0));
        Ok(())
    }
}

impl Drop for Allocates {
    fn drop(&mut self) {
        drop(work(0));
    }
}

/// Every way in, one after the other, with calls of all kinds.
fn everything() {
    let calls = || {
        drop((0..5).map(work).collect::<Vec<_>>());
        (0..5).for_each(|n| drop(vec![sampled(n)]));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let everywhere = Aggregator::new();
    let buffered = BufferedHandler::new(MemoryHandler::new()).unwrap();
    let context = MetricsContext::new(|record| drop(format!("{record:?}")));
    let fanout = FanoutHandler::new()
        .with(everywhere.clone())
        .with(Aggregator::new())
        .with(MemoryHandler::new())
        .with(Allocates)
        .with(buffered)
        .with(ContextHandler)
        .with(JsonLinesHandler::to(Vec::<u8>::new()));
    configure(fanout);
    configure_group("work", FanoutHandler::new().with(Allocates).with(everywhere.clone()).with(NullHandler));
    let guard = ProfBuilder::new().report().start().unwrap();
    let report = report_at_exit();
    calls();
    runtime.block_on(awaited(1).with_handler(Allocates));
    runtime.block_on(awaited(2));
    {
        let _scope = scoped(Allocates);
        let _inner = scoped(MemoryHandler::new());
        calls();
        put_metric("scoped", 1, "work");
    }
    {
        let entered = context.enter();
        entered.increment("n", 1).unwrap();
        entered.set("name", "x".to_owned()).unwrap();
        entered.add_to_set("set", "member").unwrap();
        entered.add_top_n("top", "key".to_owned(), 3).unwrap();
        entered.update([("one", 1), ("two", 2)]).unwrap();
        calls();
    }
    let gathering = RuntimeMetricsContext::new(|record| drop(format!("{record:?}")));
    gathering.increment("n", 1, &[("extra", Some("x".into()))]).unwrap();
    gathering.finish();
    let mut top = TopN::new(2);
    (0..5).for_each(|n| top.add(n, format!("{n}")));

    put_metric("value", 0.5, "work");
    put_metric!("count", 3);
    stream("work").add_value("streamed", 2);
    MetricStream::new("own", MemoryHandler::new()).add_value("value", 1);
    let memory = MemoryHandler::new();
    {
        let _scope = scoped(memory.clone());
        calls();
    }
    drop((
        memory.data(),
        memory.names(),
        memory.get("work.success"),
        memory.count("work.success"),
        format!("{memory:?}"),
    ));
    memory.clear();

    for callsite in callsites() {
        drop((format!("{callsite:?}"), callsite.in_flight(), callsite.name().to_owned()));
        everywhere.record_call(&CallRecord::new(callsite, Outcome::Success, Duration::from_micros(3)));
    }
    let snapshot = everywhere.snapshot();
    drop((snapshot.to_table(), format!("{snapshot:?}"), snapshot.since(&everywhere.snapshot())));
    drop((format!("{:?}", guard.losses()), format!("{guard:?}")));
    flush().unwrap();
    guard.flush().unwrap();
    drop(guard);
    drop::<ProfGuard>(report);
    configure(ConsoleHandler::to(Vec::<u8>::new()));
    calls();
    configure(NullHandler);
    configure_group("work", NullHandler);
    flush().unwrap();
}

#[test]
fn no_function_comes_back_to_a_lock_of_its_own() {
    const LIMIT: Duration = Duration::from_secs(60);
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        everything();
        done.send(()).unwrap();
    });
    ended.recv_timeout(LIMIT).expect("a function panicked or waits for its own thread");
}
