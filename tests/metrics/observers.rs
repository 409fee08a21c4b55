//! Handlers beside those that are configured, handlers that are taken back, and scopes on other threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use prof_runtime::{
    Aggregator, FilterHandler, MemoryHandler, MetricData, MetricHandler, NullHandler, ScopeHandle, WithHandlerExt,
    configure_group, observe, prof, put_metric, scoped, unconfigure_group,
};

#[prof(name = "observed", group = "observed")]
fn observed() {}

/// A memory for one group: other tests run meanwhile.
fn only(group: &str, memory: &MemoryHandler) -> FilterHandler {
    FilterHandler::new(memory.clone()).groups([group])
}

#[test]
fn an_observer_sees_what_the_handlers_of_a_group_see_until_it_is_dropped() {
    let (own, beside) = (MemoryHandler::new(), MemoryHandler::new());
    configure_group("observed", own.clone());
    let observer = observe(only("observed", &beside));
    observed();
    put_metric("pages", 3, "observed");
    assert_eq!(own.names(), ["observed.success", "observed.duration.ms", "pages"]);
    assert_eq!(beside.names(), own.names());
    drop(observer);
    observed();
    assert_eq!((beside.names().len(), own.names().len()), (3, 5));
}

#[prof(name = "silent", group = "silent")]
fn silent() {}

#[test]
fn an_observer_sees_a_group_that_is_switched_off() {
    configure_group("silent", NullHandler);
    let beside = MemoryHandler::new();
    let _observer = observe(only("silent", &beside));
    silent();
    assert_eq!(beside.count("silent.success"), 1);
}

#[prof(name = "scoped_away", group = "scoped_away")]
fn scoped_away() {}

#[test]
fn a_scope_keeps_its_metrics_from_observers() {
    let (beside, own) = (MemoryHandler::new(), MemoryHandler::new());
    let _observer = observe(only("scoped_away", &beside));
    {
        let _scope = scoped(own.clone());
        scoped_away();
    }
    scoped_away();
    assert_eq!((own.count("scoped_away.success"), beside.count("scoped_away.success")), (1, 1));
}

#[prof(name = "aggregated", group = "aggregated")]
fn aggregated() {}

#[test]
fn an_aggregator_that_observes_counts_beside_one_that_is_configured() {
    let (own, beside) = (Aggregator::new(), Aggregator::new());
    configure_group("aggregated", own.clone());
    let observer = observe(beside.clone());
    aggregated();
    observer.flush().unwrap();
    drop(observer);
    aggregated();
    let calls = |aggregator: &Aggregator| aggregator.snapshot().function("aggregated").unwrap().success;
    assert_eq!((calls(&own), calls(&beside)), (2, 1));
}

/// Tells of each flush.
struct Flushes(mpsc::Sender<()>);

impl MetricHandler for Flushes {
    fn emit(&self, _: &MetricData<'_>) {}

    fn flush(&self) -> Result<(), prof_runtime::FlushError> {
        self.0.send(()).unwrap();
        Ok(())
    }
}

#[test]
fn an_observer_is_flushed_when_it_is_removed_and_a_group_s_handler_when_it_is_taken_back() {
    let (told, flushes) = mpsc::channel();
    drop(observe(Flushes(told.clone())));
    flushes.try_recv().unwrap();
    configure_group("flushed", Flushes(told));
    assert!(unconfigure_group("flushed"));
    flushes.try_recv().unwrap();
    assert!(!unconfigure_group("flushed"), "the group has no handler of its own anymore");
}

#[test]
fn a_handler_that_does_nothing_observes_nothing() {
    observe(NullHandler).flush().unwrap();
}

#[test]
fn an_observer_that_panics_hurts_neither_callers_nor_handlers() {
    struct Panics;
    impl MetricHandler for Panics {
        fn emit(&self, data: &MetricData<'_>) {
            assert_ne!(data.group_name, "beside_panics");
        }
    }
    let own = MemoryHandler::new();
    configure_group("beside_panics", own.clone());
    let _observer = observe(Panics);
    let emit = || (0..5).for_each(|n| put_metric("pages", n, "beside_panics"));
    catch_unwind(AssertUnwindSafe(emit)).unwrap();
    assert_eq!(own.count("pages"), 5);
}

#[prof(name = "spawned")]
fn spawned() {}

#[test]
fn a_scope_is_entered_on_threads_that_outlive_it() {
    let memory = MemoryHandler::new();
    let scope = scoped(memory.clone());
    let handle = scope.handle();
    let (resume, wait) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let _scope = handle.enter();
        wait.recv().unwrap();
        spawned();
    });
    drop(scope);
    resume.send(()).unwrap();
    thread.join().unwrap();
    assert_eq!(memory.count("spawned.success"), 1);
}

#[test]
fn threads_of_a_thread_scope_enter_the_current_scope() {
    let memory = MemoryHandler::new();
    let _scope = scoped(memory.clone());
    let handle = ScopeHandle::current();
    thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                let _scope = handle.enter();
                spawned();
            });
        }
    });
    assert_eq!(memory.count("spawned.success"), 3);
}

#[test]
fn without_a_scope_the_handle_is_empty_and_changes_nothing() {
    let handle = ScopeHandle::current();
    assert!(handle.is_empty());
    let memory = MemoryHandler::new();
    let _scope = scoped(memory.clone());
    let _nothing = handle.enter();
    spawned();
    assert_eq!(memory.count("spawned.success"), 1);
}

#[prof(name = "task")]
async fn task() {
    tokio::task::yield_now().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_a_future_spawns_take_its_scope_along() {
    let memory = MemoryHandler::new();
    let spawns = async {
        let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(task().in_current_scope())).collect();
        for task in tasks {
            task.await.unwrap();
        }
    };
    spawns.with_handler(memory.clone()).await;
    assert_eq!(memory.count("task.success"), 8);
}
