//! Derives the name of a function's metrics from the type name of an item inside the function.

/// Returns the name of a function's metrics: that of the function, after the type or module that it belongs to.
///
/// `path` is the result of `core::any::type_name` for an item nested in the function `function`, or for a closure in
/// that item. rustc may change its form, so this function keeps the parts that it does not understand, and never fails:
///
/// | item in | path | name |
/// |---|---|---|
/// | a free function | `app::net::connect::item` | `net.connect` |
/// | a function at the root | `app::main::item` | `app.main` |
/// | a method | `app::Store<_>::load::item` | `Store.load` |
/// | a method, impl in another module | `app::io::<impl app::Store>::load::item` | `Store.load` |
/// | a trait impl | `<app::Store<_> as app::Read>::read::item` | `Store.read` |
/// | a default method | `app::Read::read_all::item` | `Read.read_all` |
/// | a blanket impl | `<_ as app::Ext<_>>::ext::item` | `Ext.ext` |
/// | an async function, a closure | `app::main::{{closure}}::item` | `app.main` |
/// | a function in a function | `app::outer::inner::item` | `outer.inner` |
pub(crate) fn metric_name(path: &str, function: &str) -> String {
    let mut segments: Vec<&str> = split(path, "::");
    segments.retain(|segment| *segment != "_" && !segment.starts_with("{{"));
    segments.pop();
    // The last segment is the function itself, as rustc spells it.
    segments.pop();
    match segments.last() {
        Some(parent) => format!("{}.{function}", owner(parent)),
        None => function.to_owned(),
    }
}

/// Returns the name of the type, trait or module that a function belongs to, from one segment of a path.
fn owner(segment: &str) -> String {
    let inner = segment.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let Some(inner) = inner else {
        return without_generics(segment);
    };
    if let Some(rest) = inner.strip_prefix("impl ") {
        // `<impl Trait for Type>` or `<impl Type>`.
        return match split(rest, " for ")[..] {
            [_, ty] => leaf(ty),
            _ => leaf(rest),
        };
    }
    match split(inner, " as ")[..] {
        ["_", implemented] => leaf(implemented),
        [ty, _] => leaf(ty),
        _ => leaf(inner),
    }
}

/// Returns a type without generics, lifetimes and modules: `&app::Store<'_, T>` becomes `&Store`.
fn leaf(ty: &str) -> String {
    let plain = without_generics(ty);
    let mut out = String::with_capacity(plain.len());
    let mut rest = plain.as_str();
    while let Some(at) = rest.find("::") {
        let before = &rest[..at];
        // The module before `::` begins after the last character that cannot be part of a name.
        let name_start = before
            .char_indices()
            .rev()
            .find(|(_, c)| !(c.is_alphanumeric() || *c == '_'))
            .map_or(0, |(index, c)| index + c.len_utf8());
        out.push_str(&before[..name_start]);
        rest = &rest[at + 2..];
    }
    out.push_str(rest);
    out
}

/// Removes everything between angle brackets. The `>` of an arrow is no bracket.
fn without_generics(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut depth = 0_usize;
    let mut previous = ' ';
    for c in text.chars() {
        match c {
            '<' => depth += 1,
            '>' if previous != '-' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(c),
            _ => {}
        }
        previous = c;
    }
    out
}

/// Splits at a separator that stands outside all brackets.
fn split<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut previous = ' ';
    let mut start = 0;
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' | '[' => depth += 1,
            '>' if previous == '-' => {}
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 && at >= start && text[at..].starts_with(separator) => {
                parts.push(&text[start..at]);
                start = at + separator.len();
            }
            _ => {}
        }
        previous = c;
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expect: &str) {
        let function = expect.rsplit('.').next().unwrap();
        assert_eq!(metric_name(path, function), expect, "from {path}");
    }

    #[test]
    fn functions() {
        check("app::main::item", "app.main");
        check("app::net::http::connect::item", "http.connect");
        check("app::outer::inner::item", "outer.inner");
        check("app::net::Store::new::inner::item", "new.inner");
        check("app::main::{{closure}}::inner::{{closure}}::item", "main.inner");
        check("app::main::{{closure}}::inner::{{closure}}::ITEM::{{closure}}", "main.inner");
        check("app::net::_::connect::item", "net.connect");
        check("app::match::fn::item", "match.fn");
        check("app::größe::länge::item", "größe.länge");
    }

    #[test]
    fn methods() {
        check("app::Foo<_>::m::item", "Foo.m");
        check("app::Foo<_>::m::{{closure}}::item", "Foo.m");
        check("app::Tr::d::item", "Tr.d");
        check("app::C<N>::m::item", "C.m");
        check("app::other::<impl app::Foo<T>>::m::item", "Foo.m");
        check("app::other::<impl app::Tr for app::Foo<T>>::m::item", "Foo.m");
        check("<app::Foo<_> as app::Tr>::r::item", "Foo.r");
        check("<app::Foo<alloc::vec::Vec<_>> as app::G<_>>::g::item", "Foo.g");
        check("<app::W<'_, _> as app::Tr>::r::item", "W.r");
        check("<app::f::thread::L as app::Tr>::r::item", "L.r");
        check("<_ as app::G<_>>::g::item", "G.g");
        check("<dyn app::Tr>::inh::item", "dyn Tr.inh");
    }

    #[test]
    fn methods_of_types_without_a_name() {
        check("<[u8] as app::Tr>::r::item", "[u8].r");
        check("<[u8; 3] as app::Tr>::r::item", "[u8; 3].r");
        check("<(u8, app::Foo<u8>) as app::Tr>::r::item", "(u8, Foo).r");
        check("<&app::Foo<u8> as app::Tr>::r::item", "&Foo.r");
        check("<*const u8 as app::Tr>::r::item", "*const u8.r");
        check("<fn(u8) -> u8 as app::Tr>::r::item", "fn(u8) -> u8.r");
        check("<dyn core::ops::function::Fn() as app::Tr>::r::item", "dyn Fn().r");
        check(
            "<dyn core::ops::function::Fn(u8) -> alloc::vec::Vec<u8> + core::marker::Send as app::Tr>::r::item",
            "dyn Fn(u8) -> Vec + Send.r",
        );
    }

    #[test]
    fn what_is_not_understood_is_passed_on() {
        check("f", "f");
        assert_eq!(metric_name("", "f"), "f");
        assert_eq!(metric_name("<<<", "f"), "f");
        assert_eq!(metric_name("a::>>b::f::item", "f"), ">>b.f".replace('>', ""));
    }
}
