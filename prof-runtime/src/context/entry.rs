//! What the handles of one context share, and how it is entered and left.

use std::{
    sync::{Arc, Mutex},
    thread,
};

use super::{current, metrics::Metrics, outcome::ContextFailure, record::ContextRecord, report::OnExit};
use crate::base::clock::Start;
use crate::base::{Locked, lock};

/// What the handles of one context share.
#[derive(Debug)]
pub(super) struct Shared {
    on_exit: OnExit,
    /// The record in progress; `None` outside of all entries. No code of the user's runs under the lock.
    progress: Mutex<Option<Progress>>,
}

/// A record that is being gathered.
#[derive(Debug)]
struct Progress {
    start: Start,
    /// The number of entries that have not ended: at least 1.
    depth: usize,
    /// Whether the entry that started the record has not ended. (Guards may be dropped in any order.)
    outermost_open: bool,
    metrics: Metrics,
    failure: Option<ContextFailure>,
}

impl Shared {
    pub(super) fn new(on_exit: OnExit) -> Self {
        Self { on_exit, progress: Mutex::new(None) }
    }

    pub(super) fn in_progress(&self) -> bool {
        self.lock().is_some()
    }

    /// Calls `change` with the metrics in progress; with `None` outside of all entries.
    pub(super) fn with_metrics<R>(&self, change: impl FnOnce(Option<&mut Metrics>) -> R) -> R {
        change(self.lock().as_mut().map(|progress| &mut progress.metrics))
    }

    /// Returns whether the calling thread is in an entry that is inside of another: either both are its own, or the
    /// outermost is open elsewhere. A thread without an entry is not.
    pub(super) fn is_nested_here(self: &Arc<Self>) -> bool {
        let here = current::entries_here(self);
        match here.count {
            0 => false,
            1 => !here.is_outermost && self.lock().as_ref().is_some_and(|progress| progress.outermost_open),
            _ => true,
        }
    }

    /// Counts one entry more, and returns whether it is the outermost.
    fn enter(&self) -> bool {
        let mut progress = self.lock();
        let is_outermost = progress.is_none();
        progress.get_or_insert_with(Progress::start).depth += 1;
        is_outermost
    }

    /// Counts one entry less, and reports if it was the last.
    fn leave(&self, is_outermost: bool, failure: Option<ContextFailure>) {
        let ended = {
            let mut in_progress = self.lock();
            in_progress.take_if(|progress| progress.leave(is_outermost, failure))
        };
        if let Some(progress) = ended {
            self.on_exit.report(progress.into_record());
        }
    }

    fn lock(&self) -> Locked<'_, Option<Progress>> {
        lock(&self.progress)
    }
}

impl Progress {
    fn start() -> Self {
        Self { start: Start::now(), depth: 0, outermost_open: true, metrics: Metrics::default(), failure: None }
    }

    /// Counts one entry less, and returns whether it was the last. The outermost entry's failure is the record's, also
    /// if it does not end last; without one, it is that of the entry that does. A nested failure has been dealt with.
    fn leave(&mut self, is_outermost: bool, failure: Option<ContextFailure>) -> bool {
        self.depth -= 1;
        let is_last = self.depth == 0;
        if is_outermost {
            self.outermost_open = false;
        }
        if is_outermost || is_last {
            self.failure = self.failure.take().or(failure);
        }
        is_last
    }

    fn into_record(mut self) -> ContextRecord {
        ContextRecord {
            start_ns: self.start.start_ns(),
            end_ns: self.start.end_ns(),
            metrics: self.metrics.take(),
            error: self.failure,
        }
    }
}

/// One entry of a context, which ends when this is dropped. Unlike a guard it may move between threads.
#[derive(Debug)]
pub(super) struct Entry {
    shared: Arc<Shared>,
    is_outermost: bool,
    /// Whether the thread was unwinding at the start: then that it unwinds at the end says nothing about the entry.
    was_panicking: bool,
    failure: Option<ContextFailure>,
}

impl Entry {
    pub(super) fn start(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            is_outermost: shared.enter(),
            was_panicking: thread::panicking(),
            failure: None,
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn is_outermost(&self) -> bool {
        self.is_outermost
    }

    /// Ends it, with what is known of its outcome.
    pub(super) fn finish(mut self, failure: Option<ContextFailure>) {
        self.failure = failure;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let unwinds = thread::panicking() && !self.was_panicking;
        let panic = unwinds.then_some(ContextFailure::Panic { message: None });
        self.shared.leave(self.is_outermost, self.failure.take().or(panic));
    }
}
