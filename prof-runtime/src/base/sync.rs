//! The one switch between the standard library's atomics and loom's models of them.
//!
//! Only what a loom model exercises comes from here: what a thread keeps for a call site, and its numbers in an
//! aggregator.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
#[cfg(not(loom))]
use std::ptr;

/// Atomics, from loom under `cfg(loom)`.
pub(crate) mod atomic {
    #[cfg(loom)]
    pub(crate) use loom::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

    #[cfg(not(loom))]
    pub(crate) use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
}

/// What the only thread that writes to an atomic reads there. Unlike an atomic reading, it can be an operand in memory.
///
/// # Safety
///
/// No other thread writes to it.
#[inline(always)]
pub(crate) unsafe fn own(number: &atomic::AtomicU64) -> u64 {
    // SAFETY: others do not write, and what they read does not matter to this.
    #[cfg(not(loom))]
    return unsafe { *ptr::from_ref(number).cast::<u64>() };
    // SAFETY: as above.
    #[cfg(loom)]
    return unsafe { number.unsync_load() };
}

/// Loads a number that no loom model is about, relaxed.
#[inline(always)]
pub(crate) fn load_unmodelled(number: &std::sync::atomic::AtomicU64) -> u64 {
    #[cfg(all(debug_assertions, target_arch = "x86_64", not(any(loom, miri))))]
    return unoptimised::load(number);
    #[cfg(not(all(debug_assertions, target_arch = "x86_64", not(any(loom, miri)))))]
    number.load(std::sync::atomic::Ordering::Relaxed)
}

/// Loads a number, relaxed.
#[inline(always)]
pub(crate) fn load(number: &atomic::AtomicU64) -> u64 {
    #[cfg(all(debug_assertions, target_arch = "x86_64", not(any(loom, miri))))]
    return unoptimised::load(number);
    #[cfg(not(all(debug_assertions, target_arch = "x86_64", not(any(loom, miri)))))]
    number.load(atomic::Ordering::Relaxed)
}

/// Stores a number, relaxed.
#[inline(always)]
pub(crate) fn store(number: &atomic::AtomicU64, value: u64) {
    #[cfg(all(debug_assertions, target_arch = "x86_64", not(any(loom, miri))))]
    unoptimised::store(number, value);
    #[cfg(not(all(debug_assertions, target_arch = "x86_64", not(any(loom, miri)))))]
    number.store(value, atomic::Ordering::Relaxed);
}

/// A [`Cell`](std::cell::Cell) whose accessors are inlined also where nothing else is: in a build without optimisation,
/// a call of a function costs as much as the ten instructions around it.
#[repr(transparent)]
pub(crate) struct OwnerCell<T>(UnsafeCell<T>);

impl<T: Copy> OwnerCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> T {
        // SAFETY: the cell is not `Sync`, and hands out no reference to what is in it.
        unsafe { *self.0.get() }
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: T) {
        // SAFETY: as above; what is overwritten is `Copy`, so that nothing is dropped.
        unsafe { *self.0.get() = value }
    }
}

/// An array of atomics with this value.
pub(crate) fn array<T, const N: usize>(value: impl Fn() -> T) -> [T; N] {
    std::array::from_fn(|_| value())
}

/// Relaxed loads and stores as one instruction. In a build without optimisation, those of the standard library are
/// three functions and a choice between orderings, some 35 instructions. Only the profile tells such a build.
#[cfg(all(debug_assertions, target_arch = "x86_64", not(any(loom, miri))))]
mod unoptimised {
    use std::arch::asm;
    use std::ptr;
    use std::sync::atomic::AtomicU64;

    #[inline(always)]
    pub(super) fn load(number: &AtomicU64) -> u64 {
        let value: u64;
        // SAFETY: the address is that of the number, which is aligned, so that the load is atomic; it has no other
        // effect.
        unsafe {
            asm!(
                "mov {value}, qword ptr [{number}]", value = out(reg) value, number = in(reg) ptr::from_ref(number),
                options(nostack, readonly, preserves_flags)
            );
        };
        value
    }

    #[inline(always)]
    pub(super) fn store(number: &AtomicU64, value: u64) {
        // SAFETY: the address is that of the number, which is aligned and may be written to, so that the store is
        // atomic; it has no other effect.
        unsafe {
            asm!(
                "mov qword ptr [{number}], {value}", value = in(reg) value, number = in(reg) ptr::from_ref(number),
                options(nostack, preserves_flags)
            );
        };
    }
}
