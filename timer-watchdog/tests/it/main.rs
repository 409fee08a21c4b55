//! All integration tests, in one binary.

mod clients;
mod lifecycle;
mod process;
mod seed;
mod stress;
mod support;
mod table;
mod upstream;
