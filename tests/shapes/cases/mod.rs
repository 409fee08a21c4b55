//! The cases that compile in every edition.

mod arguments;
mod attributes;
mod blocks;
mod futures;
mod hygiene;
mod inference;
mod language;
mod macros;
mod names;
mod outcomes;
mod parameters;
mod signatures;
mod traits;
