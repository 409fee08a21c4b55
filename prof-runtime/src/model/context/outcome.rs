//! How an entry of a context ended.

use std::{
    any::{Any, type_name},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::base::panics::discard;

/// Why the work inside of a context failed: [`ContextRecord::error`](super::ContextRecord::error).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "kind", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ContextFailure {
    /// It returned an error, or [`ContextGuard::fail`](crate::ContextGuard::fail) was called with one.
    Error {
        /// The error's type, as [`type_name`] writes it: for people, and not stable.
        type_name: &'static str,
        /// The text that the error displays.
        message: String,
    },
    /// It panicked.
    Panic {
        /// The panic's message, if it is a string and could be seen: a guard that is dropped by the unwinding cannot
        /// see it, [`run`](crate::MetricsContext::run) and [`run_async`](crate::MetricsContext::run_async) can.
        message: Option<String>,
    },
    /// Its future was dropped before it had finished.
    Cancelled,
}

impl ContextFailure {
    /// Describes an error by its type and its text. An error that panics while it displays is described as such.
    pub fn from_error<E: fmt::Display + ?Sized>(error: &E) -> Self {
        let displayed = catch_unwind(AssertUnwindSafe(|| error.to_string()));
        let message = displayed.unwrap_or_else(|payload| {
            discard(payload);
            "(displaying the error panicked)".to_owned()
        });
        Self::Error { type_name: type_name::<E>(), message }
    }

    /// Describes a panic by its payload.
    pub(crate) fn from_panic(payload: &(dyn Any + Send)) -> Self {
        Self::Panic { message: panic_message(payload).map(str::to_owned) }
    }
}

impl fmt::Display for ContextFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error { message, .. } => f.write_str(message),
            Self::Panic { message: Some(message) } => write!(f, "panicked: {message}"),
            Self::Panic { message: None } => f.write_str("panicked"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// Returns the message of a panic whose payload is a string, as `panic!` makes it.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> Option<&str> {
    let literal = payload.downcast_ref::<&'static str>().copied();
    literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// A result that can tell whether the work inside of a context failed.
///
/// Implemented for `Result` (an `Err` is a failure), `Option` and `()` (never one). Implement it for a type of your own
/// to run code that returns it.
///
/// # Examples
///
/// ```
/// use prof_runtime::context::{ContextFailure, ContextOutcome, MetricsContext};
///
/// struct Status(u16);
///
/// impl ContextOutcome for Status {
///     fn failure(&self) -> Option<ContextFailure> {
///         (self.0 >= 500).then(|| ContextFailure::from_error(&self.0))
///     }
/// }
///
/// let (records, reported) = std::sync::mpsc::channel();
/// let ctx = MetricsContext::new(move |record| records.send(record).unwrap());
/// assert_eq!(ctx.run(|_| Status(503)).0, 503);
/// assert_eq!(reported.recv().unwrap().error.unwrap().to_string(), "503");
/// assert_eq!(ctx.run(|_| Status(200)).0, 200);
/// assert_eq!(reported.recv().unwrap().error, None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not tell whether the work inside of a context failed",
    note = "return a `Result`, an `Option` or `()`, or enter with `ctx.enter()` and return anything"
)]
pub trait ContextOutcome {
    /// Returns why the work failed, or `None` if it did not. If this panics, the failure is that panic.
    fn failure(&self) -> Option<ContextFailure>;
}

impl ContextOutcome for () {
    fn failure(&self) -> Option<ContextFailure> {
        None
    }
}

impl<T> ContextOutcome for Option<T> {
    fn failure(&self) -> Option<ContextFailure> {
        None
    }
}

impl<T, E: fmt::Display> ContextOutcome for Result<T, E> {
    fn failure(&self) -> Option<ContextFailure> {
        self.as_ref().err().map(ContextFailure::from_error)
    }
}

/// Returns the failure of a user's result. Catches a panic of the user's code, which then is the failure.
pub(crate) fn failure_of(result: &impl ContextOutcome) -> Option<ContextFailure> {
    catch_unwind(AssertUnwindSafe(|| result.failure())).unwrap_or_else(|payload| {
        let failure = ContextFailure::from_panic(payload.as_ref());
        discard(payload);
        Some(failure)
    })
}
