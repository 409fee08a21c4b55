//! Attribute macros that read the functions that they stand on, each as a kind of published ones does.
//! `tests/attributes` has some of those.

use proc_macro::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::punctuated::Punctuated;
use syn::visit_mut::VisitMut;
use syn::{
    Attribute, Error, Expr, ExprClosure, ExprReturn, FnArg, Ident, ImplItem, ImplItemFn, Item, ItemFn, LitStr, Pat,
    PatType, ReturnType, Signature, Token, TraitItem, Type, parse_macro_input,
};

/// Changes nothing. What comes before cannot know that.
#[proc_macro_attribute]
pub fn nothing(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Like `rstest`: makes a function `NAME_given` that calls the function with the arguments, which are for the
/// parameters that are marked `#[case]`; a parameter `#[fixed(…)]` says what it is given itself.
#[proc_macro_attribute]
pub fn given(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments with Punctuated<Expr, Token![,]>::parse_terminated);
    let mut function = parse_macro_input!(item as ItemFn);
    let mut arguments = arguments.iter();
    let mut values = Vec::new();
    for input in typed(&mut function.sig) {
        let helper = take(&mut input.attrs, |attr| attr.path().is_ident("case") || attr.path().is_ident("fixed"));
        let value = match helper {
            Some(attr) if attr.path().is_ident("fixed") => attr.parse_args::<Expr>().ok(),
            Some(_) => arguments.next().cloned(),
            None => None,
        };
        let Some(value) = value else { return error(&input.pat, "a parameter is not given a value") };
        values.push(value);
    }
    if arguments.next().is_some() {
        return error(&function.sig, "there are more arguments than parameters");
    }
    let (name, output, asyncness) = (&function.sig.ident, &function.sig.output, &function.sig.asyncness);
    let given = format_ident!("{name}_given");
    let awaited = asyncness.map(|_| quote!(.await));
    quote!(#function pub(crate) #asyncness fn #given() #output { #name(#(#values),*) #awaited }).into()
}

/// Like `cached`: evaluates code, written as text, that names the parameters, and then calls a function of the same
/// signature that has the body.
#[proc_macro_attribute]
pub fn keyed(key: TokenStream, item: TokenStream) -> TokenStream {
    let key = parse_macro_input!(key as LitStr);
    let mut function = parse_macro_input!(item as ItemFn);
    let Ok(key) = key.parse::<Expr>() else { return error(&key, "the key is no expression") };
    let mut names = Vec::new();
    for input in typed(&mut function.sig) {
        let Pat::Ident(pat) = &*input.pat else { return error(&input.pat, "a parameter has no name") };
        names.push(pat.ident.clone());
    }
    let ItemFn { attrs, vis, sig, block, .. } = &function;
    let mut origin = sig.clone();
    origin.ident = format_ident!("origin");
    let awaited = sig.asyncness.map(|_| quote!(.await));
    let block = quote! {{
        #[allow(unused_mut)]
        #origin #block
        ::prof_tests::note(&[("key", format!("{:?}", #key))]);
        origin(#(#names),*) #awaited
    }};
    quote!(#(#attrs)* #[allow(unused_mut)] #vis #sig #block).into()
}

/// Like `tracing::instrument`: notes every binding of the parameters that is not in the list of those to skip.
#[proc_macro_attribute]
pub fn noted(skip: TokenStream, item: TokenStream) -> TokenStream {
    let skip = parse_macro_input!(skip with Punctuated<Ident, Token![,]>::parse_terminated);
    // A method is as good: nothing here asks what the function is in.
    let mut function = parse_macro_input!(item as ImplItemFn);
    let mut names = Vec::new();
    typed(&mut function.sig).for_each(|input| bindings(&input.pat, &mut names));
    if let Some(unknown) = skip.iter().find(|name| !names.contains(name)) {
        return error(unknown, "there is no such parameter to skip");
    }
    names.retain(|name| !skip.iter().any(|skipped| skipped == name));
    let texts = names.iter().map(ToString::to_string);
    let block = &function.block;
    let block = syn::parse2(quote!({ ::prof_tests::note(&[#((#texts, format!("{:?}", #names))),*]); #block }));
    let Ok(block) = block else { return error(&function.sig, "the body is no block") };
    function.block = block;
    function.to_token_stream().into()
}

/// Like `fehler` and `culpa`: makes the function return a `Result` with this error, and all that it returns an `Ok`.
#[proc_macro_attribute]
pub fn throws(error: TokenStream, item: TokenStream) -> TokenStream {
    let error = parse_macro_input!(error as Type);
    let mut function = parse_macro_input!(item as ItemFn);
    Wrap.visit_block_mut(&mut function.block);
    let (output, block) = (&function.sig.output, &function.block);
    let ty = match output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => quote!(#ty),
    };
    function.sig.output = syn::parse_quote!(-> ::core::result::Result<#ty, #error>);
    function.block = syn::parse_quote!({ #[allow(unreachable_code)] ::core::result::Result::Ok(#block) });
    function.to_token_stream().into()
}

/// Like `wasm_bindgen` and `pyo3`: makes a function or method `NAME_parameters` that says what others call the
/// parameters, which is in their attributes `#[exported(…)]`, or their names. On functions, `impl` and `trait` blocks.
#[proc_macro_attribute]
pub fn exported(_: TokenStream, item: TokenStream) -> TokenStream {
    let mut item = parse_macro_input!(item as Item);
    let result = match &mut item {
        Item::Fn(function) => parameters(&mut function.sig).map(|made| quote!(#function #made)),
        Item::Impl(block) => {
            let mut made = Vec::new();
            for member in &mut block.items {
                let ImplItem::Fn(function) = member else { continue };
                made.push(parameters(&mut function.sig));
            }
            let ty = &block.self_ty;
            let made: Result<Vec<_>, Error> = made.into_iter().collect();
            made.map(|made| quote!(#block impl #ty { #(#made)* }))
        }
        Item::Trait(block) => {
            let mut made = Vec::new();
            for member in &mut block.items {
                let TraitItem::Fn(function) = member else { continue };
                made.push(parameters(&mut function.sig));
            }
            let made: Result<Vec<_>, Error> = made.into_iter().collect();
            let module = format_ident!("exported_by_{}", block.ident);
            made.map(|made| quote!(#block #[allow(non_snake_case)] mod #module { #(#made)* }))
        }
        other => return error(other, "this has no parameters"),
    };
    result.unwrap_or_else(Error::into_compile_error).into()
}

fn parameters(signature: &mut Signature) -> Result<impl ToTokens + use<>, Error> {
    let mut texts = Vec::new();
    for input in typed(signature) {
        let given = take(&mut input.attrs, |attr| attr.path().is_ident("exported"));
        let Pat::Ident(pat) = &*input.pat else { return Err(Error::new_spanned(input, "a parameter has no name")) };
        texts.push(match given {
            Some(attr) => attr.parse_args::<LitStr>()?.value(),
            None => pat.ident.to_string(),
        });
    }
    let name = format_ident!("{}_parameters", signature.ident);
    Ok(quote!(pub(crate) fn #name() -> &'static [&'static str] { &[#(#texts),*] }))
}

/// Makes an `Ok` of what a function returns.
struct Wrap;

impl VisitMut for Wrap {
    fn visit_expr_return_mut(&mut self, returned: &mut ExprReturn) {
        let value = returned.expr.take();
        returned.expr = Some(syn::parse_quote!(::core::result::Result::Ok(#value)));
    }
    fn visit_expr_closure_mut(&mut self, _: &mut ExprClosure) {}
}

fn typed(signature: &mut Signature) -> impl Iterator<Item = &mut PatType> {
    signature.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(input) => Some(input),
        FnArg::Receiver(_) => None,
    })
}

fn take(attrs: &mut Vec<Attribute>, wanted: impl Fn(&Attribute) -> bool) -> Option<Attribute> {
    let at = attrs.iter().position(wanted)?;
    Some(attrs.remove(at))
}

fn bindings(pat: &Pat, names: &mut Vec<Ident>) {
    match pat {
        Pat::Ident(pat) => names.push(pat.ident.clone()),
        Pat::Reference(pat) => bindings(&pat.pat, names),
        Pat::Struct(pat) => pat.fields.iter().for_each(|field| bindings(&field.pat, names)),
        Pat::Tuple(pat) => pat.elems.iter().for_each(|pat| bindings(pat, names)),
        Pat::TupleStruct(pat) => pat.elems.iter().for_each(|pat| bindings(pat, names)),
        Pat::Slice(pat) => pat.elems.iter().for_each(|pat| bindings(pat, names)),
        _ => {}
    }
}

fn error(place: &impl ToTokens, message: &str) -> TokenStream {
    Error::new_spanned(place, message).into_compile_error().into()
}
