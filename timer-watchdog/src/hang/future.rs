//! Futures that are watched.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::task::OwnedWatch;

/// Watches futures. Implemented for every [`Future`].
pub trait WatchFuture: Future + Sized {
    /// Watches this future from now until it has finished or is dropped. If that takes longer than `timeout`, the
    /// watcher reports it: as inside a poll, with the thread; as waiting between polls; or as never polled.
    ///
    /// # Cancel safety
    ///
    /// A drop of the result drops the future and then ends the watch, so that a drop that hangs is reported.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use timer_watchdog::hang::WatchFuture;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let answer = async { 42 }.watched(Duration::from_secs(5)).await;
    /// assert_eq!(answer, 42);
    /// # }
    /// ```
    #[track_caller]
    fn watched(self, timeout: Duration) -> Watched<Self> {
        Watched { future: self, watch: Some(OwnedWatch::for_task(timeout, Location::caller())), pets_on_poll: false }
    }
}

impl<F: Future> WatchFuture for F {}

pin_project! {
    /// A future that is watched; see [`WatchFuture::watched`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Watched<F> {
        #[pin]
        future: F,
        // Dropped after the future, so that the drop of the future is watched. None once the future has finished.
        watch: Option<OwnedWatch>,
        pets_on_poll: bool,
    }
}

impl<F> Watched<F> {
    /// Gives the future its whole timeout again whenever a poll begins or ends. The limit then holds for the time
    /// between two such moments.
    ///
    /// For tasks that run for ever.
    pub fn pet_on_poll(mut self) -> Self {
        self.pets_on_poll = true;
        self
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Some(watch) = this.watch else {
            return this.future.poll(context);
        };
        let pet = || {
            if *this.pets_on_poll {
                watch.pet();
            }
        };
        pet();
        let marked = watch.begin_poll();
        let result = this.future.poll(context);
        drop(marked);
        pet();
        if result.is_ready() {
            *this.watch = None;
        }
        result
    }
}
