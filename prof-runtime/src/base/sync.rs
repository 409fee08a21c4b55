//! The one switch between the standard library's atomics and loom's models of them.
//!
//! Only code that a loom model exercises uses these: a thread's state of a call site, and its share of an aggregator.
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

pub(crate) use self::relaxed::{load, load_unmodeled, store};

/// Reads an atomic on the only thread that writes to it. Unlike an atomic load, this can be a memory operand of another
/// instruction.
///
/// # Safety
///
/// No other thread writes to `number`.
#[inline(always)]
pub(crate) unsafe fn own(number: &atomic::AtomicU64) -> u64 {
    // SAFETY: only the calling thread writes, so this read does not race; reads of other threads do not matter.
    #[cfg(not(loom))]
    return unsafe { *ptr::from_ref(number).cast::<u64>() };
    // SAFETY: as above.
    #[cfg(loom)]
    return unsafe { number.unsync_load() };
}

/// A [`Cell`](std::cell::Cell) whose accessors are inlined even in a build without optimization, where a function call
/// costs as much as ten other instructions.
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
        // SAFETY: as above; the old value is `Copy`, so that nothing is dropped.
        unsafe { *self.0.get() = value }
    }
}

/// Returns an array of atomics with this value.
pub(crate) fn array<T, const N: usize>(value: impl Fn() -> T) -> [T; N] {
    std::array::from_fn(|_| value())
}

/// Relaxed loads and stores.
#[cfg(not(all(debug_assertions, target_arch = "x86_64", not(any(loom, miri)))))]
mod relaxed {
    use super::atomic;

    /// Loads a number that no loom model exercises.
    #[inline(always)]
    pub(crate) fn load_unmodeled(number: &std::sync::atomic::AtomicU64) -> u64 {
        number.load(std::sync::atomic::Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn load(number: &atomic::AtomicU64) -> u64 {
        number.load(atomic::Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn store(number: &atomic::AtomicU64, value: u64) {
        number.store(value, atomic::Ordering::Relaxed);
    }
}

/// Relaxed loads and stores by one instruction. In a build without optimization, those of the standard library take
/// about 35 instructions: three function calls and a match on the ordering. `debug_assertions` stands for such a build,
/// since no `cfg` tells the level of optimization.
#[cfg(all(debug_assertions, target_arch = "x86_64", not(any(loom, miri))))]
mod relaxed {
    use std::arch::asm;
    use std::ptr;
    use std::sync::atomic::AtomicU64;

    pub(crate) use self::load as load_unmodeled;

    #[inline(always)]
    pub(crate) fn load(number: &AtomicU64) -> u64 {
        let value: u64;
        // SAFETY: the address is that of `number`, which is aligned, so the load is atomic. It has no other effect.
        unsafe {
            asm!(
                "mov {value}, qword ptr [{number}]", value = out(reg) value, number = in(reg) ptr::from_ref(number),
                options(nostack, readonly, preserves_flags)
            );
        };
        value
    }

    #[inline(always)]
    pub(crate) fn store(number: &AtomicU64, value: u64) {
        // SAFETY: the address is that of `number`, which is aligned and writable, so the store is atomic. It has no
        // other effect.
        unsafe {
            asm!(
                "mov qword ptr [{number}], {value}", value = in(reg) value, number = in(reg) ptr::from_ref(number),
                options(nostack, preserves_flags)
            );
        };
    }
}
