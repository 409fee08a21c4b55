//! The loom model of handlers that are replaced while calls end.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use self::published::Published;
use super::{Installed, Route, Target};
use crate::callsite::Callsite;
use crate::data::MetricData;
use crate::handler::MetricHandler;
use crate::local::{Kind, Local};
use crate::outcome::Outcome;
use crate::record::CallRecord;

#[path = "published.rs"]
mod published;

/// What [`Published`] is made of.
mod atomics {
    use std::sync::Arc;

    use loom::sync::Mutex;
    pub(super) use loom::sync::atomic::{AtomicU64, Ordering};

    /// Stands for `arc_swap::ArcSwapOption`: what is swapped is swapped at one moment.
    pub(super) struct Slot<T>(Mutex<Option<Arc<T>>>);

    impl<T> Slot<T> {
        pub(super) fn new() -> Self {
            Self(Mutex::new(None))
        }

        pub(super) fn load_full(&self) -> Option<Arc<T>> {
            self.0.lock().unwrap().clone()
        }

        pub(super) fn swap(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
            std::mem::replace(&mut self.0.lock().unwrap(), value)
        }
    }
}

static SITE: Callsite = Callsite::new("f", || "app::f::item", "app", file!(), line!());

/// Counts calls, with atomics that are no part of the model.
#[derive(Default)]
struct Calls(AtomicUsize);

impl MetricHandler for Calls {
    fn emit(&self, _: &MetricData<'_>) {}

    fn record_call(&self, _: &CallRecord<'_>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Calls {
    fn count(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

fn target(calls: &Arc<Calls>) -> Arc<Target> {
    Arc::new(Target::new(vec![Installed::new(Arc::clone(calls) as Arc<dyn MetricHandler>)]))
}

/// A thread that calls the function.
struct Caller {
    local: Local,
    kept: Option<Arc<Target>>,
}

impl Caller {
    fn new() -> Self {
        Self { local: Local::new(&SITE, Kind::Fast), kept: None }
    }

    /// Ends a call, as `call::report_to_handlers` and `call::report` do.
    fn end(&mut self, published: &Published) {
        let record = CallRecord::at(&SITE, Outcome::Success, 0, 5);
        let give = |handler: &dyn MetricHandler| handler.record_call(&record);
        if let Some(target) = self.local.target_on(published.route()) {
            return target.each(give);
        }
        let target = published.target().expect("something was published");
        target.each(give);
        self.local.set_target(&target);
        // What was kept is dropped only now that something else is at hand.
        self.kept = Some(target);
    }
}

fn check(callers: usize) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let (before, after) = (Arc::new(Calls::default()), Arc::new(Calls::default()));
        let published =
            Published { route: atomics::AtomicU64::new(Route::UNRESOLVED.word()), target: atomics::Slot::new() };
        let first = target(&before);
        let route = first.route();
        assert!(published.publish(first, route).is_none());
        let published = loom::sync::Arc::new(published);
        let threads: Vec<_> = (0..callers)
            .map(|_| {
                let published = loom::sync::Arc::clone(&published);
                loom::thread::spawn(move || {
                    let mut caller = Caller::new();
                    caller.end(&published);
                    caller.end(&published);
                    caller
                })
            })
            .collect();
        let second = target(&after);
        let route = second.route();
        let replaced = published.publish(second, route);
        assert!(replaced.is_some());
        drop(replaced);
        let callers: Vec<Caller> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(before.count() + after.count(), 2 * callers.len());
        let late = after.count();
        for (at, mut caller) in callers.into_iter().enumerate() {
            caller.end(&published);
            assert_eq!(after.count(), late + at + 1);
        }
        // The last thread has called again: no one holds the replaced handler.
        assert_eq!(Arc::strong_count(&before), 1);
    });
}

#[test]
fn loom_each_call_goes_to_one_handler_while_another_is_installed() {
    check(1);
}

#[test]
fn loom_threads_do_not_disturb_each_other() {
    check(2);
}
