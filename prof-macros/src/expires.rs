//! `#[expires("5s")]`: a timer for every call of a function.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error, Expr};

use crate::arguments::expires::{After, Args};
use crate::expand::shape;
use crate::parse::attribute::has_macro;
use crate::parse::condition::split;
use crate::parse::returns::{self, Kind};
use crate::parse::start::{Start, start};
use crate::parse::{Function, Parsed, error};

/// The annotated function; after a mistake, the errors and the unchanged item.
pub(crate) fn annotate(args: TokenStream, item: &TokenStream) -> TokenStream {
    let annotated = arguments(args)
        .and_then(|args| (|input: ParseStream<'_>| annotate_function(&args, input)).parse2(item.clone()));
    annotated.unwrap_or_else(|mistakes| {
        let errors = error::code(mistakes);
        quote!(#errors #item)
    })
}

fn arguments(tokens: TokenStream) -> syn::Result<Args> {
    let args = Args::parse(tokens)?;
    if let After::Expression(after) = &args.after {
        syn::parse2::<Expr>(after.clone())?;
    }
    Ok(args)
}

fn annotate_function(args: &Args, input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let attrs = input.call(Attribute::parse_outer)?;
    if let Some(split) = split(&attrs) {
        let item: TokenStream = input.parse()?;
        return Ok(split.annotate(&item, |attrs| {
            (|input: ParseStream<'_>| annotate_function(args, input)).parse2(quote!(#(#attrs)* #item))
        }));
    }
    if start(input) != Start::Function {
        return Err(Error::new(input.span(), "`#[expires]` gives calls a timer: expected a function"));
    }
    let Parsed::Defined(function) = Function::parse(attrs, input)? else {
        return Err(Error::new(input.span(), "`#[expires]` needs a body to watch: annotate the implementations"));
    };
    if let Some(constness) = &function.signature.constness {
        let message = "`#[expires]` cannot watch a `const fn`: it may run at compile time, where there is no clock";
        return Err(Error::new(constness.span, message));
    }
    if function.is_naked() {
        let message = "`#[expires]` cannot watch a naked function: no code can be added to it";
        return Err(Error::new(function.signature.ident.span(), message));
    }
    Ok(expand(args, &function))
}

/// The function with a guard in it. Unlike that of `#[prof]`, the guard need not see the returned value, so the body
/// never becomes a closure. A future holds the guard across its awaits.
fn expand(args: &Args, function: &Function) -> TokenStream {
    let runtime = args.runtime.clone().unwrap_or_else(|| quote_spanned!(Span::mixed_site()=> ::timer_watchdog));
    let private = quote_spanned!(Span::mixed_site()=> #runtime::__private);
    let after = match &args.after {
        After::Ns(ns) => quote_spanned!(Span::mixed_site()=> ::core::time::Duration::from_nanos(#ns)),
        After::Expression(after) => after.clone(),
    };
    let name = function.signature.ident.unraw().to_string();
    let path = quote_spanned!(Span::mixed_site()=> #private::concat!(#private::module_path!(), "::", #name));
    let scope = args.scope.as_ref().map_or(path, ToTokens::to_token_stream);
    let begin = quote_spanned!(Span::mixed_site()=> let __expires_timer = #private::expires(#scope, #after););
    let signature = &function.signature;
    let (output, is_erased) = returns::erased(&signature.output);
    let never_returns = returns::kind(&signature.output, &signature.generics) == Kind::Never;
    let statements = if never_returns || is_erased {
        shape::guarded(&begin, &function.body)
    } else {
        let end = quote_spanned!(Span::mixed_site()=> #private::release(__expires_timer, __prof_value));
        shape::in_place(&begin, &private, &output, &function.body.block, &end, has_macro(&function.attrs))
    };
    shape::with_statements(function, &statements)
}
