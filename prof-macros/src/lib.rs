//! The attributes behind `prof_runtime::prof` and `timer_watchdog::expires`.
//!
//! Depend on those crates, which document the attributes; this one only generates code. Its parts, in the order of a
//! call: `args` what the attribute was given, `item` what it stands on, `attributes` what else stands there, `function`
//! one function taken apart, `returns`, `params` and `body` its pieces, `expand` the code that comes out in the `shape`s
//! that the two attributes share, `block` whole blocks of functions. `expires` is the other attribute, whole.

mod args;
mod attributes;
mod block;
mod body;
mod duration;
mod edition_2015;
mod expand;
mod expires;
mod function;
#[cfg(test)]
mod golden;
mod item;
mod keys;
mod mistake;
mod objective;
mod params;
mod returns;
mod shape;

use proc_macro::TokenStream;

#[allow(missing_docs)] // They stand at its re-export, `prof_runtime::prof`, where examples can run.
#[proc_macro_attribute]
pub fn prof(args: TokenStream, item: TokenStream) -> TokenStream {
    item::annotate(args.into(), &item.into()).into()
}

/// Gives every call of the annotated function a timer.
///
/// Documented at its re-export, `timer_watchdog::expires`.
#[proc_macro_attribute]
pub fn expires(args: TokenStream, item: TokenStream) -> TokenStream {
    expires::annotate(args.into(), &item.into()).into()
}
