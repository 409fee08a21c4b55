//! What happens around a fork, and descriptors that a forked child closes.
#![allow(unsafe_code)]

#[cfg(unix)]
pub(crate) use self::descriptors::NotInherited;

/// Registers functions that run on the forking thread: before each fork, and after it in the parent and in the child.
#[cfg(all(unix, not(miri)))]
pub(crate) fn at_fork(before: extern "C" fn(), in_parent: extern "C" fn(), in_child: extern "C" fn()) {
    // SAFETY: the hooks have no state and do not unwind. Where this crate is in a library that is unloaded, the C
    // library removes them with it. If it has no memory for them, they do not run.
    unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
}

/// Other systems have no `fork`.
#[cfg(any(not(unix), miri))]
pub(crate) fn at_fork(_: extern "C" fn(), _: extern "C" fn(), _: extern "C" fn()) {}

/// Other systems have no `fork`.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct NotInherited;

#[cfg(not(unix))]
impl NotInherited {
    pub(crate) fn new<T>(_: &T) -> Self {
        Self
    }
}

#[cfg(unix)]
mod descriptors {
    use std::os::fd::{AsRawFd, RawFd};
    use std::sync::Once;
    use std::sync::atomic::{AtomicI32, Ordering};

    /// Makes every forked child close one descriptor at once. `O_CLOEXEC` closes it only when the child executes
    /// another program.
    ///
    /// Drop this before the descriptor is closed.
    #[derive(Debug)]
    pub(crate) struct NotInherited {
        slot: Option<&'static AtomicI32>,
    }

    /// The descriptors that a child closes; -1 in a free slot.
    static NOT_INHERITED: [AtomicI32; 1024] = [const { AtomicI32::new(-1) }; 1024];

    impl NotInherited {
        /// Registers the descriptor of `file`. If 1024 others are registered, forked children keep it open.
        pub(crate) fn new(file: &impl AsRawFd) -> Self {
            static IS_HOOKED: Once = Once::new();
            // SAFETY: `close_in_child` has no state, does not unwind, and calls `close` alone, which may be called in a
            // child of a process with threads.
            IS_HOOKED.call_once(|| _ = unsafe { libc::pthread_atfork(None, None, Some(close_in_child)) });
            let fd = file.as_raw_fd();
            let takes = |slot: &&AtomicI32| slot.compare_exchange(-1, fd, Ordering::SeqCst, Ordering::Relaxed).is_ok();
            Self { slot: NOT_INHERITED.iter().find(takes) }
        }
    }

    impl Drop for NotInherited {
        fn drop(&mut self) {
            if let Some(slot) = self.slot {
                slot.store(-1, Ordering::SeqCst);
            }
        }
    }

    unsafe extern "C" fn close_in_child() {
        for slot in &NOT_INHERITED {
            let fd: RawFd = slot.swap(-1, Ordering::SeqCst);
            if fd >= 0 {
                // SAFETY: the descriptor is open: a slot is cleared before its descriptor is closed. Its owner is on a
                // thread that the child does not have, so nothing uses or closes it there.
                unsafe { libc::close(fd) };
            }
        }
    }
}
