//! What can be wrong with what should be started.

use std::error::Error;
use std::fmt;

use crate::base::text::Foreign;

/// Why nothing was started.
///
/// `Debug` is the same text as `Display`: it is what a `main` that returns the error prints.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// The part has an address that is not Unicode. A path need not be, where the system's paths are bytes.
    #[error("`{part:.100}` is not Unicode, and only a path may be something else")]
    NotUnicode {
        /// The part, without what may be a secret, and with U+FFFD for what is not Unicode.
        part: Foreign<String>,
    },
    /// There is no such part.
    #[error("`{part:.100}` is not known; allowed are {allowed}")]
    Unknown {
        /// The part.
        part: Foreign<String>,
        /// Those that this program is compiled with.
        allowed: String,
    },
    /// There is such a part, but the program is compiled without it.
    #[error("`{part:.100}` needs the feature `{feature}` of prof-runtime; without it, allowed are {allowed}")]
    FeatureOff {
        /// The part.
        part: Foreign<String>,
        /// The cargo feature.
        feature: &'static str,
        /// Those that this program is compiled with.
        allowed: String,
    },
    /// The part needs an argument and has none, or has one and takes none.
    #[error("`{part:.100}` has to be written as {usage}")]
    Malformed {
        /// The part.
        part: Foreign<String>,
        /// How it is written.
        usage: &'static str,
    },
    /// The part is there twice.
    #[error("`{part:.100}` is listed twice")]
    Twice {
        /// The part.
        part: Foreign<String>,
    },
    /// `off` is there beside others.
    #[error("`off` stands alone, and `{part:.100}` is listed with it")]
    NotOff {
        /// One of the others.
        part: Foreign<String>,
    },
    /// The part is right, but could not be started.
    #[error("could not start `{part:.100}`: {:.1024}", Foreign(cause))]
    Start {
        /// The part.
        part: Foreign<String>,
        /// Why.
        cause: Box<dyn Error + Send + Sync>,
    },
}

impl fmt::Debug for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
