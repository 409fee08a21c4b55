//! The annotated item, taken apart: how it starts, its attributes, its signature, and its body as the user's tokens.
//!
//! This room uses `tokens` and `arguments`.

mod arguments;
pub(crate) mod attribute;
mod body;
pub(crate) mod condition;
mod edition_2015;
pub(crate) mod error;
mod function;
pub(crate) mod parameter;
pub(crate) mod returns;
pub(crate) mod start;

pub(crate) use self::arguments::arguments;
pub(crate) use self::body::Body;
pub(crate) use self::function::{Ending, Function, Parsed, take_until_body};
