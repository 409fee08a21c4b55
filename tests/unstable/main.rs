//! Cases of `shapes` that need unstable features of the language. Not among the workspace's default members:
//! `RUSTC_BOOTSTRAP=unstable cargo test -p prof-tests-unstable`, or a nightly toolchain.
//!
//! Only syntax that `syn` knows: see `docs/limits.md` for the rest.

#![deny(warnings)]
#![allow(unsafe_code, incomplete_features, clippy::all, clippy::pedantic)]
#![feature(
    adt_const_params,
    anonymous_lifetime_in_impl_trait,
    arbitrary_self_types,
    c_variadic,
    closure_lifetime_binder,
    coroutine_trait,
    coroutines,
    coverage_attribute,
    decl_macro,
    fn_traits,
    gen_blocks,
    generic_const_exprs,
    impl_trait_in_assoc_type,
    inherent_associated_types,
    min_specialization,
    never_type,
    postfix_match,
    stmt_expr_attributes,
    super_let,
    try_blocks,
    type_alias_impl_trait,
    unboxed_closures,
    unsized_const_params,
    where_clause_attrs,
    yeet_expr
)]

mod bodies;
mod macros;
mod opaque_types;
mod signatures;
