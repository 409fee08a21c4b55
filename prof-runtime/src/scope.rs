//! Handlers for one thread, or for one future.

use std::cell::RefCell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::handler::IntoHandler;
use crate::route::{Installed, ScopeCount};

thread_local! {
    /// This thread's scoped handlers, the innermost last.
    static SCOPES: RefCell<Vec<Arc<Installed>>> = const { RefCell::new(Vec::new()) };
}

/// The innermost scoped handler of this thread.
pub(crate) fn current() -> Option<Arc<Installed>> {
    // No scope is left to a thread that is running its last destructors.
    SCOPES.try_with(|scopes| scopes.borrow().last().cloned()).ok().flatten()
}

/// Sends everything that this thread emits to `handler`, whatever its group, until the returned guard is dropped.
///
/// Nothing of it reaches the configured handlers, nor a scoped handler around this one. Other threads are not affected,
/// so tests can capture what they cause while other tests run. A future that runs on several threads takes its handler
/// along by [`with_handler`](WithHandlerExt::with_handler).
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, prof, scoped};
///
/// #[prof(name = "greet")]
/// fn greet() {}
///
/// let memory = MemoryHandler::new();
/// {
///     let _scope = scoped(memory.clone());
///     greet();
/// }
/// greet();
/// assert_eq!(memory.count("greet.success"), 1);
/// ```
pub fn scoped(handler: impl IntoHandler) -> ScopedHandler {
    let installed = Installed::new(handler.into_handler());
    let count = ScopeCount::new();
    push(&installed);
    ScopedHandler { installed, _count: count, not_send: PhantomData }
}

/// Keeps a handler in place for this thread; made by [`scoped`].
///
/// Guards may be dropped in any order. One that is leaked stays in place until its thread ends.
#[must_use = "the handler is removed when the guard is dropped: bind it to a variable, such as `_scope`"]
#[derive(Debug)]
pub struct ScopedHandler {
    installed: Arc<Installed>,
    _count: ScopeCount,
    /// The handler is in place for the thread that made the guard.
    not_send: PhantomData<*const ()>,
}

impl Drop for ScopedHandler {
    fn drop(&mut self) {
        pop(&self.installed);
    }
}

fn push(installed: &Arc<Installed>) {
    // A thread that is running its last destructors emits nothing to scopes any more.
    let _ = SCOPES.try_with(|scopes| scopes.borrow_mut().push(Arc::clone(installed)));
}

fn pop(installed: &Arc<Installed>) {
    let _ = SCOPES.try_with(|scopes| {
        let mut scopes = scopes.borrow_mut();
        let place = scopes.iter().rposition(|one| Arc::ptr_eq(one, installed));
        // The caller holds the handler as well, so that it is not dropped in here.
        place.map(|place| scopes.remove(place))
    });
}

/// Adds [`with_handler`](Self::with_handler) to every future.
pub trait WithHandlerExt: Future + Sized {
    /// Sends everything that this future emits to `handler`, on whatever thread it runs, also when it is dropped
    /// unfinished.
    ///
    /// Tasks that it spawns are futures of their own.
    ///
    /// # Cancel safety
    ///
    /// As that of the inner future.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::{MemoryHandler, WithHandlerExt, prof};
    ///
    /// #[prof(name = "fetch")]
    /// async fn fetch() -> u8 { 1 }
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let memory = MemoryHandler::new();
    /// fetch().with_handler(memory.clone()).await;
    /// assert_eq!(memory.count("fetch.success"), 1);
    /// # });
    /// ```
    fn with_handler(self, handler: impl IntoHandler) -> WithHandler<Self> {
        let installed = Installed::new(handler.into_handler());
        WithHandler { future: Some(self), installed, _count: ScopeCount::new() }
    }
}

impl<F: Future> WithHandlerExt for F {}

pin_project! {
    /// A future with a handler of its own; made by [`with_handler`](WithHandlerExt::with_handler).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct WithHandler<F> {
        // Dropped with the handler in place.
        #[pin]
        future: Option<F>,
        installed: Arc<Installed>,
        _count: ScopeCount,
    }

    impl<F> PinnedDrop for WithHandler<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _scope = InPlace::new(this.installed);
            this.future.set(None);
        }
    }
}

/// Keeps a handler in place for the time of a poll.
struct InPlace<'a>(&'a Arc<Installed>);

impl<'a> InPlace<'a> {
    fn new(installed: &'a Arc<Installed>) -> Self {
        push(installed);
        Self(installed)
    }
}

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        pop(self.0);
    }
}

impl<F: Future> Future for WithHandler<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _scope = InPlace::new(this.installed);
        match this.future.as_pin_mut() {
            Some(future) => future.poll(cx),
            // It is only taken by the drop.
            None => Poll::Pending,
        }
    }
}
