//! One function, expanded: its signature and its body decide the shape.
//!
//! Every local is hygienic (`mixed_site`). Items stand in a block of their own, so that the body cannot see them. Paths
//! are absolute. The generated code does nothing that a function of `prof_runtime::__private` can do.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};

use super::params::{capture_self, take_over};
use super::shape;
use super::site::{private, site};
use crate::arguments::prof::{Args, Predicate};
use crate::parse::Function;
use crate::parse::attribute::{has_macro, is_called};
use crate::parse::returns::{self, Kind};

/// The annotated function. Another macro may read it, if one stands on the function, or if `is_read_by_macro` is set
/// because one stands on a block around it.
pub(crate) fn function(args: &Args, mut function: Function, is_read_by_macro: bool) -> TokenStream {
    if function.body.is_annotated() {
        return function.into_token_stream();
    }
    let code = Expansion::new(args, &function, is_read_by_macro);
    let leaves_early = function.body.may_leave_early();
    let statements = match (code.is_async, code.kind) {
        _ if code.has_tail() => {
            let enter = code.enter(match (code.is_async, code.kind) {
                (true, _) => "enter_async",
                // The call can only unwind, and the guard sees that.
                (false, Kind::Never) => "enter",
                (false, _) => "enter_early",
            });
            shape::guarded(&enter, &function.body)
        }
        (true, _) if leaves_early => code.in_async_block(&mut function),
        (false, _) if leaves_early && code.can_use_a_closure(&function) => code.in_closure(&mut function),
        _ => code.in_place(&function, leaves_early),
    };
    shape::with_statements(&function, &statements)
}

/// The values that all shapes share.
struct Expansion<'a> {
    args: &'a Args,
    kind: Kind,
    is_async: bool,
    /// The path of `prof_runtime::__private`.
    private: TokenStream,
    /// The return type, with `_` for every `impl Trait`.
    output: syn::Type,
    output_is_erased: bool,
    /// An expression of type `&'static Callsite`.
    site: TokenStream,
    /// Whether another macro may read the generated function.
    is_read_by_macro: bool,
}

impl<'a> Expansion<'a> {
    fn new(args: &'a Args, function: &Function, is_read_by_macro: bool) -> Self {
        let signature = &function.signature;
        let private = private(args);
        let (output, output_is_erased) = returns::erased(&signature.output);
        let kind = match returns::kind(&signature.output, &signature.generics) {
            // The call of an `async fn` ends when it returns the future; the await of that is not part of it.
            Kind::ImplFuture | Kind::BoxedFuture if signature.asyncness.is_some() => Kind::Plain,
            kind => kind,
        };
        let site = site(args, &signature.ident, &private);
        let is_async = signature.asyncness.is_some();
        // A signature of edition 2015 stays as it is written, too.
        let is_read_by_macro = is_read_by_macro || has_macro(&function.attrs) || function.original.is_some();
        Self { args, kind, is_async, private, output, output_is_erased, site, is_read_by_macro }
    }

