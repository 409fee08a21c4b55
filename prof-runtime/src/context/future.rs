//! `InContext`: a future in an entry of a context.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::{
    current::Presence,
    entry::Entry,
    metrics_context::MetricsContext,
    outcome::{ContextFailure, ContextOutcome, failure_of},
};

pin_project! {
    /// A future that runs in one entry of a [`MetricsContext`]: made by [`MetricsContext::run_async`].
    ///
    /// The entry lasts from the first poll to the future's end, whichever threads poll it; a future that is never
    /// polled does not enter. While it is polled, and while it is dropped, the context is the
    /// [current](MetricsContext::current) one of the thread. An `Err`, or a panic, is the entry's error.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it finished ends the entry with [`ContextFailure::Cancelled`].
    ///
    /// # Panics
    ///
    /// If the future does (the panic goes on unchanged), or if it is polled after its end.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{pin::pin, task::{Context, Poll, Waker}};
    /// use prof_runtime::context::{ContextError, MetricsContext};
    ///
    /// async fn rows() -> Result<(), ContextError> {
    ///     let ctx = MetricsContext::current().expect("polled in a context");
    ///     ctx.increment("rows", 3)
    /// }
    ///
    /// let (records, reported) = std::sync::mpsc::channel();
    /// let ctx = MetricsContext::new(move |record| records.send(record).unwrap());
    /// let mut request = pin!(ctx.run_async(rows()));
    /// let polled = request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    /// assert_eq!(polled, Poll::Ready(Ok(())));
    /// assert_eq!(reported.recv().unwrap().metrics["rows"], 3.into());
    /// ```
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct InContext<F> {
        // `None` once it has finished, so that it is dropped inside of the entry.
        #[pin]
        future: Option<F>,
        stage: Stage,
    }

    impl<F> PinnedDrop for InContext<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Stage::Entered(entry) = std::mem::replace(this.stage, Stage::Ended) {
                let presence = Presence::new(&entry);
                this.future.set(None);
                drop(presence);
                entry.finish(Some(ContextFailure::Cancelled));
            }
        }
    }
}

#[derive(Debug)]
enum Stage {
    Unpolled(MetricsContext),
    Entered(Entry),
    Ended,
}

impl Stage {
    /// Enters if that was not done yet.
    fn entry(&mut self) -> &Entry {
        if let Self::Unpolled(context) = self {
            *self = Self::Entered(Entry::start(context.shared()));
        }
        match self {
            Self::Entered(entry) => entry,
            _ => panic!("a future in a MetricsContext was polled after its end"),
        }
    }

    /// Ends the entry.
    fn finish(&mut self, failure: Option<ContextFailure>) {
        if let Self::Entered(entry) = std::mem::replace(self, Self::Ended) {
            entry.finish(failure);
        }
    }
}

impl<F> InContext<F> {
    pub(super) fn new(context: MetricsContext, future: F) -> Self {
        Self { future: Some(future), stage: Stage::Unpolled(context) }
    }
}

impl<F: Future<Output: ContextOutcome>> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let presence = Presence::new(this.stage.entry());
        let polled = catch_unwind(AssertUnwindSafe(|| poll_and_drop(this.future.as_mut(), cx)));
        drop(presence);
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => {
                this.stage.finish(failure_of(&output));
                Poll::Ready(output)
            }
            Err(payload) => {
                this.stage.finish(Some(ContextFailure::from_panic(payload.as_ref())));
                resume_unwind(payload)
            }
        }
    }
}

/// Polls the future, and drops it once it is ready. `None` is pending: the stage tells whether it has ended.
fn poll_and_drop<F: Future>(mut future: Pin<&mut Option<F>>, cx: &mut Context<'_>) -> Poll<F::Output> {
    let Some(running) = future.as_mut().as_pin_mut() else {
        return Poll::Pending;
    };
    let polled = running.poll(cx);
    if polled.is_ready() {
        future.set(None);
    }
    polled
}

impl<F> fmt::Debug for InContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InContext").field("stage", &self.stage).finish_non_exhaustive()
    }
}
