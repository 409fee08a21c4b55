//! Handlers that misbehave.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use prof_runtime::{
    Aggregator, CallRecord, FanoutHandler, FlushError, MemoryHandler, MetricData, MetricHandler, NullHandler, Outcome,
    configure_group, flush, prof, put_metric, scoped, stream,
};

#[prof(name = "victim", group = "faults")]
fn victim(n: u32) -> u32 {
    n + 1
}

#[derive(Default)]
struct Panics(AtomicUsize);

impl MetricHandler for Panics {
    fn emit(&self, _: &MetricData<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("a bad handler");
    }

    fn flush(&self) -> Result<(), FlushError> {
        panic!("a bad flush")
    }
}

#[test]
fn a_handler_that_panics_is_switched_off() {
    let panics = Arc::new(Panics::default());
    let _scope = scoped(panics.clone());
    for n in 0..10 {
        assert_eq!(victim(n), n + 1);
    }
    assert_eq!(panics.0.load(Ordering::Relaxed), 3);
}

#[test]
fn one_that_panics_does_not_starve_the_others() {
    let memory = MemoryHandler::new();
    let _scope = scoped(FanoutHandler::new().with(Panics::default()).with(memory.clone()));
    for n in 0..10 {
        victim(n);
    }
    assert_eq!(memory.count("victim.success"), 10);
}

#[test]
fn a_group_whose_handler_is_switched_off_is_silent_but_works() {
    #[prof(name = "orphan", group = "faults.orphan")]
    fn orphan() -> u8 {
        3
    }
    configure_group("faults.orphan", Panics::default());
    assert_eq!([orphan(), orphan(), orphan(), orphan()], [3; 4]);
    let memory = MemoryHandler::new();
    configure_group("faults.orphan", memory.clone());
    orphan();
    assert_eq!(memory.count("orphan.success"), 1);
}

/// Its payload panics again when it is dropped.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("the payload's own");
        }
    }
}

struct ThrowsGrenades;

impl MetricHandler for ThrowsGrenades {
    fn emit(&self, _: &MetricData<'_>) {
        std::panic::panic_any(Grenade);
    }
}

#[test]
fn a_payload_that_panics_goes_no_further() {
    let _scope = scoped(ThrowsGrenades);
    assert_eq!(victim(1), 2);
}

struct CallsVictim;

impl Drop for CallsVictim {
    fn drop(&mut self) {
        victim(1);
    }
}

#[test]
fn a_handler_that_panics_while_the_thread_unwinds_does_not_abort() {
    let _scope = scoped(Panics::default());
    let panicked = catch_unwind(|| {
        let _calls = CallsVictim;
        panic!("outside");
    });
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"outside"));
}

struct CallsBack(MemoryHandler);

impl MetricHandler for CallsBack {
    fn emit(&self, data: &MetricData<'_>) {
        victim(1);
        put_metric("again", 1, "faults");
        stream("faults").add_value("again", 1);
        self.0.emit(data);
    }
}

#[test]
fn a_handler_that_calls_annotated_code_does_not_recurse() {
    let memory = MemoryHandler::new();
    let _scope = scoped(CallsBack(memory.clone()));
    victim(1);
    assert_eq!(memory.names(), ["victim.success", "victim.duration.ms"]);
}

#[prof(name = "reconfigured", group = "faults.reconfigured")]
fn reconfigured() {}

struct Reconfigures(MemoryHandler);

impl MetricHandler for Reconfigures {
    fn emit(&self, _: &MetricData<'_>) {
        configure_group("faults.reconfigured", self.0.clone());
        let _scope = scoped(NullHandler);
    }
}

impl Drop for Reconfigures {
    fn drop(&mut self) {
        // Emitting and configuring from here must not meet a lock.
        reconfigured();
        configure_group("faults.unrelated", NullHandler);
    }
}

#[test]
fn a_handler_may_be_replaced_from_within_itself() {
    let memory = MemoryHandler::new();
    configure_group("faults.reconfigured", Reconfigures(memory.clone()));
    reconfigured();
    reconfigured();
    assert!(memory.count("reconfigured.success") >= 1);
}

#[test]
fn the_last_handler_of_a_group_is_the_one() {
    #[prof(name = "twice", group = "faults.twice")]
    fn twice() {}
    let (first, second) = (MemoryHandler::new(), MemoryHandler::new());
    configure_group("faults.twice", first.clone());
    configure_group("faults.twice", second.clone());
    twice();
    assert_eq!((first.data().len(), second.count("twice.success")), (0, 1));
    configure_group("faults.twice", NullHandler);
    twice();
    assert_eq!(second.count("twice.success"), 1);
}

struct Blocks {
    entered: Mutex<mpsc::Sender<()>>,
    leave: Mutex<mpsc::Receiver<()>>,
}

