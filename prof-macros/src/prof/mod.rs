//! `#[prof]`: measures every call of a function, or of the functions of a block.
//!
//! This room uses `arguments`, `parse` and `expand`.

mod block;
#[cfg(test)]
mod golden;
mod item;

pub(crate) use self::item::annotate;