    /// The statement that begins the call, by a function of the private module.
    fn enter(&self, function: &str) -> TokenStream {
        let Self { private, site, .. } = self;
        // A call of a future has one type, whether it is timed or not.
        let is_sampled = self.args.sample.is_some() && !self.is_async;
        let sampled = if is_sampled { "_sampled" } else { "" };
        let function = syn::Ident::new(&format!("{function}{sampled}"), Span::mixed_site());
        quote_spanned!(Span::mixed_site()=> let __prof_call = #private::#function(#site);)
    }

    /// Whether the body becomes a closure, which sees the values of `return` and `?`. Where these values do not matter
    /// it does not, because `Location::caller()` and backtraces show the closure.
    fn can_use_a_closure(&self, function: &Function) -> bool {
        let judged =
            matches!(self.kind, Kind::MayFail | Kind::ImplFuture | Kind::BoxedFuture) || self.args.predicate.is_some();
        let tracks_caller = function.attrs.iter().any(|attr| is_called(attr, "track_caller"));
        judged && !tracks_caller && !function.body.may_become_another()
    }

    /// Whether the body stays at the end of the function, because nothing has to see its value: there is none, or it
    /// cannot be a failure and has a type that only the function can name.
    fn has_tail(&self) -> bool {
        let is_opaque = self.kind == Kind::Plain && self.output_is_erased && self.args.predicate.is_none();
        self.kind == Kind::Never || (is_opaque && !self.is_async)
    }

    /// ```text
    /// // Input:
    /// fn add(a: i32, b: i32) -> i32 { a + b }
    /// // Output:
    /// fn add(a: i32, b: i32) -> i32 {
    ///     let __prof_call = private::enter({ … &SITE });
    ///     let __prof_value: private::Is<i32> = match () { () => { a + b } };
    ///     return private::finish(__prof_call, __prof_value);
    /// }
    /// ```
    fn in_place(&self, function: &Function, leaves_early: bool) -> TokenStream {
        let output = &self.output;
        let enter = self.enter(match (self.is_async, leaves_early) {
            (true, _) => "enter_async",
            // An early return drops the call, which must not be taken for a panic.
            (false, true) => "enter_early",
            (false, false) => "enter",
        });
        shape::in_place(&enter, &self.private, output, &function.body.block, &self.finish(), self.is_read_by_macro)
    }

    /// ```text
    /// // Input:
    /// fn parse(text: &str, mut rest: Vec<u8>) -> io::Result<u8> { … text.parse()? … }
    /// // Output:
    /// fn parse(text: &str, mut rest: Vec<u8>) -> io::Result<u8> {
    ///     let __prof_call = private::enter({ … &SITE });
    ///     let __prof_value = private::once::<io::Result<u8>, _>(move || {
    ///         let _ = &mut rest;
    ///         let mut rest = rest;
    ///         { … text.parse()? … }
    ///     })();
    ///     return private::finish_by_type!(__prof_call, __prof_value);
    /// }
    /// ```
    fn in_closure(&self, function: &mut Function) -> TokenStream {
        let Self { private, output, .. } = self;
        let enter = self.enter("enter");
        let block = self.owned_block(function);
        let end = shape::give_back(&self.finish(), self.is_read_by_macro);
        quote_spanned! {Span::mixed_site()=>
            #enter
            let __prof_value = #private::once::<#output, _>(move || #block)();
            #end
        }
    }

    /// ```text
    /// // Input:
    /// async fn load(id: Id) -> Result<Row, Error> { … fetch(id).await? … }
    /// // Output:
    /// async fn load(id: Id) -> Result<Row, Error> {
    ///     let __prof_call = private::enter_async({ … &SITE });
    ///     let __prof_value = async move {
    ///         if false { return private::never::<Result<Row, Error>>(); }
    ///         let id = id;
    ///         { … fetch(id).await? … }
    ///     }.await;
    ///     return …;
    /// }
    /// ```
    fn in_async_block(&self, function: &mut Function) -> TokenStream {
        let enter = self.enter("enter_async");
        let block = self.owned_block(function);
        let end = shape::give_back(&self.finish(), self.is_read_by_macro);
        quote_spanned! {Span::mixed_site()=>
            #enter
            let __prof_value = async move #block.await;
            #end
        }
    }

    /// The block of a closure or async block that owns the parameters.
    fn owned_block(&self, function: &mut Function) -> TokenStream {
        let Self { private, output, .. } = self;
        let captured = capture_self(&function.signature, function.body.mentions_self());
        let lets = take_over(&mut function.signature, self.is_read_by_macro);
        let hint = self.is_async.then(|| {
            // Inference meets the type before the user's first `return`, and outside the user's scope.
            quote_spanned! {Span::mixed_site()=>
                if false {
                    return #private::never::<#output>();
                }
            }
        });
        let tail = function.body.as_tail();
        match (hint, captured.is_empty() && lets.is_empty()) {
            (None, true) => function.body.block.to_token_stream(),
            (hint, _) => quote_spanned!(Span::mixed_site()=> { #hint #captured #lets #tail }),
        }
    }

    /// The expression that finishes the call and gives the value back.
    fn finish(&self) -> TokenStream {
        let private = &self.private;
        let span = Span::mixed_site();
        let (judged, lazy, predicate) = match &self.args.predicate {
            Some(Predicate::Ok(predicate)) => ("finish_ok_if", "lazy_ok_if", Some(predicate)),
            Some(Predicate::Err(predicate)) => ("finish_err_if", "lazy_err_if", Some(predicate)),
            None => ("finish", "", None),
        };
        let by = |function: &str| {
            let function = syn::Ident::new(function, span);
            let predicate = predicate.map(|predicate| quote_spanned!(span=> , #predicate));
            quote_spanned!(span=> #private::#function(__prof_call, __prof_value #predicate))
        };
        match (self.kind, predicate) {
            (Kind::ImplFuture, Some(_)) => by(lazy),
            (Kind::BoxedFuture, Some(_)) => {
                let lazy = by(lazy);
                quote_spanned!(span=> #private::pin(#lazy))
            }
            (Kind::ImplFuture, None) => quote_spanned!(span=> #private::lazy_by_type!(__prof_call, __prof_value)),
            // A boxed future that an `async fn` returns is a value like any other.
            (Kind::MayFail, None) if self.is_async => {
                quote_spanned!(span=> #private::finish_value_by_type!(__prof_call, __prof_value))
            }
            (Kind::MayFail | Kind::BoxedFuture, None) => {
                quote_spanned!(span=> #private::finish_by_type!(__prof_call, __prof_value))
            }
            (Kind::Plain | Kind::Never, _) | (Kind::MayFail, Some(_)) => by(judged),
        }
    }
}
