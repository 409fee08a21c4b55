//! The arguments of the attributes: read and checked, in a build with the feature `enabled` as in one without it.
//!
//! This room uses no other room and no dependency. With the feature, tokens are those of `proc_macro2`, which unit tests
//! can make; without it, they are the compiler's own.

mod duration;
pub(crate) mod expires;
pub(crate) mod input;
mod keys;
mod literal;
pub(crate) mod mistake;
mod objective;
pub(crate) mod prof;

pub(crate) use self::objective::Objective;
