//! e04_a_half_typed_body_still_defines_the_function
use prof_runtime::prof;

#[prof]
pub fn half(s: String) -> usize {
    s.
}

pub fn caller() -> usize {
    half(String::new())
}
