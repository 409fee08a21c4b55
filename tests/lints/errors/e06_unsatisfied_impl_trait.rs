//! e06_unsatisfied_impl_trait
use prof_runtime::prof;

pub struct Silent;

#[prof]
pub fn plain() -> impl std::fmt::Display {
    Silent
}
