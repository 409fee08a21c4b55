//! What the attribute's own arguments may hold.
#![allow(dead_code)]
use prof_runtime::prof;

#[prof(objective(success = 99.999, latency = "1234567us", percentile = 99))]
fn promising() -> u64 {
    1_234_567
}
