//! What the tests that cross crates share: see the test targets.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use prof_runtime::{MemoryHandler, scoped};

/// Returns the data points, durations left out, that `work` reports on this thread: `Store.load.success` and so on.
pub fn calls<R>(work: impl FnOnce() -> R) -> Vec<String> {
    let memory = MemoryHandler::new();
    {
        let _scope = scoped(memory.clone());
        drop(work());
    }
    memory.names().into_iter().filter(|name| !name.ends_with(".duration.ms")).collect()
}

/// Polls `future` until it is ready. For futures that make progress whenever they are polled.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = poll_once(&mut future) {
            return value;
        }
    }
}

/// Polls `future` once, with a waker that does nothing.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    std::pin::Pin::new(future).poll(&mut context)
}

/// Returns a future that is pending once, and then ready.
pub fn yield_now() -> impl Future<Output = ()> + Send + Unpin {
    let mut has_yielded = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}
