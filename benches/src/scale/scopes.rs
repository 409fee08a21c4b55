//! A scope per request, in programs that know more and more functions.

use prof_runtime::{Aggregator, scoped};

use super::measure::{Found, installed, resident_kib, thread_ns};
use super::{SCOPES, Scale, sites};
use crate::error::BenchError;
use crate::statistics::float;

/// Requests by which the time of one is found.
const REQUESTS: u64 = 20_000;

/// Scopes of one call each, in a program that has called so many functions.
pub(super) fn row(functions: usize) -> Result<Scale, BenchError> {
    let _elsewhere = installed();
    sites::call_each(functions, 1);
    let aggregator = Aggregator::new();
    // What a thread's first calls make.
    request(&aggregator);
    let start_ns = thread_ns()?;
    for _ in 0..REQUESTS {
        request(&aggregator);
    }
    let spent_ns = thread_ns()? - start_ns;
    let found = [Found { ns_per_call: spent_ns / float(REQUESTS), bytes_per_pair: 0.0, calls: REQUESTS + 1 }];
    let mut scale = Scale { name: SCOPES, threads: 1, functions, resident_kib: resident_kib()?, ..Scale::default() };
    scale.look(&aggregator);
    Ok(scale.with(&found))
}

fn request(aggregator: &Aggregator) {
    let _scope = scoped(aggregator.clone());
    sites::call_each(1, 1);
}
