//! The cases of `shapes`, compiled for edition 2021.

#![deny(warnings)]
#![allow(unsafe_code, clippy::all, clippy::pedantic)]

#[path = "../shapes/before_2024.rs"]
mod before_2024;
#[path = "../shapes/cases/mod.rs"]
mod cases;
