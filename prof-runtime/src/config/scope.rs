//! Handlers for one thread, or for one future.

use std::cell::RefCell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::base::reentrancy::{enter_scope, leave_scope};
use crate::base::{inside, is_scoped};
use crate::config::route;
use crate::handler::{GuardedHandler, IntoHandler};

thread_local! {
    /// This thread's scoped handlers, the innermost last.
    static SCOPES: RefCell<Vec<Arc<GuardedHandler>>> = const { RefCell::new(Vec::new()) };
}

/// The innermost scoped handler of this thread.
pub(crate) fn current() -> Option<Arc<GuardedHandler>> {
    if !is_scoped() {
        return None;
    }
    // No scope is left to a thread that is running its last destructors.
    SCOPES.try_with(|scopes| scopes.borrow().last().cloned()).ok().flatten()
}

/// Sends everything that this thread emits to `handler`, whatever its group, until the returned guard is dropped.
///
/// Nothing of it reaches the configured handlers, nor a scoped handler around this one. Other threads are not affected,
/// so tests can capture what they cause while other tests run. A future that runs on several threads takes its handler
/// along by [`with_handler`](WithHandlerExt::with_handler).
///
/// A call goes to `handler` if it begins and ends while the guard lives; one that is in progress when the guard is made
/// goes where it would have gone without. The call of a future goes to the handler that is in place where it ends.
///
/// A scope costs some 80 ns, however many functions and threads there are. Once a program has had one, a call of a
/// function that no handler listens to costs some 2 ns instead of nothing, on every thread (`prof-bench overhead`).
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
#[track_caller]
pub fn scoped(handler: impl IntoHandler) -> ScopedHandler {
    let installed = GuardedHandler::new(handler.into_handler());
    route::look_for_scopes();
    push(&installed);
    ScopedHandler { installed, not_send: PhantomData }
}

/// Keeps a handler in place for this thread; made by [`scoped`].
///
/// Guards may be dropped in any order. One that is leaked stays in place until its thread ends.
#[must_use = "the handler is removed when the guard is dropped: bind it to a variable, such as `_scope`"]
#[derive(Debug)]
pub struct ScopedHandler {
    installed: Arc<GuardedHandler>,
    /// The handler is in place for the thread that made the guard.
    not_send: PhantomData<*const ()>,
}

impl Drop for ScopedHandler {
    fn drop(&mut self) {
        pop(&self.installed);
    }
}

fn push(installed: &Arc<GuardedHandler>) {
    // A thread that is running its last destructors emits nothing to scopes any more.
    let _ = SCOPES.try_with(|scopes| {
        // The list may grow, by an allocator that is annotated itself.
        inside(|| scopes.borrow_mut().push(Arc::clone(installed)));
        enter_scope();
    });
}

fn pop(installed: &Arc<GuardedHandler>) {
    let _ = SCOPES.try_with(|scopes| {
        let mut scopes = scopes.borrow_mut();
        let place = scopes.iter().rposition(|one| Arc::ptr_eq(one, installed));
        // The caller holds the handler as well, so that it is not dropped in here.
        if let Some(place) = place {
            scopes.remove(place);
            leave_scope();
        }
    });
}

/// Adds [`with_handler`](Self::with_handler) to every future.
pub trait WithHandlerExt: Future + Sized {
    /// Sends everything that this future emits to `handler`, on whatever thread it runs, also when it is dropped
    /// unfinished.
    ///
    /// Tasks that it spawns are futures of their own. The price is that of [`scoped`], for each poll.
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
    #[track_caller]
    fn with_handler(self, handler: impl IntoHandler) -> WithHandler<Self> {
        let installed = GuardedHandler::new(handler.into_handler());
        route::look_for_scopes();
        WithHandler { future: Some(self), installed }
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
        installed: Arc<GuardedHandler>,
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
struct InPlace<'a>(&'a Arc<GuardedHandler>);

impl<'a> InPlace<'a> {
    fn new(installed: &'a Arc<GuardedHandler>) -> Self {
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
