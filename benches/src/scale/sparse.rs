//! Threads that call few of many functions, as those of a service do: what they keep is found where it is looked for
//! first only if no other function that they call has its place there.

use super::measure::{alive, in_turn};
use super::{Scale, sites};
use crate::error::BenchError;

/// How many live at the same time.
const THREADS: usize = 16;
/// How many functions each of them calls.
const CHOSEN: usize = 10;

/// By the number of functions that the program has called: threads that each call neighbors, and such that are chosen
/// at random.
pub(super) fn rows() -> Result<Vec<Scale>, BenchError> {
    const NAMES: [(usize, &str, &str); 2] = [
        (500, "10 of 500, neighbors", "10 of 500, at random"),
        (5_000, "10 of 5000, neighbors", "10 of 5000, at random"),
    ];
    let mut rows = Vec::new();
    for (known, neighbors, at_random) in NAMES {
        sites::call_each(known, 1);
        let next_to_one_another = move |thread| (0..CHOSEN).map(|n| (thread * CHOSEN + n) % known).collect();
        rows.push(row(neighbors, next_to_one_another)?);
        rows.push(row(at_random, move |thread| chosen(thread, known))?);
    }
    Ok(rows)
}

fn row(name: &'static str, choose: impl Fn(usize) -> Vec<usize> + Copy + Send + 'static) -> Result<Scale, BenchError> {
    alive(name, THREADS, CHOSEN, move |thread| {
        let chosen = choose(thread);
        in_turn(CHOSEN, |rounds| sites::call_chosen(&chosen, rounds))
    })
}

/// Different functions, the same ones in every run.
fn chosen(thread: usize, known: usize) -> Vec<usize> {
    let mut state = thread as u64 + 1;
    let mut chosen = Vec::new();
    while chosen.len() < CHOSEN {
        // Knuth's linear congruential generator, of which the high bits are good.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Less than `known`.
        #[allow(clippy::cast_possible_truncation)]
        let function = ((state >> 33) % known as u64) as usize;
        if !chosen.contains(&function) {
            chosen.push(function);
        }
    }
    chosen
}
