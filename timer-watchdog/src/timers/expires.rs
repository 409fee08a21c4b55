//! The guard that holds a timer while a scope runs.

use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::timers::{ClientError, ScopeId, TimerClient, client};

/// Scopes that [`expires_or_noop`] found no timer for.
static UNWATCHED: AtomicU64 = AtomicU64::new(0);
/// Releases that failed or panicked inside a drop.
static FAILED_RELEASES: AtomicU64 = AtomicU64::new(0);

/// Why a scope has no timer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExpiresError {
    /// Neither the thread nor the program has a client.
    #[error(
        "cannot acquire a timer for {scope:?}: no timer client is configured; call timer_watchdog::configure first"
    )]
    NotConfigured {
        /// The scope of the timer.
        scope: ScopeId,
    },
    /// The client cannot send the request.
    #[error("cannot acquire a timer for {scope:?} that expires after {after:?}")]
    Client {
        /// The scope of the timer.
        scope: ScopeId,
        /// The time after which the timer was to expire.
        after: Duration,
        /// Why.
        source: ClientError,
    },
}

/// Acquires a timer that the result holds until dropped. If the scope takes longer than `after`, the server reaps its
/// worker.
///
/// The name of the scope is `file:line` of the caller. Names are flat: a second timer of the same name and worker, as
/// in a recursion, replaces the first, and one release removes the
/// timer.
///
/// # Errors
///
/// If no client is configured, or if the client cannot send the request. The scope then has no timer.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{LocalQueue, LocalTimerClient, RequestQueue, TimerRequest, expires, scoped};
///
/// let queue = LocalQueue::new(8);
/// let _client = scoped(LocalTimerClient::new(queue.clone(), "worker"));
/// {
///     let _timer = expires(Duration::from_secs(5))?;
///     // What must not take longer than five seconds.
/// }
/// let requests = queue.get(2, Duration::ZERO).unwrap();
/// assert!(requests[0].scope_id.as_str().contains(':'));
/// assert_eq!(requests[1], TimerRequest::release("worker", requests[0].scope_id.clone()));
/// # Ok::<(), timer_watchdog::ExpiresError>(())
/// ```
#[track_caller]
pub fn expires(after: Duration) -> Result<Expires<'static>, ExpiresError> {
    expires_on_thread(ScopeId::from_place(Location::caller()), after)
}

/// As [`expires`], with a name for the scope and a client.
///
/// # Errors
///
/// If the client cannot send the request.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{LocalQueue, LocalTimerClient, expires_in};
///
/// let client = LocalTimerClient::new(LocalQueue::new(1), "worker");
/// let _timer = expires_in("load", Duration::from_secs(5), &client)?;
/// let error = expires_in("store", Duration::from_secs(5), &client).unwrap_err();
/// assert_eq!(error.to_string(), r#"cannot acquire a timer for "store" that expires after 5s"#);
/// # Ok::<(), timer_watchdog::ExpiresError>(())
/// ```
pub fn expires_in(
    scope: impl Into<ScopeId>,
    after: Duration,
    client: &dyn TimerClient,
) -> Result<Expires<'_>, ExpiresError> {
    acquire(scope.into(), after, Held::Borrowed(client))
}

/// As [`expires`], but without an error: a scope that gets no timer runs without one.
///
/// For libraries, which cannot know whether the program has a server. [`unwatched_scopes`] counts the scopes without a
/// timer.
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{NoClient, expires_or_noop, scoped, unwatched_scopes};
///
/// let _none = scoped(NoClient);
/// let timer = expires_or_noop(Duration::from_secs(5));
/// assert!(!timer.is_held());
/// assert!(unwatched_scopes() >= 1);
/// ```
#[track_caller]
pub fn expires_or_noop(after: Duration) -> Expires<'static> {
    or_noop(expires(after))
}

