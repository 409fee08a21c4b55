//! e03_missing_tail
use prof_runtime::prof;

#[prof]
pub fn plain() -> i32 {
    1;
}
