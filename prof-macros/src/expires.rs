//! `#[expires("5s")]`: a timer for every call of a function.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error, Expr, Ident, LitStr, Path, Token};

use crate::attributes::{has_macro, split};
use crate::duration;
use crate::function::{Function, Parsed};
use crate::item::{self, Start};
use crate::mistake;
use crate::returns::{self, Kind};
use crate::shape;

/// Every key, in the order in which messages list them.
const ALLOWED: &str = "expected a duration such as `\"5s\"`, `after = …`, `scope = \"…\"` or `crate = …`";

/// What the attribute was given.
struct Args {
    /// An expression of type `Duration`.
    after: TokenStream,
    scope: Option<LitStr>,
    crate_path: Option<Path>,
}

/// The annotated function; after a mistake, its error and the item unchanged.
pub(crate) fn annotate(args: TokenStream, item: &TokenStream) -> TokenStream {
    let annotated = parse_args
        .parse2(args)
        .and_then(|args| (|input: ParseStream<'_>| annotate_function(&args, input)).parse2(item.clone()));
    annotated.unwrap_or_else(|error| {
        let error = mistake::code(error);
        quote!(#error #item)
    })
}

fn annotate_function(args: &Args, input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let attrs = input.call(Attribute::parse_outer)?;
    if let Some(split) = split(&attrs) {
        let item: TokenStream = input.parse()?;
        return Ok(split.annotate(&item, |attrs| {
            (|input: ParseStream<'_>| annotate_function(args, input)).parse2(quote!(#(#attrs)* #item))
        }));
    }
    if item::start(input) != Start::Function {
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

/// The guard stands in the function itself, whatever its shape: it need not see what is returned, and a future holds it
/// across its awaits.
fn expand(args: &Args, function: &Function) -> TokenStream {
    let crate_path = args.crate_path.as_ref().map(ToTokens::to_token_stream);
    let crate_path = crate_path.unwrap_or_else(|| quote_spanned!(Span::mixed_site()=> ::timer_watchdog));
    let private = quote_spanned!(Span::mixed_site()=> #crate_path::__private);
    let after = &args.after;
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

fn parse_args(input: ParseStream<'_>) -> syn::Result<Args> {
    let (mut after, mut scope, mut crate_path) = (None, None, None);
    while !input.is_empty() {
        let span = input.span();
        let twice = |key: &str| Error::new(span, format!("`{key}` is given twice"));
        if input.peek(LitStr) {
            replace(&mut after, parse_duration(&input.parse()?)?).then_some(()).ok_or_else(|| twice("after"))?;
        } else {
            let key = input.call(Ident::parse_any).map_err(|_| Error::new(span, ALLOWED))?;
            if !["after", "scope", "crate"].iter().any(|known| key == known) {
                return Err(Error::new(span, format!("unknown argument `{key}`: {ALLOWED}")));
            }
            input.parse::<Token![=]>().map_err(|_| Error::new(span, format!("`{key}` needs a value: `{key} = …`")))?;
            let is_first = match key.to_string().as_str() {
                "after" => replace(&mut after, parse_after(input)?),
                "scope" => replace(&mut scope, parse_scope(input)?),
                _ => replace(&mut crate_path, input.call(Path::parse_mod_style)?),
            };
            is_first.then_some(()).ok_or_else(|| twice(&key.to_string()))?;
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    let after = after.ok_or_else(|| Error::new(Span::call_site(), format!("no time is given: {ALLOWED}")))?;
    Ok(Args { after, scope, crate_path })
}

/// Puts a value into its place; returns whether the place was free.
fn replace<T>(place: &mut Option<T>, value: T) -> bool {
    place.replace(value).is_none()
}

fn parse_after(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    if input.peek(LitStr) {
        return parse_duration(&input.parse()?);
    }
    Ok(input.parse::<Expr>()?.to_token_stream())
}

fn parse_scope(input: ParseStream<'_>) -> syn::Result<LitStr> {
    let span = input.span();
    let scope: LitStr = input.parse().map_err(|_| Error::new(span, "`scope` must be a string literal"))?;
    match scope.value().is_empty() {
        true => Err(Error::new(scope.span(), "`scope` must not be empty")),
        false => Ok(scope),
    }
}

/// A duration as text, as nanoseconds that a `Duration` is made of where the attribute expands.
fn parse_duration(text: &LitStr) -> syn::Result<TokenStream> {
    let ns = duration::parse(text)?;
    Ok(quote_spanned!(Span::mixed_site()=> ::core::time::Duration::from_nanos(#ns)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(tokens: TokenStream) -> String {
        parse_args.parse2(tokens).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn arguments() {
        for good in
            [quote!("5s"), quote!(after = LIMIT), quote!(after = "5s", scope = "x", crate = a::b), quote!("1s",)]
        {
            assert!(parse_args.parse2(good.clone()).is_ok(), "{good}");
        }
        assert!(error(quote!()).starts_with("no time is given: expected a duration"));
        assert!(error(quote!("soon")).starts_with("`soon` is not a duration"));
        assert!(error(quote!(afetr = "5s")).starts_with("unknown argument `afetr`: expected a duration"));
        assert_eq!(error(quote!("5s", after = "6s")), "`after` is given twice");
        assert_eq!(error(quote!("5s", scope = "")), "`scope` must not be empty");
        assert_eq!(error(quote!("5s", scope)), "`scope` needs a value: `scope = …`");
    }
}