/// As [`expires_or_noop`], with a name for the scope.
pub(crate) fn expires_in_or_noop(scope: &'static str, after: Duration) -> Expires<'static> {
    or_noop(expires_on_thread(scope.into(), after))
}

fn or_noop(acquired: Result<Expires<'static>, ExpiresError>) -> Expires<'static> {
    acquired.unwrap_or_else(|error| {
        UNWATCHED.fetch_add(1, Ordering::Relaxed);
        let (ExpiresError::NotConfigured { scope } | ExpiresError::Client { scope, .. }) = error;
        Expires { scope, client: Held::Nothing }
    })
}

/// Acquires a timer through the client of the calling thread.
fn expires_on_thread(scope: ScopeId, after: Duration) -> Result<Expires<'static>, ExpiresError> {
    match client::current() {
        Some(client) => acquire(scope, after, Held::Shared(client)),
        None => Err(ExpiresError::NotConfigured { scope }),
    }
}

/// Returns the number of scopes that ran without a timer because [`expires_or_noop`] could not acquire one.
pub fn unwatched_scopes() -> u64 {
    UNWATCHED.load(Ordering::Relaxed)
}

/// Returns the number of guards whose client failed or panicked when they released their timer in a drop.
pub fn failed_releases() -> u64 {
    FAILED_RELEASES.load(Ordering::Relaxed)
}

fn acquire(scope: ScopeId, after: Duration, client: Held<'_>) -> Result<Expires<'_>, ExpiresError> {
    let sent = client.client().map_or(Ok(()), |client| {
        let expiration = client.now().after(after);
        client.acquire(&scope, expiration)
    });
    match sent {
        Ok(()) => Ok(Expires { scope, client }),
        Err(source) => Err(ExpiresError::Client { scope, after, source }),
    }
}

/// Holds a timer, and releases it when dropped.
///
/// May be sent to another thread: it keeps its client, and with it its worker. The drop never panics and never blocks;
/// [`failed_releases`] counts its failures. So it masks neither an error nor a panic of the scope's body. The timer of
/// a guard that is forgotten expires.
#[must_use = "the timer is released when this value is dropped"]
pub struct Expires<'c> {
    scope: ScopeId,
    client: Held<'c>,
}

/// The client that acquired the timer and releases it.
enum Held<'c> {
    Shared(Arc<dyn TimerClient>),
    Borrowed(&'c dyn TimerClient),
    Nothing,
}

impl Held<'_> {
    fn client(&self) -> Option<&dyn TimerClient> {
        match self {
            Self::Shared(client) => Some(&**client),
            Self::Borrowed(client) => Some(*client),
            Self::Nothing => None,
        }
    }
}

impl Expires<'_> {
    /// Returns the scope's name.
    pub fn scope(&self) -> &ScopeId {
        &self.scope
    }

    /// Returns whether there is a timer.
    pub fn is_held(&self) -> bool {
        self.client.client().is_some()
    }

    /// Moves the deadline to `after` from now, by a new acquire of the same name.
    ///
    /// # Errors
    ///
    /// If the client cannot send the request. The deadline then stays as it is.
    pub fn extend(&self, after: Duration) -> Result<(), ExpiresError> {
        let Some(client) = self.client.client() else {
            return Ok(());
        };
        let sent = client.acquire(&self.scope, client.now().after(after));
        sent.map_err(|source| ExpiresError::Client { scope: self.scope.clone(), after, source })
    }

    /// Releases the timer now, with the error that a drop only counts.
    ///
    /// # Errors
    ///
    /// If the client failed.
    pub fn release(mut self) -> Result<(), ClientError> {
        match std::mem::replace(&mut self.client, Held::Nothing).client() {
            Some(client) => client.release(&self.scope),
            None => Ok(()),
        }
    }
}

impl Drop for Expires<'_> {
    fn drop(&mut self) {
        let Some(client) = self.client.client() else {
            return;
        };
        let released = catch_unwind(AssertUnwindSafe(|| client.release(&self.scope)));
        if !matches!(released, Ok(Ok(()))) {
            FAILED_RELEASES.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Expires<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expires").field("scope", &self.scope).field("is_held", &self.is_held()).finish_non_exhaustive()
    }
}
