//! The generated code: the user's function with one static, one guard, and the user's block in it.
//!
//! This room uses `arguments` and `parse`.

mod function;
mod params;
pub(crate) mod shape;
mod site;

pub(crate) use self::function::function;
