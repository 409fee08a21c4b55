//! The cases that compile in every edition.

mod arguments;
mod attributes;
mod blocks;
mod conditional;

mod followed;
mod futures;
mod hygiene;
mod inference;
mod language;
mod macros;
mod names;
mod outcomes;
mod parameters;
mod shadowing;
mod signatures;
mod traits;
