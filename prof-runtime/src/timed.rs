//! Futures that are measured from their first poll to their end or drop.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::call::{AsyncCall, Call};
use crate::callsite::Callsite;
use crate::judge::{Judge, finish_judged};
use crate::outcome::Outcome;

pin_project! {
    /// The body of an `async fn`. Made at its first poll; hands the call over when it ends.
    #[derive(Debug)]
    pub struct Timed<F> {
        // Dropped before the call, so that the user's locals are gone when a handler runs.
        #[pin]
        future: F,
        call: AsyncCall,
    }
}

/// Begins a call and measures `future`.
#[inline(always)]
pub fn timed<F: Future>(site: &'static Callsite, future: F) -> Timed<F> {
    Timed { future, call: AsyncCall::enter(site) }
}

impl<F: Future> Future for Timed<F> {
    type Output = (Call, F::Output);

    // Inlined also without optimisation, so that a backtrace has one frame less.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.call.set_polled(true);
        let polled = this.future.poll(cx);
        this.call.set_polled(false);
        polled.map(|value| (this.call.take(), value))
    }
}

/// Measures a future that never ends.
pub async fn timed_forever<F: Future>(site: &'static Callsite, future: F) -> F::Output {
    let (call, value) = timed(site, future).await;
    call.finish(|| Outcome::Success);
    value
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
