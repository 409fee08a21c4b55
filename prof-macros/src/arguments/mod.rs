//! The arguments of the attributes, read and checked with the feature `enabled` and without it.
//!
//! This room uses `tokens` alone.

mod duration;
pub(crate) mod expires;
pub(crate) mod input;
mod keys;
mod literal;
pub(crate) mod mistake;
mod objective;
pub(crate) mod prof;

pub(crate) use self::objective::Objective;
