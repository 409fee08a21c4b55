//! The first calls of new threads, which make what a thread keeps for each function.

use super::measure::{Found, alive, thread_ns};
use super::{FIRST_CALLS, Scale, sites};
use crate::alloc::allocated;
use crate::error::BenchError;
use crate::statistics::float;

/// How many live at the same time.
const THREADS: usize = 64;

/// Threads that call each of so many functions once. The program has called them before, but no thread that has ended:
/// a new thread would find what that one kept.
pub(super) fn row(functions: usize) -> Result<Scale, BenchError> {
    // Of the last ones, which no other row calls unless asked for all.
    let last = sites::COUNT - functions;
    let chosen = move || (last - functions..last).collect::<Vec<usize>>();
    sites::call_chosen(&chosen(), 1);
    alive(FIRST_CALLS, THREADS, functions, move |_| on_thread(&chosen()))
}

fn on_thread(chosen: &[usize]) -> Result<Found, BenchError> {
    let functions = chosen.len();
    let (before, start_ns) = (allocated().live_bytes, thread_ns()?);
    sites::call_chosen(chosen, 1);
    let (spent_ns, bytes) = (thread_ns()? - start_ns, allocated().live_bytes - before);
    let calls = functions as u64;
    // Far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let bytes_per_pair = bytes as f64 / functions as f64;
    Ok(Found { ns_per_call: spent_ns / float(calls), bytes_per_pair, calls })
}
