//! Functions of every shape, annotated: they compile without a diagnostic, return what they returned, and are counted
//! under the right name. Each module is a case of a macro that broke. `edition-2018` and `edition-2021` compile the
//! same cases.

#![deny(warnings)]
// The cases are written as users write them; what the attribute adds to clippy's findings is the matter of `lints`.
#![allow(unsafe_code, clippy::all, clippy::pedantic)]

mod cases;
mod edition_2024;
