//! Threads that take no signals.
#![allow(unsafe_code)]

/// Signals that stay unblocked, since they concern the thread that receives them: faults, traps, profiling timers.
#[cfg(unix)]
const OF_THREADS: [libc::c_int; 8] = [
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGPROF,
    libc::SIGSEGV,
    libc::SIGSYS,
    libc::SIGTRAP,
];

/// Runs `f`, which starts a thread, with signals blocked on this thread. The new thread inherits the mask and takes
/// no signal for as long as it lives: a program that waits for signals on chosen threads does not know about ours.
#[cfg(unix)]
pub(crate) fn without_signals<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(libc::sigset_t);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the set is what the system said; it lives until the call returns.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
        }
    }
    // SAFETY: an all-zero `sigset_t` is valid; both are written before they are read, and live until the calls
    // return.
    let _restore = unsafe {
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut all);
        for signal in OF_THREADS {
            libc::sigdelset(&raw mut all, signal);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        Restore(before)
    };
    f()
}

/// Other systems have no signals that a thread could take.
#[cfg(not(unix))]
pub(crate) fn without_signals<R>(f: impl FnOnce() -> R) -> R {
    f()
}
