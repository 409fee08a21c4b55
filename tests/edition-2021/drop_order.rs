//! The drop order of values, compiled for edition 2021.

#[path = "../drop_order/main.rs"]
mod drop_order;
