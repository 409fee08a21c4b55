//! The attributes behind `prof_runtime::prof` and `timer_watchdog::expires`.
//!
//! Depend on those crates, which document the attributes; this one only generates code. Its parts, in the order of a
//! call: [`args`] what the attribute was given, [`item`] what it stands on, [`function`] one function taken apart,
//! [`returns`], [`params`] and [`body`] its pieces, [`expand`] the code that comes out, [`block`] whole blocks of functions.

mod args;
mod block;
mod body;
mod expand;
mod function;
#[cfg(test)]
mod golden;
mod item;
mod params;
mod returns;

use proc_macro::TokenStream;

/// Measures every call of the annotated function, or of the functions in the annotated block.
///
/// Documented at its re-export, `prof_runtime::prof`.
#[proc_macro_attribute]
pub fn prof(args: TokenStream, item: TokenStream) -> TokenStream {
    item::annotate(args.into(), &item.into()).into()
}
