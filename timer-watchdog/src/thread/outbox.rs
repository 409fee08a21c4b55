//! Delivery of events to a user's callback, on a thread for that alone: a callback that blocks or panics does not delay
//! detection.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::thread::background::BackgroundThread;
use crate::thread::signalled::Signalled;

/// The most events that wait for the callback. Enough for a burst of expiries, and well below 1 MiB.
const CAPACITY: usize = 1024;

/// How long a drop waits for the delivery of the last events.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A bounded queue of events and the thread that delivers them.
pub(crate) struct Outbox<E> {
    shared: Arc<Signalled<Pending<E>>>,
    thread: BackgroundThread,
    deliver: Arc<dyn Fn(E) + Send + Sync>,
}

struct Pending<E> {
    events: VecDeque<E>,
    /// The callback of an event that has been taken has not returned yet.
    is_delivering: bool,
    is_closed: bool,
    /// Events that found the queue full, or no thread to deliver them.
    dropped: u64,
    /// Callbacks that panicked.
    panicked: u64,
}

impl<E: Send + 'static> Outbox<E> {
    /// Returns an outbox that calls `deliver` for each event, in order, one at a time.
    pub(crate) fn new(name: &'static str, deliver: impl Fn(E) + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::new(Signalled::new(Pending {
                events: VecDeque::new(),
                is_delivering: false,
                is_closed: false,
                dropped: 0,
                panicked: 0,
            })),
            thread: BackgroundThread::new(name, 0),
            deliver: Arc::new(deliver),
        }
    }

    /// Queues an event. Never blocks: a full queue drops the event and counts it.
    pub(crate) fn send(&self, event: E) {
        let is_running = self.thread.is_running() || self.start();
        self.shared.update(|pending| {
            if is_running && pending.events.len() < CAPACITY {
                pending.events.push_back(event);
            } else {
                pending.dropped += 1;
            }
        });
    }

    /// Starts the thread that delivers. Returns whether it runs.
    fn start(&self) -> bool {
        let shared = Arc::clone(&self.shared);
        let deliver = Arc::clone(&self.deliver);
        let started = self.thread.start(move |_| deliver_all(&shared, &*deliver));
        started.is_ok()
    }

    /// Waits until all events so far are delivered, at most `limit`. Returns whether they are.
    pub(crate) fn flush(&self, limit: Duration) -> bool {
        let done = |pending: &mut Pending<E>| (pending.events.is_empty() && !pending.is_delivering).then_some(());
        self.shared.wait_for(limit, done).is_some()
    }

    /// Returns the number of events that reached no callback, and the number of callbacks that panicked.
    pub(crate) fn losses(&self) -> (u64, u64) {
        self.shared.peek(|pending| (pending.dropped, pending.panicked))
    }
}

impl<E> Drop for Outbox<E> {
    fn drop(&mut self) {
        let close = || self.shared.update(|pending| pending.is_closed = true);
        // A callback that never returns keeps its thread and nothing else.
        let _ = self.thread.stop(close, LAST_WORDS);
    }
}

fn deliver_all<E>(shared: &Signalled<Pending<E>>, deliver: &dyn Fn(E)) {
    loop {
        let next = shared.wait(|pending| {
            let event = pending.events.pop_front();
            pending.is_delivering = event.is_some();
            (event.is_some() || pending.is_closed).then_some(event)
        });
        let Some(event) = next else {
            return;
        };
        let delivered = catch_unwind(AssertUnwindSafe(|| deliver(event)));
        shared.update(|pending| {
            pending.is_delivering = false;
            pending.panicked += u64::from(delivered.is_err());
        });
    }
}
