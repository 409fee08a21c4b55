//! How a call ended, and which values count as a failure.

use std::fmt;

/// How a finished call ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[repr(u8)]
pub enum Outcome {
    /// The call returned a value that is not a failure.
    Success,
    /// The call returned a failure: an `Err`, a [`Fallible`] value that is a failure, or a value that the attribute's
    /// `ok` or `err` predicate calls a failure.
    Failure,
    /// The call unwound.
    Panic,
    /// The call was a future that was dropped after its first poll and before its end.
    Cancelled,
}

impl Outcome {
    /// Every outcome, in the order in which reports list them.
    pub const ALL: [Self; 4] = [Self::Success, Self::Failure, Self::Panic, Self::Cancelled];

    /// Returns the outcome in lower case: `success`, `failure`, `panic` or `cancelled`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Panic => "panic",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns the place of the outcome in [`ALL`](Self::ALL).
    #[cfg(feature = "enabled")]
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A return type whose values can be failures.
///
/// `Result` implements it; implement it for types of your own. Calls of a function that returns any other type succeed,
/// panic or are cancelled, and never fail. The attribute sees the type, not its spelling: it recognizes an alias and a
/// type that is re-exported under another name.
///
/// The attribute does not see the type behind a type parameter: a call of a generic `fn pass<T>(value: T) -> T` that
/// returns counts as a success for every `T`.
///
/// # Panics
///
/// A panic in `is_failure` does not reach the annotated function; the call counts as a success. A line on stderr
/// reports the first, the tenth, the hundredth panic and so on.
///
/// # Examples
///
/// ```
/// use prof_runtime::{Fallible, MemoryHandler, prof, scoped};
///
/// struct Response { status: u16 }
///
/// impl Fallible for Response {
///     fn is_failure(&self) -> bool { self.status >= 500 }
/// }
///
/// #[prof(name = "answer")]
/// fn answer(status: u16) -> Response { Response { status } }
///
/// let memory = MemoryHandler::new();
/// let _scope = scoped(memory.clone());
/// answer(404);
/// answer(503);
/// assert_eq!(memory.count("answer.success"), 1);
/// assert_eq!(memory.count("answer.failure"), 1);
/// ```
pub trait Fallible {
    /// Returns whether this value says that the call failed.
    fn is_failure(&self) -> bool;
}

impl<T, E> Fallible for Result<T, E> {
    fn is_failure(&self) -> bool {
        self.is_err()
    }
}
