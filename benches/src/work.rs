//! The body of every measured function: some twenty instructions that depend on one another and on the argument.
//!
//! What lies between two readings of a clock has to stay there. Arithmetic alone does not: the disassembly showed the
//! whole of it moved behind the second reading, where it needs fewer registers than any real function does. With its
//! result going through memory, it stays: `objdump -d` shows, for `plain`, these instructions and nothing else; for
//! `load_and_branch`, a load of `SWITCH`, `test` and a jump not taken before them; for `tsc_pair`, a `rdtsc` at either
//! end; for `off`, the load, a jump, and the guard's test after them; for the other modes, a call of the runtime's
//! `begin` before and of its `end` after them. No handler is devirtualised, as there are several kinds in the program.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Mixes the bits of a number, and passes the result through memory, which calls may not be moved across.
#[inline(always)]
pub(crate) fn work(x: u64) -> u64 {
    black_box(arithmetic(x))
}

/// Mixes the bits of a number, as a hash does at its end. Alone, it is the body that suits an attribute that is
/// switched off best: the compiler needs no stack for it and may run it before or after anything.
#[inline(always)]
pub(crate) fn arithmetic(mut x: u64) -> u64 {
    x ^= x >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 29;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

/// Why [`fallible_work`] failed.
#[derive(Debug)]
#[allow(dead_code)]
pub(crate) struct Refused(u64);

/// The same, refusing one argument that no bench gives it, which the compiler does not know.
#[inline(always)]
pub(crate) fn fallible_work(x: u64) -> Result<u64, Refused> {
    accept(x).map(work)
}

/// Refuses one argument that no bench gives it, which the compiler does not know.
#[inline(always)]
pub(crate) fn accept(x: u64) -> Result<u64, Refused> {
    if x == u64::MAX { Err(Refused(x)) } else { Ok(x) }
}

/// Polls a future that is ready at its first poll.
#[inline(always)]
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
