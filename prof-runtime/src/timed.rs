//! Futures that are measured from their first poll to their end or drop.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::call::{AsyncCall, Call};
use crate::callsite::Callsite;
use crate::judge::{Judge, finish_judged};

/// A call of an `async fn` in progress, begun at its first poll. Dropped unfinished while the thread unwinds, it panicked;
/// dropped otherwise, it was cancelled.
///
/// That takes a future for panicked that was suspended when another part of its thread unwound past it. Telling the two
/// apart takes a future around the body, which every backtrace would show.
#[derive(Debug)]
#[must_use]
pub struct TimedCall(AsyncCall);

/// Begins a call of an `async fn`.
#[inline]
pub fn enter_async(site: &'static Callsite) -> TimedCall {
    TimedCall(AsyncCall::enter(site))
}

impl TimedCall {
    /// Hands the call over to be finished.
    #[inline]
    pub fn __prof_end(mut self) -> Call {
        self.0.take()
    }
}

impl Drop for TimedCall {
    #[inline]
    fn drop(&mut self) {
        self.0.set_polled(std::thread::panicking());
    }
}

pin_project! {
    /// A future that a function returned. Begins the call at its first poll, and finishes it.
    #[derive(Debug)]
    pub struct Lazy<F, J> {
        #[pin]
        future: F,
        call: AsyncCall,
        // Taken when the call ends.
        judge: Option<J>,
        has_begun: bool,
    }
}

/// Measures the future that a function returned, instead of the making of it.
pub fn lazy<F: Future, J: Judge<F::Output>>(call: Call, future: F, judge: J) -> Lazy<F, J> {
    Lazy { future, call: AsyncCall::idle(call.discard()), judge: Some(judge), has_begun: false }
}

impl<F: Future, J: Judge<F::Output>> Future for Lazy<F, J> {
    type Output = F::Output;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if !*this.has_begun {
            *this.has_begun = true;
            this.call.begin();
        }
        this.call.set_polled(true);
        let polled = this.future.poll(cx);
        this.call.set_polled(false);
        match (polled, this.judge.take()) {
            (Poll::Ready(value), Some(judge)) => Poll::Ready(finish_judged(this.call.take(), value, judge)),
            (polled, judge) => {
                *this.judge = judge;
                polled
            }
        }
    }
}
