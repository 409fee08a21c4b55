//! The return type, as far as its spelling tells.

use proc_macro2::Span;
use syn::{GenericArgument, GenericParam, Generics, Lifetime, PathArguments, ReturnType, Type, TypeParamBound};

/// How a function can end, as far as its signature tells.
///
/// Spelling can only *rule out* failure, and only for types of the language. Whether a value of a named type is a
/// failure is decided by its type, in the runtime: a user's `Option` may be a `Result`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// `-> !`
    Never,
    /// A type that is never a failure, such as `()`, `&T` or `u8`.
    Plain,
    /// Any other type: the runtime decides by the type.
    MayFail,
    /// `-> impl Future`: the call lasts as long as the await.
    ImplFuture,
    /// `-> Pin<Box<dyn Future>>`, spelled out.
    BoxedFuture,
}

/// The types of the language that have names. A user's type of the same name, of which the compiler warns, never fails:
/// see `docs/limits.md`.
const PRIMITIVE: [&str; 16] = [
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
    "usize",
];

/// The kind of `output`, in a function with these generics.
pub(crate) fn kind(output: &ReturnType, generics: &Generics) -> Kind {
    match output {
        ReturnType::Default => Kind::Plain,
        ReturnType::Type(_, ty) => kind_of_type(ty, generics),
    }
}

fn kind_of_type(ty: &Type, generics: &Generics) -> Kind {
    match ty {
        Type::Never(_) => Kind::Never,
        Type::Group(group) => kind_of_type(&group.elem, generics),
        Type::Paren(paren) => kind_of_type(&paren.elem, generics),
        Type::ImplTrait(imp) if names_future(&imp.bounds) => Kind::ImplFuture,
        Type::Path(_) if is_boxed_future(ty) => Kind::BoxedFuture,
        Type::Path(path) => match path.path.segments.first() {
            Some(only)
                if path.path.segments.len() == 1
                    && path.qself.is_none()
                    && (PRIMITIVE.iter().any(|primitive| only.ident == primitive)
                        || is_type_parameter(&only.ident, generics)) =>
            {
                Kind::Plain
            }
            _ => Kind::MayFail,
        },
        Type::Macro(_) | Type::Verbatim(_) => Kind::MayFail,
        _ => Kind::Plain,
    }
}

fn is_type_parameter(ident: &syn::Ident, generics: &Generics) -> bool {
    generics.params.iter().any(|param| match param {
        GenericParam::Type(param) => param.ident == *ident,
        _ => false,
    })
}

fn is_boxed_future(ty: &Type) -> bool {
    let Some(boxed) = argument_of(ty, "Pin") else {
        return false;
    };
    match argument_of(boxed, "Box") {
        Some(Type::TraitObject(object)) => names_future(&object.bounds),
        _ => false,
    }
}

/// `T` of `path::to::Name<T>`.
fn argument_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) if last.ident == name => {
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
        _ => None,
    }
}

fn names_future<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> bool {
    bounds.into_iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            let last = bound.path.segments.last();
            last.is_some_and(|segment| segment.ident == "Future")
        }
        _ => false,
    })
}

/// The type with `_` for every `impl Trait`, as a `let` has to name it; and whether there was one.
///
/// Lifetimes are left to inference as well: clippy would take a lifetime in the body as a reason for it in the
/// signature.
pub(crate) fn erased(output: &ReturnType) -> (Type, bool) {
    match output {
        ReturnType::Default => {
            let paren_token = syn::token::Paren(Span::mixed_site());
            let unit = syn::TypeTuple { attrs: Vec::new(), paren_token, elems: syn::punctuated::Punctuated::new() };
            (Type::Tuple(unit), false)
        }
        ReturnType::Type(_, ty) => {
            let mut ty = (**ty).clone();
            let found = erase(&mut ty);
            (ty, found)
        }
    }
}

