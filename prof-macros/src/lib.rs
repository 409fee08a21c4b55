//! The attributes behind `prof_runtime::prof` and `timer_watchdog::expires`.
//!
//! Depend on those crates, which document the attributes; this one only generates code. It has these rooms, each of
//! which uses only those before it: `tokens` and `arguments` read what the attributes are given, `disabled` is the
//! attributes in a build without the feature `enabled`, `parse` takes the annotated item apart, `expand` generates the
//! code, `prof` and `expires` are the two attributes.
//!
//! # Features
//!
//! `enabled`, on by default, brings the attributes that generate code, and `syn` and `quote`. `prof_runtime` and
//! `timer_watchdog` turn it on with their own feature of this name. Without it, the crate has no dependency.

// A build without the attributes checks values that it does not use.
#[cfg_attr(not(feature = "enabled"), allow(dead_code))]
mod arguments;
mod disabled;
#[cfg(feature = "enabled")]
mod expand;
#[cfg(feature = "enabled")]
mod expires;
#[cfg(feature = "enabled")]
mod parse;
#[cfg(feature = "enabled")]
mod prof;
mod tokens;

use proc_macro::TokenStream;

#[cfg(feature = "enabled")]
#[allow(missing_docs)] // They stand at its re-export, `prof_runtime::prof`, where examples can run.
#[proc_macro_attribute]
pub fn prof(args: TokenStream, item: TokenStream) -> TokenStream {
    prof::annotate(args.into(), &item.into()).into()
}

/// Gives every call of the annotated function a timer.
///
/// Documented at its re-export, `timer_watchdog::expires`.
#[cfg(feature = "enabled")]
#[proc_macro_attribute]
pub fn expires(args: TokenStream, item: TokenStream) -> TokenStream {
    expires::annotate(args.into(), &item.into()).into()
}

/// `prof_runtime::prof` in a build without the feature `enabled` of that crate: checks its arguments, and returns the
/// item.
#[allow(clippy::useless_conversion)] // It converts in a build with dependencies.
#[proc_macro_attribute]
pub fn prof_disabled(args: TokenStream, item: TokenStream) -> TokenStream {
    disabled::prof(args.into(), item.into()).into()
}

/// `timer_watchdog::expires` in a build without the feature `enabled` of that crate: checks its arguments, and returns
/// the item.
#[allow(clippy::useless_conversion)] // It converts in a build with dependencies.
#[proc_macro_attribute]
pub fn expires_disabled(args: TokenStream, item: TokenStream) -> TokenStream {
    disabled::expires(args.into(), item.into()).into()
}
