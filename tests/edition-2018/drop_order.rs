//! The drop order of values, compiled for edition 2018.

#[path = "../drop_order/main.rs"]
mod drop_order;