fn erase(ty: &mut Type) -> bool {
    match ty {
        Type::ImplTrait(imp) => {
            let underscore_token = syn::Token![_](imp.impl_token.span);
            *ty = Type::Infer(syn::TypeInfer { attrs: Vec::new(), underscore_token });
            true
        }
        Type::Group(inner) => erase(&mut inner.elem),
        Type::Paren(inner) => erase(&mut inner.elem),
        Type::Reference(inner) => {
            inner.lifetime = inner.lifetime.take().filter(is_static);
            erase(&mut inner.elem)
        }
        Type::TraitObject(object) => {
            for bound in &mut object.bounds {
                if let TypeParamBound::Lifetime(lifetime) = bound {
                    infer(lifetime);
                }
            }
            false
        }
        Type::Ptr(inner) => erase(&mut inner.elem),
        Type::Array(inner) => erase(&mut inner.elem),
        Type::Slice(inner) => erase(&mut inner.elem),
        Type::Tuple(tuple) => tuple.elems.iter_mut().fold(false, |found, ty| erase(ty) | found),
        Type::Path(path) => {
            let arguments = path.path.segments.iter_mut().map(|segment| &mut segment.arguments);
            arguments.fold(false, |found, arguments| erase_arguments(arguments) | found)
        }
        _ => false,
    }
}

fn erase_arguments(arguments: &mut PathArguments) -> bool {
    let PathArguments::AngleBracketed(arguments) = arguments else {
        return false;
    };
    arguments.args.iter_mut().fold(false, |found, argument| match argument {
        GenericArgument::Type(ty) => erase(ty) | found,
        GenericArgument::Lifetime(lifetime) => {
            infer(lifetime);
            found
        }
        _ => found,
    })
}

fn infer(lifetime: &mut Lifetime) {
    if !is_static(lifetime) {
        *lifetime = Lifetime::new("'_", lifetime.span());
    }
}

fn is_static(lifetime: &Lifetime) -> bool {
    lifetime.ident == "static"
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // So that the cases read without `&`.
mod tests {
    use super::*;
    use quote::{ToTokens, quote};
    use syn::parse_quote;

    #[track_caller]
    fn check(signature: syn::Signature, expect: Kind) {
        assert_eq!(kind(&signature.output, &signature.generics), expect);
    }

    #[test]
    fn spelling_rules_failure_out_only_where_it_can() {
        check(parse_quote!(fn f()), Kind::Plain);
        check(parse_quote!(fn f() -> !), Kind::Never);
        check(parse_quote!(fn f() -> &Result<u8, u8>), Kind::Plain);
        check(parse_quote!(fn f() -> (u8, Result<u8, u8>)), Kind::Plain);
        check(parse_quote!(fn f<T>() -> T), Kind::Plain);
        check(parse_quote!(fn f() -> T), Kind::MayFail);
        check(parse_quote!(fn f() -> u8), Kind::Plain);
        check(parse_quote!(fn f() -> Option<u8>), Kind::MayFail);
        check(parse_quote!(fn f() -> Duration), Kind::MayFail);
        check(parse_quote!(fn f() -> io::Result<()>), Kind::MayFail);
        check(parse_quote!(fn f() -> Self), Kind::MayFail);
        check(parse_quote!(fn f() -> impl Iterator<Item = u8>), Kind::Plain);
        check(parse_quote!(fn f() -> impl Send + core::future::Future<Output = u8>), Kind::ImplFuture);
        check(parse_quote!(fn f() -> Pin<Box<dyn Future<Output = u8> + Send + '_>>), Kind::BoxedFuture);
        check(parse_quote!(fn f() -> Pin<Box<dyn Debug>>), Kind::MayFail);
    }

    #[test]
    fn nested_impl_is_erased() {
        let output: ReturnType = parse_quote!(-> Result<(impl Sized, [impl Sized; 2]), &'a impl Sized>);
        let (ty, found) = erased(&output);
        assert!(found);
        assert_eq!(ty.to_token_stream().to_string(), quote!(Result<(_, [_; 2]), &_>).to_string());
    }

    #[test]
    fn lifetimes_are_inferred() {
        let check = |output: ReturnType, expect: Type| {
            assert_eq!(erased(&output).0.to_token_stream().to_string(), expect.to_token_stream().to_string());
        };
        check(
            parse_quote!(-> Result<Ref<'a, &'a mut T>, Box<dyn Debug + 'a>>),
            parse_quote!(Result<Ref<'_, &mut T>, Box<dyn Debug + '_>>),
        );
        check(parse_quote!(-> (&'static str, Cow<'static, str>)), parse_quote!((&'static str, Cow<'static, str>)));
    }
}
