//! The pages about what a service exports are true: what they tell users to copy is taken out of them and run, and what
//! they say comes of it is compared with what does. A page that says something which nothing here checks fails as well.
#![allow(missing_docs)]

mod collector;
mod faults;
mod features;
mod json;
mod opentelemetry;
mod page;
mod production;
mod prometheus;
mod service;
mod statsd;
