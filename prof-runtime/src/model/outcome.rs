//! How a call ended, and which values count as a failure.

use std::fmt;

/// How a finished call ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[repr(u8)]
pub enum Outcome {
    /// It returned, and the value is not a failure.
    Success,
    /// It returned a failure: an `Err`, another [`Fallible`] value that says so, or one that the attribute's `ok` or
    /// `err` predicate says so of.
    Failure,
    /// It unwound.
    Panic,
    /// It was a future, and was dropped after its first poll and before it finished.
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
/// `Result` is one; so is any type of yours that you implement this for. An annotated function whose return type is
/// neither only ever succeeds, panics or is cancelled. The type is looked at, not its spelling: an alias, or a type
/// re-exported under another name, is recognised.
///
/// A type parameter cannot be looked into: a generic `fn pass<T>(value: T) -> T` counts as a success whatever `T` turns
/// out to be.
///
/// # Panics
///
/// A panic in `is_failure` does not reach the annotated function; the call counts as a success. One line on stderr says
/// so the first, the tenth, the hundredth time and so on.
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
