//! A future that a function returned, measured from its first poll to its end or drop.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::call::{AsyncCall, InProgress, enter_async};
use crate::failure::{Judge, finish_judged};
use crate::site::Callsite;

pin_project! {
    /// A future that a function returned. The call begins at its first poll, and ends with the future.
    #[derive(Debug)]
    pub struct Lazy<F, J> {
        // Dropped before the call, so that the user's locals are gone when a handler runs.
        #[pin]
        future: F,
        call: AsyncCall,
        // The site that counts the call; taken when the call begins. `None` if no handler received calls of the site
        // when the function returned the future.
        site: Option<&'static Callsite>,
        // Taken when the call ends.
        judge: Option<J>,
    }
}

/// Measures the future that a function returned, instead of the call that made it.
pub fn lazy<F: Future, J: Judge<F::Output>>(making: impl InProgress, future: F, judge: J) -> Lazy<F, J> {
    Lazy { future, call: AsyncCall::UNMEASURED, site: making.discard(), judge: Some(judge) }
}

impl<F: Future, J: Judge<F::Output>> Future for Lazy<F, J> {
    type Output = F::Output;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(site) = this.site.take() {
            *this.call = enter_async(site);
        }
        this.call.set_polled(true);
        let polled = this.future.poll(cx);
        this.call.set_polled(false);
        match (polled, this.judge.take()) {
            (Poll::Ready(value), Some(judge)) => {
                let call = std::mem::replace(this.call, AsyncCall::UNMEASURED);
                Poll::Ready(finish_judged(call, value, judge))
            }
            (polled, judge) => {
                *this.judge = judge;
                polled
            }
        }
    }
}