impl MetricHandler for Blocks {
    fn emit(&self, _: &MetricData<'_>) {}

    fn record_call(&self, _: &CallRecord<'_>) {
        self.entered.lock().unwrap().send(()).unwrap();
        self.leave.lock().unwrap().recv().unwrap();
    }
}

#[test]
fn a_handler_that_blocks_holds_up_its_caller_only() {
    #[prof(name = "blocked", group = "faults.blocked")]
    fn blocked() {}
    let (entered, has_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel();
    configure_group("faults.blocked", Blocks { entered: Mutex::new(entered), leave: Mutex::new(may_leave) });
    let caller = thread::spawn(blocked);
    has_entered.recv().unwrap();
    // The handler is inside. Everything else goes on, even replacing it.
    let memory = MemoryHandler::new();
    configure_group("faults.blocked", memory.clone());
    blocked();
    assert_eq!(memory.count("blocked.success"), 1);
    Aggregator::new().snapshot();
    leave.send(()).unwrap();
    caller.join().unwrap();
}

#[test]
fn a_flush_that_panics_is_an_error() {
    configure_group("faults.flush", Panics::default());
    let error = flush().unwrap_err().to_string();
    let expect = "a metric handler panicked while flushing: `metrics::faults::Panics`, installed at ";
    assert!(error.starts_with(expect) && error.contains("faults.rs:"), "{error}");
    configure_group("faults.flush", NullHandler);
}

#[test]
fn scopes_nest_and_may_end_in_any_order() {
    let (outer, inner) = (MemoryHandler::new(), MemoryHandler::new());
    let outer_scope = scoped(outer.clone());
    victim(1);
    let inner_scope = scoped(inner.clone());
    victim(1);
    drop(outer_scope);
    victim(1);
    drop(inner_scope);
    victim(1);
    assert_eq!((outer.count("victim.success"), inner.count("victim.success")), (1, 2));
}

#[test]
fn a_scope_is_for_its_own_thread() {
    let memory = MemoryHandler::new();
    let _scope = scoped(memory.clone());
    thread::spawn(|| victim(1)).join().unwrap();
    assert_eq!(memory.data().len(), 0);
}

struct HoldsALock(Arc<Mutex<Vec<Outcome>>>);

impl MetricHandler for HoldsALock {
    fn emit(&self, _: &MetricData<'_>) {}

    fn record_call(&self, call: &CallRecord<'_>) {
        self.0.lock().unwrap().push(call.outcome());
    }
}

#[prof(name = "tail", group = "faults.tail")]
fn tail(shared: &Mutex<Vec<Outcome>>) -> usize {
    shared.lock().unwrap().len()
}

#[test]
fn a_handler_may_take_a_lock_that_the_tail_expression_held() {
    let shared = Arc::new(Mutex::new(Vec::new()));
    let _scope = scoped(HoldsALock(Arc::clone(&shared)));
    assert_eq!(tail(&shared), 0);
    assert_eq!(*shared.lock().unwrap(), [Outcome::Success]);
}

#[prof(name = "unplugged", group = "faults.unplugged")]
fn unplugged(depth: u32) {
    if depth == 0 {
        configure_group("faults.unplugged", NullHandler);
    } else {
        unplugged(depth - 1);
    }
}

#[test]
fn handlers_may_go_while_calls_are_in_progress() {
    // The first time, this thread has no numbers of the function yet; and the call is nested deeper than memory is kept
    // for.
    for _ in 0..3 {
        let aggregator = Aggregator::new();
        configure_group("faults.unplugged", aggregator.clone());
        unplugged(20);
        let snapshot = aggregator.snapshot();
        let unplugged = snapshot.function("unplugged").unwrap();
        assert_eq!((unplugged.calls(), unplugged.in_flight), (0, 0));
    }
}

/// Calls annotated code wherever it is called, and holds a lock meanwhile that it takes when it is given a call.
#[derive(Default)]
struct Careless {
    calls: Mutex<usize>,
}

impl Careless {
    fn busy(&self) {
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        victim(0);
        put_metric("careless", 1, "faults.careless");
    }
}

impl MetricHandler for Careless {
    fn emit(&self, _: &MetricData<'_>) {
        self.busy();
    }

    fn record_call(&self, _: &CallRecord<'_>) {
        self.busy();
    }

    fn flush(&self) -> Result<(), FlushError> {
        self.busy();
        Ok(())
    }
}

impl Drop for Careless {
    fn drop(&mut self) {
        self.busy();
    }
}

/// Runs `f` on a thread of its own, which must come to an end.
#[track_caller]
fn must_end(f: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        f();
        done.send(()).unwrap();
    });
    ended.recv_timeout(std::time::Duration::from_secs(60)).expect("it panicked or waits for itself");
}

#[test]
fn what_a_handler_calls_is_not_measured_whichever_way_the_handler_is_reached() {
    #[prof(name = "careful", group = "faults.careless")]
    fn careful() {}

    must_end(|| {
        let careless = Arc::new(Careless::default());
        configure_group("faults.careless", careless.clone());
        careful();
        // Through `record_call`, `emit` and `flush`, each once.
        put_metric("value", 1, "faults.careless");
        flush().unwrap();
        assert_eq!(*careless.calls.lock().unwrap(), 3);
        // Through a flush within a fan-out, which is within a scope; then through the end of all of them.
        let inner = Arc::new(Careless::default());
        {
            let _scope = scoped(FanoutHandler::new().with(inner.clone()).with(Careless::default()));
            careful();
        }
        assert_eq!(*inner.calls.lock().unwrap(), 1);
        configure_group("faults.careless", NullHandler);
        // It was replaced, and flushed.
        assert_eq!(*careless.calls.lock().unwrap(), 4);
    });
}
