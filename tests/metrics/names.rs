//! What functions are called.

use std::collections::HashSet;
use std::fmt::Display;

use prof_runtime::{Callsite, MemoryHandler, callsites, prof, scoped};

fn site(function: &str) -> &'static Callsite {
    let suffix = format!(".{function}");
    let mut found = callsites().filter(|site| site.module_path().contains("names") && site.name().ends_with(&suffix));
    let site = found.next().unwrap_or_else(|| panic!("{function} is not listed"));
    assert!(found.next().is_none(), "{function} is listed twice");
    site
}

#[track_caller]
fn check(function: &str, expect: &str) {
    assert_eq!(site(function).name(), expect);
}

#[prof]
fn free() {}

#[prof]
async fn free_async() {}

#[prof]
#[allow(clippy::needless_lifetimes)] // No name has one in it.
fn free_generic<'a, T: Display, const N: usize>(items: [&'a T; N]) -> Option<&'a T> {
    #[prof]
    fn nested_in_generic() {}
    nested_in_generic();
    items.into_iter().next()
}

#[prof]
fn r#match() {}

#[prof]
fn länge() {}

mod deep {
    mod leaf {
        use prof_runtime::prof;

        #[prof]
        fn in_leaf() {}
    }
}

struct Foo<'a, T>(pub &'a T);

impl<T> Foo<'_, T> {
    #[prof]
    fn generic_method(&self) {
        #[prof]
        fn nested_in_method() {}
        nested_in_method();
    }

    #[prof]
    async fn async_method(&self) {}
}

mod elsewhere {
    use prof_runtime::prof;

    impl<T> super::Foo<'_, T> {
        #[prof]
        fn method_elsewhere(&self) {}
    }
}

trait Speak {
    #[prof]
    fn default_method(&self) {}

    fn trait_method(&self);
}

impl<T> Speak for Foo<'_, T> {
    #[prof]
    fn trait_method(&self) {}
}

trait Everyone {
    fn blanket_method(&self);
}

impl<T: Copy> Everyone for T {
    #[prof]
    fn blanket_method(&self) {}
}

#[prof]
impl Foo<'_, u8> {
    fn in_block(&self) {}

    #[prof(name = "renamed.in_block_renamed")]
    fn in_block_renamed(&self) {}

    #[prof(skip)]
    fn in_block_skipped(&self) {}

    const fn in_block_const(&self) {}
}

#[test]
fn names_say_where_a_function_belongs() {
    check("free", "names.free");
    check("free_async", "names.free_async");
    check("free_generic", "names.free_generic");
    check("nested_in_generic", "free_generic.nested_in_generic");
    check("match", "names.match");
    check("länge", "names.länge");
    check("in_leaf", "leaf.in_leaf");
    check("generic_method", "Foo.generic_method");
    check("nested_in_method", "generic_method.nested_in_method");
    check("async_method", "Foo.async_method");
    check("method_elsewhere", "Foo.method_elsewhere");
    check("default_method", "Speak.default_method");
    check("trait_method", "Foo.trait_method");
    check("blanket_method", "Everyone.blanket_method");
    check("in_block", "Foo.in_block");
    check("in_block_renamed", "renamed.in_block_renamed");
}

#[test]
fn what_is_skipped_is_not_listed() {
    for skipped in ["in_block_skipped", "in_block_const"] {
        assert!(callsites().all(|site| !site.name().ends_with(skipped)));
    }
}

#[test]
fn a_callsite_knows_its_place() {
    let site = site("free");
    assert!(site.file().ends_with("names.rs"), "{}", site.file());
    let source = include_str!("names.rs");
    let line = source.lines().nth(site.line() as usize - 1).unwrap();
    assert_eq!(line, "fn free() {}");
    assert_eq!(site.group(), module_path!().split("::").next().unwrap());
}

// Clippy sees the atomics of a call site, and not that its hash is its address.
#[allow(clippy::mutable_key_type)]
#[test]
fn callsites_are_keys_of_maps_by_which_function_they_are() {
    let listed: HashSet<&Callsite> = callsites().collect();
    assert_eq!(listed.len(), callsites().count());
    assert!(listed.contains(site("free")));
    assert_eq!(site("free"), site("free"));
    assert_ne!(site("free"), site("free_async"));
}

const GROUP: &str = "from a const";

#[prof(group = GROUP)]
fn grouped_by_const() {}

#[prof(group = "größe \"quoted\"\nsecond line", name = "späße\t\u{1F980}.odd")]
fn odd_names() {}

#[test]
fn names_and_groups_may_be_anything() {
    let memory = MemoryHandler::new();
    let _scope = scoped(memory.clone());
    grouped_by_const();
    odd_names();
    assert_eq!(memory.data()[0].group_name, "from a const");
    let odd = memory.get("späße\t\u{1F980}.odd.success").unwrap();
    assert_eq!(odd.group_name, "größe \"quoted\"\nsecond line");
}

#[test]
fn names_may_be_long() {
    let name = "x".repeat(10_000);
    let memory = MemoryHandler::new();
    let _scope = scoped(memory.clone());
    prof_runtime::put_metric(&name, 1, &name);
    let data = memory.get(&name).unwrap();
    assert_eq!(data.group_name.len(), 10_000);
}
