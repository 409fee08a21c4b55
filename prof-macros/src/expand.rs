//! The code that comes out: the user's function, with one static, one guard, and the user's block in it.
//!
//! Every local is hygienic (`mixed_site`), items stand in a block of their own so that the body cannot see them, paths
//! are absolute, and whatever a function of `prof_runtime::__private` can do is done there.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use crate::args::{Args, Predicate};
use crate::function::Function;
use crate::params::{capture_self, is_called, take_over};
use crate::returns::{self, Kind};

/// The first local of every expansion starts with this; a second attribute on the same function sees it and stands back.
pub(crate) const MARK: &str = "__prof_";

/// The annotated function.
pub(crate) fn function(args: &Args, mut function: Function) -> TokenStream {
    if function.body.is_annotated() {
        return function.into_token_stream();
    }
    let code = Expansion::new(args, &function);
    let leaves_early = function.body.may_leave_early();
    let statements = if code.kind == Kind::Never {
        code.diverging(&function)
    } else if code.is_async && leaves_early {
        code.in_async_block(&mut function)
    } else if leaves_early && code.is_judged() && !tracks_caller(&function) {
        code.in_closure(&mut function)
    } else {
        code.in_place(&function, leaves_early)
    };
    let inner_attrs = &function.body.inner_attrs;
    let mut block = Group::new(Delimiter::Brace, quote!(#inner_attrs #statements));
    // As the body of the function, for messages about the function's end and for coverage.
    block.set_span(function.body.block.span());
    let Function { attrs, vis, defaultness, signature, .. } = &function;
    quote!(#(#attrs)* #vis #defaultness #signature #block)
}

fn tracks_caller(function: &Function) -> bool {
    function.attrs.iter().any(|attr| is_called(attr, "track_caller"))
}

/// What the different shapes of expansion share.
struct Expansion<'a> {
    args: &'a Args,
    is_async: bool,
    kind: Kind,
    /// The path of `prof_runtime::__private`.
    private: TokenStream,
    /// The return type, with `_` for every `impl Trait`.
    output: syn::Type,
    output_is_erased: bool,
    /// An expression of type `&'static Callsite`.
    site: TokenStream,
}

impl<'a> Expansion<'a> {
    fn new(args: &'a Args, function: &Function) -> Self {
        let signature = &function.signature;
        let private = args.private();
        let (output, output_is_erased) = returns::erased(&signature.output);
        let is_async = signature.asyncness.is_some();
        let kind = match returns::kind(&signature.output, &signature.generics) {
            // The call of an `async fn` ends when it hands out the future, whoever awaits that.
            Kind::ImplFuture | Kind::BoxedFuture if is_async => Kind::Plain,
            kind => kind,
        };
        let site = site(args, &signature.ident, &private);
        Self { args, is_async, kind, private, output, output_is_erased, site }
    }

    /// Whether it matters what is returned. Only a closure sees what `return` and `?` return; it is used where that
    /// matters and only there, because `Location::caller()` and backtraces can tell it from the plain function.
    fn is_judged(&self) -> bool {
        matches!(self.kind, Kind::MayFail | Kind::ImplFuture | Kind::BoxedFuture) || self.args.predicate.is_some()
    }

    /// ```text
    /// // Input:
    /// fn add(a: i32, b: i32) -> i32 { a + b }
    /// // Output:
    /// fn add(a: i32, b: i32) -> i32 {
    ///     let __prof_call = private::enter({ … &SITE });
    ///     let ret: i32 = '_body: { a + b };
    ///     return private::finish(__prof_call, ret);
    /// }
    /// ```
    ///
    /// The value is bound before the call is finished, so that the temporaries of the tail expression are gone when a
    /// handler runs. The label keeps `unused_braces` from firing on a body of one expression.
    fn in_place(&self, function: &Function, leaves_early: bool) -> TokenStream {
        let Self { private, output, site, .. } = self;
        let block = &function.body.block;
        let finish = self.finish();
        let enter = match leaves_early {
            true => syn::Ident::new("enter_early", Span::mixed_site()),
            false => self.enter(),
        };
        let ty = match self.kind {
            // A type annotation `_` is one too many for some lints.
            Kind::ImplFuture | Kind::Plain if matches!(output, syn::Type::Infer(_)) => None,
            _ => Some(quote_spanned!(Span::mixed_site()=> : #output)),
        };
        quote_spanned! {Span::mixed_site()=>
            let __prof_call = #private::#enter(#site);
            let ret #ty = '_body: #block;
            #[allow(unreachable_code)]
            { return #finish; }
        }
    }

    /// ```text
    /// // Input:
    /// fn parse(text: &str, mut rest: Vec<u8>) -> io::Result<u8> { … text.parse()? … }
    /// // Output:
    /// fn parse(text: &str, rest′: Vec<u8>) -> io::Result<u8> {
    ///     let __prof_call = private::enter({ … &SITE });
    ///     let ret = private::once(move || -> io::Result<u8> { let mut rest = rest′; '_body: { … text.parse()? … } })();
    ///     return { use private::Finish as _; (&&&&private::probe(&ret)).finish(__prof_call, ret) };
    /// }
    /// ```
    fn in_closure(&self, function: &mut Function) -> TokenStream {
        let Self { private, output, site, .. } = self;
        let block = self.owned_block(function);
        let output = match self.output_is_erased {
            // A closure cannot name `_` inside its return type's path everywhere; the hint in the block does.
            true => None,
            false => Some(quote_spanned!(Span::mixed_site()=> -> #output)),
        };
        let finish = self.finish();
        quote_spanned! {Span::mixed_site()=>
            let __prof_call = #private::enter(#site);
            let ret = #private::once(move || #output #block)();
            #[allow(unreachable_code)]
            { return #finish; }
        }
    }

    /// ```text
    /// // Input:
    /// async fn load(id: Id) -> Result<Row, Error> { … find(id).await? … }
    /// // Output:
    /// async fn load(id′: Id) -> Result<Row, Error> {
    ///     let __prof_call = private::enter_async({ … &SITE });
    ///     let ret = async move {
    ///         if false { let hint: Result<Row, Error> = private::never(); return hint; }
    ///         let id = id′;
    ///         '_body: { … find(id).await? … }
    ///     }.await;
    ///     return { use private::Judging as _; … };
    /// }
    /// ```
    ///
    /// The inner block owns the parameters, as rustc has it for `async fn`: the future stays `Send` where a parameter
    /// is `Send` but not `Sync`.
    fn in_async_block(&self, function: &mut Function) -> TokenStream {
        let Self { private, site, .. } = self;
        let block = self.owned_block(function);
        let finish = self.finish();
        quote_spanned! {Span::mixed_site()=>
            let __prof_call = #private::enter_async(#site);
            let ret = async move #block.await;
            #[allow(unreachable_code)]
            { return #finish; }
        }
    }

    /// A function that never returns can only unwind or be cancelled, which the guard sees.
    fn diverging(&self, function: &Function) -> TokenStream {
        let Self { private, site, .. } = self;
        let block = &function.body.block;
        let enter = self.enter();
        quote_spanned! {Span::mixed_site()=>
            let __prof_call = #private::#enter(#site);
            '_body: #block
        }
    }

    /// The block of a closure or async block that owns the parameters.
    fn owned_block(&self, function: &mut Function) -> TokenStream {
        let Self { private, output, .. } = self;
        let captured = capture_self(&function.signature, function.body.mentions_self());
        let lets = take_over(&mut function.signature);
        let hint = (self.is_async || self.output_is_erased).then(|| {
            // Tells inference the type before it meets the user's first `return`, and outside the user's scope.
            quote_spanned! {Span::mixed_site()=>
                if false {
                    let hint: #output = #private::never();
                    return hint;
                }
            }
        });
        let block = &function.body.block;
        match (hint, captured.is_empty() && lets.is_empty()) {
            (None, true) => block.to_token_stream(),
            (hint, _) => quote_spanned!(Span::mixed_site()=> { #hint #captured #lets '_body: #block }),
        }
    }

    /// The function that begins a call which leaves by its end, or by unwinding.
    fn enter(&self) -> syn::Ident {
        let name = if self.is_async { "enter_async" } else { "enter" };
        syn::Ident::new(name, Span::mixed_site())
    }

    /// The expression that finishes the call and gives `ret` back.
    fn finish(&self) -> TokenStream {
        let private = &self.private;
        let span = Span::mixed_site();
        let (judged, lazy, predicate) = match &self.args.predicate {
            Some(Predicate::Ok(predicate)) => ("finish_ok_if", "lazy_ok_if", Some(predicate)),
            Some(Predicate::Err(predicate)) => ("finish_err_if", "lazy_err_if", Some(predicate)),
            None => ("", "", None),
        };
        let by = |function: &str| {
            let function = syn::Ident::new(function, span);
            quote_spanned!(span=> #private::#function(__prof_call, ret, #predicate))
        };
        match (self.kind, predicate) {
            (Kind::ImplFuture, Some(_)) => by(lazy),
            (Kind::BoxedFuture, Some(_)) => {
                let lazy = by(lazy);
                quote_spanned!(span=> #private::pin(#lazy))
            }
            (_, Some(_)) => by(judged),
            (Kind::ImplFuture, None) => quote_spanned! {span=> {
                use #private::Judging as _;
                let judge = (&&#private::probe_output(&ret)).judge();
                #private::lazy(__prof_call, ret, judge)
            }},
            (Kind::MayFail, None) if self.is_async => quote_spanned! {span=> {
                use #private::Judging as _;
                let judge = (&&#private::probe(&ret)).judge();
                #private::finish_judged(__prof_call, ret, judge)
            }},
            (Kind::MayFail | Kind::BoxedFuture, None) => quote_spanned! {span=> {
                use #private::Finish as _;
                (&&&&#private::probe(&ret)).finish(__prof_call, ret)
            }},
            (Kind::Plain | Kind::Never, None) => quote_spanned!(span=> #private::finish(__prof_call, ret)),
        }
    }
}

/// The block that declares the call site, registers it, and evaluates to a reference to it.
///
/// `__prof_path` names itself, because a type name is the only way to learn, from inside a method, which type it is on.
fn site(args: &Args, ident: &syn::Ident, private: &TokenStream) -> TokenStream {
    let name = syn::ext::IdentExt::unraw(ident).to_string();
    let with_name = args.name.as_ref().map(|name| quote!(.with_name(#name)));
    let with_group = args.group.as_ref().map(|group| quote!(.with_group(#group)));
    let line = quote_spanned!(ident.span()=> ::core::line!());
    quote_spanned! {Span::mixed_site()=> {
        fn __prof_path() -> #private::Text { #private::type_name_of_val(&__prof_path) }
        static __PROF_SITE: #private::Callsite =
            #private::Callsite::new(#name, __prof_path, ::core::module_path!(), ::core::file!(), #line)
                #with_name #with_group;
        #private::inventory::submit! { &__PROF_SITE }
        &__PROF_SITE
    }}
}
