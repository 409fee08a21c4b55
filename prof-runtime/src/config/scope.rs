//! Scopes: handlers for one thread, or for one future.

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
/// along by [`with_handler`](WithHandlerExt::with_handler). Threads and tasks that the code starts take it along by a
/// [`ScopeHandle`].
///
/// A call goes to `handler` if it begins and ends while the guard lives; one that is in progress when the guard is made
/// goes where it would have gone without. The call of a future goes to the handler that is in place where it ends.
///
/// A scope costs some 80 ns, however many functions and threads there are. Once a program has had one, a call of a
/// function without a handler costs some 2 ns instead of nothing, on every thread (`prof-bench overhead`).
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
    let handler = GuardedHandler::new(handler.into_handler());
    route::look_for_scopes();
    push(&handler);
    ScopedHandler { scope: ScopeHandle(Some(handler)), not_send: PhantomData }
}

/// The scope of a thread or a future, to be entered elsewhere: on threads and in tasks that it starts.
///
/// It keeps the handler alive. Code that has entered the scope emits to the handler even if the guard or future that
/// the handle was taken from is gone.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, ScopeHandle, prof, scoped};
///
/// #[prof(name = "resize")]
/// fn resize() {}
///
/// let memory = MemoryHandler::new();
/// let _scope = scoped(memory.clone());
/// let handle = ScopeHandle::current();
/// std::thread::spawn(move || {
///     let _scope = handle.enter();
///     resize();
/// })
/// .join()
/// .unwrap();
/// assert_eq!(memory.count("resize.success"), 1);
/// ```
#[derive(Clone, Debug)]
pub struct ScopeHandle(Option<Arc<GuardedHandler>>);

impl ScopeHandle {
    /// Returns a handle of the innermost scope of this thread, or of the future that it polls.
    ///
    /// Without a scope, the handle is empty: [`enter`](Self::enter) then changes nothing.
    pub fn current() -> Self {
        Self(current())
    }

    /// Returns whether there was no scope where the handle was taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Sends everything that this thread emits to the handler of the scope, as [`scoped`] does, until the returned
    /// guard is dropped.
    pub fn enter(&self) -> ScopedHandler {
        if let Some(handler) = &self.0 {
            push(handler);
        }
        ScopedHandler { scope: self.clone(), not_send: PhantomData }
    }

    fn leave(&self) {
        if let Some(handler) = &self.0 {
            pop(handler);
        }
    }
}

/// Keeps a handler in place for this thread; made by [`scoped`] and [`ScopeHandle::enter`].
///
/// Guards may be dropped in any order. One that is leaked stays in place until its thread ends.
#[must_use = "the handler is removed when the guard is dropped: bind it to a variable, such as `_scope`"]
#[derive(Debug)]
pub struct ScopedHandler {
    scope: ScopeHandle,
    /// The handler is in place for the thread that made the guard.
    not_send: PhantomData<*const ()>,
}

impl ScopedHandler {
    /// Returns a handle of this scope, to be entered on other threads.
    pub fn handle(&self) -> ScopeHandle {
        self.scope.clone()
    }
}

impl Drop for ScopedHandler {
    fn drop(&mut self) {
        self.scope.leave();
    }
}

fn push(installed: &Arc<GuardedHandler>) {
    // A thread that is running its last destructors emits nothing to scopes anymore.
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
    /// Tasks that it spawns are futures of their own: [`in_current_scope`](Self::in_current_scope) takes the handler
    /// along to them. The price is that of [`scoped`], for each poll.
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
        let handler = GuardedHandler::new(handler.into_handler());
        route::look_for_scopes();
        WithHandler { future: Some(self), scope: ScopeHandle(Some(handler)) }
    }

    /// Sends everything that this future emits to the handler of a scope, as [`with_handler`](Self::with_handler) does.
    ///
    /// With an [empty](ScopeHandle::is_empty) handle, the future emits to the handlers of the thread that polls it.
    ///
    /// # Cancel safety
    ///
    /// As that of the inner future.
    fn in_scope(self, scope: &ScopeHandle) -> WithHandler<Self> {
        WithHandler { future: Some(self), scope: scope.clone() }
    }

    /// Sends everything that this future emits to the handler of the [current](ScopeHandle::current) scope: for tasks
    /// that a test, or a future with a handler, spawns.
    ///
    /// # Cancel safety
    ///
    /// As that of the inner future.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::{MemoryHandler, WithHandlerExt, prof, scoped};
    ///
    /// #[prof(name = "resolve")]
    /// async fn resolve() -> u8 { 1 }
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// let memory = MemoryHandler::new();
    /// let _scope = scoped(memory.clone());
    /// runtime.block_on(async {
    ///     tokio::spawn(resolve().in_current_scope()).await.unwrap();
    /// });
    /// assert_eq!(memory.count("resolve.success"), 1);
    /// ```
    fn in_current_scope(self) -> WithHandler<Self> {
        self.in_scope(&ScopeHandle::current())
    }
}

impl<F: Future> WithHandlerExt for F {}

pin_project! {
    /// A future with a scope of its own; made by [`with_handler`](WithHandlerExt::with_handler).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct WithHandler<F> {
        // Dropped with the handler in place.
        #[pin]
        future: Option<F>,
        scope: ScopeHandle,
    }

    impl<F> PinnedDrop for WithHandler<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _scope = Entered::new(this.scope);
            this.future.set(None);
        }
    }
}

/// Keeps a scope in place for the time of a poll.
struct Entered<'a>(&'a ScopeHandle);

impl<'a> Entered<'a> {
    fn new(scope: &'a ScopeHandle) -> Self {
        if let Some(handler) = &scope.0 {
            push(handler);
        }
        Self(scope)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl<F: Future> Future for WithHandler<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _scope = Entered::new(this.scope);
        match this.future.as_pin_mut() {
            Some(future) => future.poll(cx),
            // It is only taken by the drop.
            None => Poll::Pending,
        }
    }
}
