//! What can be wrong with what should be started.

use std::error::Error;

use crate::text::Foreign;

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
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
    /// The part has to say where to, and does not, or must not, and does.
    #[error("`{part:.100}` is not complete: it is written {usage}")]
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
    #[error("could not start `{part:.100}`: {:.1024}", Foreign(source))]
    Start {
        /// The part.
        part: Foreign<String>,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}
