//! Ten thousand annotated functions, without the wait for a compiler to get through them: an array of what the
//! attribute declares for one function, and the one function that all of them would be.

use std::hint::black_box;

use prof_runtime::__private::{self, Callsite};

use crate::work::work;

/// How many there are.
pub(super) const COUNT: usize = 10_000;

/// The group of all of them.
pub(super) const GROUP: &str = "bench.scale";

static SITES: [Callsite; COUNT] = [const {
    Callsite::new("function", || "prof_bench::scale::function::path", module_path!(), file!(), line!())
        .with_group(GROUP)
}; COUNT];

/// Calls one of them, as the attribute does.
#[inline(never)]
fn call(function: usize, x: u64) -> u64 {
    let call = __private::enter(&SITES[function]);
    let value = work(x);
    __private::finish(call, value)
}

/// Calls the first `functions` of them in turn, `rounds` times.
pub(super) fn call_each(functions: usize, rounds: u64) {
    for round in 0..rounds {
        for function in 0..functions {
            black_box(call(function, black_box(round)));
        }
    }
}

/// Calls these functions in turn, `rounds` times.
pub(super) fn call_chosen(functions: &[usize], rounds: u64) {
    for round in 0..rounds {
        for &function in functions {
            black_box(call(function, black_box(round)));
        }
    }
}
