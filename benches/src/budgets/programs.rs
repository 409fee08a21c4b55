//! What a program may cost: its code, its compile time, its memory, and its clock's error.

use super::{Budget, Options};
use crate::clock::{self, ClockError};
use crate::codesize::{self, CodeSize};
use crate::compiletime::{self, CompileTime};
use crate::error::BenchError;
use crate::futuresize::{self, FutureSize};
use crate::generated::{PROF, TRACING};
use crate::scale::{self, Scale};
use crate::statistics::float;

/// Functions of the programs that are compiled, and runs of the compiler, as the budgets have it.
const FUNCTIONS: u32 = 500;
const RUNS: usize = 3;

/// Each of them beside what is measured.
pub(super) fn budgets(options: &Options) -> Result<Vec<Budget>, BenchError> {
    let size = codesize::Options { json: false, functions: FUNCTIONS, filter: vec![PROF.to_owned()] };
    let compared = vec![PROF.to_owned(), TRACING.to_owned()];
    let time = compiletime::Options { json: false, functions: FUNCTIONS, runs: RUNS, filter: compared };
    let scale = scale::Options { json: false, threads: 4, functions: 1_000, ended_threads: 2_000 };
    let rows = scale::measure(&scale)?;
    let clock = clock::Options { json: false, seconds: options.seconds };
    Ok([
        code(&codesize::measure(&size)?),
        compilation(&compiletime::measure(&time)?),
        futures(&futuresize::measure()),
        memory(&rows),
        by_functions(&rows),
        vec![drift(&clock::measure(&clock), options.seconds)],
    ]
    .concat())
}

fn code(rows: &[CodeSize]) -> Vec<Budget> {
    let size = rows.iter().find(|row| row.name == PROF).map(|row| row.above_plain);
    vec![Budget::new("code per annotated function", "bytes", 160.0, size)]
}

fn compilation(rows: &[CompileTime]) -> Vec<Budget> {
    let ratio = |what: fn(&CompileTime) -> f64| {
        let of = |name: &str| rows.iter().find(|row| row.name == name).map(what);
        Some(of(PROF)? / of(TRACING)?)
    };
    vec![
        Budget::new("cargo check of 500 functions", "× tracing's", 0.6, ratio(|row| row.check_s)),
        Budget::new("release build of 500 functions", "× tracing's", 0.5, ratio(|row| row.build_release_s)),
    ]
}

fn futures(rows: &[FutureSize]) -> Vec<Budget> {
    const BYTES_PER_LEVEL: usize = 96;
    let of = |name: &str| rows.iter().find(|row| row.name == name).map(|row| float(row.bytes as u64));
    let limit = 1.25 * of("plain").unwrap_or(0.0) + float((BYTES_PER_LEVEL * futuresize::LEVELS) as u64);
    vec![Budget::new("future of four levels", "bytes", limit, of(PROF))]
}

fn memory(rows: &[Scale]) -> Vec<Budget> {
    let largest = rows.iter().map(|row| row.bytes_per_pair).max_by(f64::total_cmp);
    let lost: u64 = rows.iter().map(|row| row.calls.abs_diff(row.calls_found)).sum();
    let gone: Vec<&Scale> = rows.iter().filter(|row| row.name == scale::COME_AND_GONE).collect();
    let growth = match gone[..] {
        [few, many] => Some(float(many.resident_kib.saturating_sub(few.resident_kib))),
        _ => None,
    };
    vec![
        Budget::new("memory per thread and function", "bytes", 4096.0, largest),
        Budget::new("calls that snapshots did not find", "", 0.0, float(lost)),
        // Ten times as many threads; the allocator may keep a little more.
        Budget::new("growth over 1 800 threads that came and went", "KiB", 512.0, growth),
    ]
}

/// What must not depend on the number of functions: 500 beside 5.
fn by_functions(rows: &[Scale]) -> Vec<Budget> {
    let of = |name: &str, functions: usize| {
        let row = rows.iter().find(|row| row.name == name && row.functions == functions)?;
        Some(row.ns_per_call)
    };
    let budget = |name: &str, limit| {
        let ratio = of(name, 500).and_then(|many| Some(many / of(name, 5)?));
        Budget::new(format!("{name}, 500 functions"), "× 5 functions", limit, ratio)
    };
    // What 64 threads keep for 500 functions is 100 MB that the system has to give; what they keep for 5 is there.
    vec![budget(scale::SCOPES, 1.5), budget(scale::FIRST_CALLS, 2.0)]
}

fn drift(error: &ClockError, seconds: f64) -> Budget {
    Budget::new(format!("clock over {seconds} s"), "relative error", 0.001, error.relative_error.abs())
}
