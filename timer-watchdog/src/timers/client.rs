//! The trait of clients, and which client a thread uses.

use std::cell::RefCell;
use std::error::Error;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use crate::time::{Clock, Timestamp};
use crate::timers::ScopeId;

/// Sends the requests of one worker to a server.
///
/// It runs inside the code that is watched, so a call must be cheap and must not block.
pub trait TimerClient: Send + Sync {
    /// Asks the server to hold a timer until `expiration`.
    ///
    /// # Errors
    ///
    /// If the request cannot be sent. The server then holds no timer.
    fn acquire(&self, scope: &ScopeId, expiration: Timestamp) -> Result<(), ClientError>;

    /// Asks the server to release a timer.
    ///
    /// The server reaps a worker whose release is lost, so an implementation must keep a release that it cannot send at
    /// once.
    ///
    /// # Errors
    ///
    /// If the request can never be sent.
    fn release(&self, scope: &ScopeId) -> Result<(), ClientError>;

    /// Returns the present time of the clock that deadlines of this client count on. By default the monotonic clock.
    fn now(&self) -> Timestamp {
        Clock::monotonic().now()
    }
}

/// Why a client cannot send a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The queue to the server is full.
    #[error("cannot acquire a timer for {scope:?} of worker {worker}: the queue holds {capacity} requests already")]
    QueueFull {
        /// The scope of the timer.
        scope: ScopeId,
        /// The worker, as its debug form shows it.
        worker: String,
        /// The capacity of the queue, in requests.
        capacity: usize,
    },
    /// No server reads from the named pipe, or the pipe does not exist.
    #[error("no server reads from {path:?}, so there is no timer for {scope:?}")]
    Unserved {
        /// The scope of the timer.
        scope: ScopeId,
        /// The pipe.
        path: PathBuf,
        /// The answer of the operating system.
        source: std::io::Error,
    },
    /// The named pipe is full: its server is behind, or stopped.
    #[error("the pipe {path:?} is full, so there is no timer for {scope:?}")]
    PipeFull {
        /// The scope of the timer.
        scope: ScopeId,
        /// The pipe.
        path: PathBuf,
    },
    /// A client outside this crate failed.
    #[error("the timer client failed on {scope:?}")]
    Other {
        /// The scope of the timer.
        scope: ScopeId,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl<C: TimerClient + ?Sized> TimerClient for Arc<C> {
    fn acquire(&self, scope: &ScopeId, expiration: Timestamp) -> Result<(), ClientError> {
        (**self).acquire(scope, expiration)
    }

    fn release(&self, scope: &ScopeId) -> Result<(), ClientError> {
        (**self).release(scope)
    }

    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// An argument of [`configure`]: a client, a shared client, or [`NoClient`]. Sealed: no other type can implement it.
pub trait IntoClient: sealed::Sealed {
    /// Returns the client to install, or none.
    fn into_client(self) -> Option<Arc<dyn TimerClient>>;
}

mod sealed {
    use std::sync::Arc;

    use super::{NoClient, TimerClient};

    pub trait Sealed {}

    impl<C: TimerClient + 'static> Sealed for C {}
    impl Sealed for Option<Arc<dyn TimerClient>> {}
    impl Sealed for NoClient {}
}

impl<C: TimerClient + 'static> IntoClient for C {
    fn into_client(self) -> Option<Arc<dyn TimerClient>> {
        Some(Arc::new(self))
    }
}

impl IntoClient for Option<Arc<dyn TimerClient>> {
    fn into_client(self) -> Option<Arc<dyn TimerClient>> {
        self
    }
}

/// The argument "no client" of [`configure`] and [`scoped`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoClient;

impl IntoClient for NoClient {
    fn into_client(self) -> Option<Arc<dyn TimerClient>> {
        None
    }
}

/// The client of all threads that have none of their own.
static GLOBAL: RwLock<Option<Arc<dyn TimerClient>>> = RwLock::new(None);

/// A client, or none on purpose.
type Scoped = Option<Arc<dyn TimerClient>>;

thread_local! {
    /// The clients that [`scoped`] has installed on this thread, each under a number, the innermost last.
    static SCOPED: RefCell<Vec<(u64, Scoped)>> = const { RefCell::new(Vec::new()) };
}

/// Installs the client that [`expires`](fn@crate::expires) uses in every thread, or none.
///
/// May be called at any time. A timer is released through the client that acquired it, even after a change.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{LocalQueue, LocalTimerClient, NoClient, RequestQueue, configure, expires};
///
/// let queue = LocalQueue::new(8);
/// configure(LocalTimerClient::new(queue.clone(), "worker"));
/// let guard = expires(Duration::from_secs(5))?;
/// assert_eq!(queue.size(), 1);
///
/// configure(NoClient);
/// drop(guard);
/// assert_eq!(queue.size(), 2);
/// let error = expires(Duration::from_secs(5)).unwrap_err();
/// assert!(error.to_string().contains("no timer client is configured"));
/// # Ok::<(), timer_watchdog::ExpiresError>(())
/// ```
pub fn configure(client: impl IntoClient) {
    let client = client.into_client();
    let replaced = {
        let mut global = GLOBAL.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *global, client)
    };
    // Outside the lock, because the drop of a client runs code of the user.
    drop(replaced);
}

/// Installs a client for the calling thread alone, or none, until the returned value is dropped.
///
/// It takes precedence over the client of [`configure`]. So each thread can be a worker of its own, and tests can run
/// in parallel.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{LocalQueue, LocalTimerClient, RequestQueue, expires, scoped};
///
/// let queue = LocalQueue::new(8);
/// let here = scoped(LocalTimerClient::new(queue.clone(), "this thread"));
/// let _timer = expires(Duration::from_secs(5))?;
/// assert_eq!(queue.size(), 1);
/// drop(here);
/// assert!(expires(Duration::from_secs(5)).is_err());
/// # Ok::<(), timer_watchdog::ExpiresError>(())
/// ```
pub fn scoped(client: impl IntoClient) -> ScopedClient {
    let client = client.into_client();
    let number = SCOPED.with_borrow_mut(|scoped| {
        let number = scoped.last().map_or(0, |(number, _)| number + 1);
        scoped.push((number, client));
        number
    });
    ScopedClient { number, stays_on_thread: PhantomData }
}

/// Keeps the client of [`scoped`] installed on the thread.
#[derive(Debug)]
#[must_use = "the client is removed when this value is dropped"]
pub struct ScopedClient {
    number: u64,
    stays_on_thread: PhantomData<*const ()>,
}

impl Drop for ScopedClient {
    fn drop(&mut self) {
        // While a thread ends, the list may be destroyed already. Then there is nothing to remove.
        let taken = SCOPED.try_with(|scoped| {
            let mut scoped = scoped.borrow_mut();
            let index = scoped.iter().position(|(number, _)| *number == self.number)?;
            Some(scoped.remove(index))
        });
        drop(taken);
    }
}

/// Returns the client for the calling thread.
pub(crate) fn current() -> Option<Arc<dyn TimerClient>> {
    let scoped = SCOPED.try_with(|scoped| scoped.borrow().last().map(|(_, client)| client.clone()));
    if let Ok(Some(client)) = scoped {
        return client;
    }
    GLOBAL.read().unwrap_or_else(PoisonError::into_inner).clone()
}
