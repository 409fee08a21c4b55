//! Requests of clients: to hold a timer, or to release it.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::panic::Location;
use std::sync::Arc;

use crate::time::Timestamp;

/// An id of a worker: the number of a process, of a thread or of a job, or a string.
///
/// Implemented for every type with these bounds.
pub trait WorkerId: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static {}

impl<T: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static> WorkerId for T {}

/// The number of a process. Unchecked: a reaper decides whether it may be signaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub i32);

impl Pid {
    /// Returns the number of the calling process.
    ///
    /// ```
    /// use timer_watchdog::Pid;
    ///
    /// assert_eq!(Pid::current().0.cast_unsigned(), std::process::id());
    /// ```
    pub fn current() -> Self {
        Self(std::process::id().cast_signed())
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a scope. A worker and a scope name one timer.
///
/// Any text, even an empty one. A clone does not allocate.
///
/// # Examples
///
/// ```
/// use timer_watchdog::ScopeId;
///
/// let copied = ScopeId::from(String::from("load"));
/// assert_eq!(copied, ScopeId::from("load"));
/// assert_eq!(copied.as_str(), "load");
/// ```
#[derive(Clone)]
pub struct ScopeId(Text);

#[derive(Clone)]
enum Text {
    Fixed(&'static str),
    Shared(Arc<str>),
}

impl ScopeId {
    /// Returns the scope with the name `file:line` of a place in the source.
    pub fn from_place(place: &Location<'_>) -> Self {
        Self::from(format!("{}:{}", place.file(), place.line()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Fixed(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl From<&'static str> for ScopeId {
    fn from(text: &'static str) -> Self {
        Self(Text::Fixed(text))
    }
}

impl From<String> for ScopeId {
    fn from(text: String) -> Self {
        Self(Text::Shared(text.into()))
    }
}

impl From<Arc<str>> for ScopeId {
    fn from(text: Arc<str>) -> Self {
        Self(Text::Shared(text))
    }
}

impl PartialEq for ScopeId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ScopeId {}

impl PartialOrd for ScopeId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ScopeId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for ScopeId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        // `Borrow<str>` requires the hash of `str`.
        self.as_str().hash(state);
    }
}

impl Borrow<str> for ScopeId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for ScopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for ScopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// Hold the timer until `expiration`. It replaces an earlier timer of the same name.
    Acquire {
        /// The deadline.
        expiration: Timestamp,
    },
    /// Release the timer. Does nothing if there is no such timer.
    Release,
}

/// One request of a client. Equal by value.
///
/// # Examples
///
/// ```
/// use timer_watchdog::{Timestamp, TimerRequest};
///
/// let deadline = Timestamp::from_nanos(5);
/// let request = TimerRequest::acquire(7, "load", deadline);
/// assert_eq!(request, TimerRequest::acquire(7, String::from("load"), deadline));
/// assert_ne!(request, TimerRequest::release(7, "load"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TimerRequest<W = Pid> {
    /// The worker whose timer it is.
    pub worker_id: W,
    /// The scope that the timer is for.
    pub scope_id: ScopeId,
    /// What it asks for.
    pub kind: RequestKind,
}

impl<W> TimerRequest<W> {
    /// Returns the request to hold a timer until `expiration`.
    pub fn acquire(worker_id: W, scope_id: impl Into<ScopeId>, expiration: Timestamp) -> Self {
        Self { worker_id, scope_id: scope_id.into(), kind: RequestKind::Acquire { expiration } }
    }

    /// Returns the request to release a timer.
    pub fn release(worker_id: W, scope_id: impl Into<ScopeId>) -> Self {
        Self { worker_id, scope_id: scope_id.into(), kind: RequestKind::Release }
    }

    /// Returns the deadline of an acquire.
    pub const fn expiration(&self) -> Option<Timestamp> {
        match self.kind {
            RequestKind::Acquire { expiration } => Some(expiration),
            RequestKind::Release => None,
        }
    }
}
