//! What every room stands on: clocks, locks, threads, text for messages, and the C library. Knows nothing of metrics,
//! and uses no other room.

pub(crate) mod background;
pub(crate) mod bound;
pub(crate) mod clock;
pub(crate) mod exit;
pub(crate) mod failing;
#[cfg(feature = "json")]
pub(crate) mod files;
pub(crate) mod forks;
mod locks;
pub(crate) mod panics;
pub(crate) mod partial_write;
pub(crate) mod reentrancy;
#[cfg(feature = "serde")]
pub(crate) mod serialized;
pub(crate) mod stderr;
pub(crate) mod sync;
pub(crate) mod sys;
pub(crate) mod table;
pub mod text;

pub use self::locks::Locked;
pub(crate) use self::locks::lock;
pub(crate) use self::reentrancy::{inside, is_inside, is_scoped, unless_inside};
