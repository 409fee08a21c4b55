//! The call site: the static of an annotated function, with the settings of its attribute.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;

use crate::arguments::Objective;
use crate::arguments::prof::Args;

/// The path of the runtime's private module.
pub(super) fn private(args: &Args) -> TokenStream {
    let span = Span::mixed_site();
    let runtime =
        args.runtime.as_ref().map_or_else(|| quote_spanned!(span=> ::prof_runtime), ToTokens::to_token_stream);
    quote_spanned!(span=> #runtime::__private)
}

/// The block that declares the call site, registers it, and evaluates to a reference to it.
///
/// The name of a type of a closure holds the type of the method around it. A method has no other way to learn that.
pub(super) fn site(args: &Args, ident: &Ident, private: &TokenStream) -> TokenStream {
    let name = ident.unraw().to_string();
    let with_name = args.name.as_ref().map(|name| quote!(.with_name(#name)));
    let with_group = args.group.as_ref().map(|group| quote!(.with_group(#group)));
    let with_sample = args.sample.as_ref().map(|sample| quote!(.with_sample(#sample)));
    let with_objective = args.objective.and_then(|objective| with_objective(objective, private));
    // The location of the call site is that of the function's name.
    let here = quote_spanned!(ident.span()=> here());
    quote_spanned! {Span::mixed_site()=> {
        static __PROF_SITE: #private::Callsite = #private::site(|| {}, #name, ::core::module_path!()).#here
            #with_name #with_group #with_sample #with_objective;
        #private::list! { __PROF_SITE }
        &__PROF_SITE
    }}
}

/// The call that sets the objective of a call site, unless it promises nothing.
fn with_objective(objective: Objective, private: &TokenStream) -> Option<TokenStream> {
    let span = Span::mixed_site();
    let success = objective.success.map(|percent| {
        let percent = Literal::f64_unsuffixed(percent);
        quote_spanned!(span=> .success(#percent))
    });
    let latency = objective.latency.zip(objective.percentile).map(|(ns, percent)| {
        let percent = Literal::f64_unsuffixed(percent);
        quote_spanned!(span=> .latency(::core::time::Duration::from_nanos(#ns), #percent))
    });
    let is_empty = success.is_none() && latency.is_none();
    (!is_empty).then(|| quote_spanned!(span=> .with_objective(#private::Objective::new()#success #latency)))
}
