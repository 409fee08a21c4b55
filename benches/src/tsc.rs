//! The machine's counter, read without anything around it: the limit for all that take two readings per call.
#![allow(unsafe_code)]

/// Reads the counter.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn read() -> u64 {
    // SAFETY: `rdtsc` is part of every x86-64; where the system forbids it to programs, it ends this one.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Reads the counter.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub(crate) fn read() -> u64 {
    let ticks: u64;
    // SAFETY: the virtual counter is readable by programs on every system that Rust's std supports; reading it changes
    // neither memory nor flags.
    unsafe { std::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
    ticks
}

/// Reads the nearest thing to a counter that this machine has.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(always)]
pub(crate) fn read() -> u64 {
    quanta::Clock::new().raw()
}
