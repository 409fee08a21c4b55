//! Calls into the C library for which `std` has no name. Each function here is safe to call.
#![allow(unsafe_code)]

/// Registers `hook` to run when the process exits: by a return from `main`, or by `exit` on any thread. The last hook
/// runs first. Returns whether the system accepted it.
#[cfg(any(unix, windows))]
pub(crate) fn at_exit(hook: extern "C" fn()) -> bool {
    // SAFETY: `hook` has no state and does not unwind. Where this crate is in a library that is unloaded, the C library
    // calls it before that, since `atexit` is linked into each library and registers for that library.
    unsafe { libc::atexit(hook) == 0 }
}

/// Other systems have no such hook.
#[cfg(not(any(unix, windows)))]
pub(crate) fn at_exit(_: extern "C" fn()) -> bool {
    false
}

/// An output of the process, without the lock and the buffer that the standard library puts around it: a thread that
/// holds the lock may be the one that exits, and waits for what is written here.
///
/// As in the standard library, what is written to an output that is closed counts as written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

/// Other systems translate what is written to a terminal, which the standard library does.
#[cfg(not(unix))]
impl std::io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Stdout => std::io::stdout().write(bytes),
            Self::Stderr => std::io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Stdout => std::io::stdout().flush(),
            Self::Stderr => Ok(()),
        }
    }
}

/// Without named pipes, no `open` waits.
#[cfg(all(not(unix), feature = "json"))]
pub(crate) fn open_at_once(
    options: &mut std::fs::OpenOptions,
    path: &std::path::Path,
) -> std::io::Result<std::fs::File> {
    options.open(path)
}

/// The metadata of a file that `find` and `find_open` return.
#[cfg(all(feature = "json", target_os = "linux", target_env = "gnu"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Device and inode.
    pub(crate) identity: (u64, u64),
    pub(crate) size_bytes: u64,
    /// How many names it has.
    pub(crate) names: u32,
}

/// Looks at the file that a path leads to.
///
/// Unlike [`std::fs::metadata`], it does not ask for times: once they have been asked for, the next write to the file
/// stores times of a finer resolution, which makes that write take more than twice as long.
///
/// # Errors
///
/// If there is none, or it cannot be looked at.
#[cfg(all(feature = "json", target_os = "linux", target_env = "gnu"))]
pub(crate) fn find(path: &std::path::Path) -> std::io::Result<Found> {
    use std::os::unix::ffi::OsStrExt as _;

    statx(libc::AT_FDCWD, &std::ffi::CString::new(path.as_os_str().as_bytes())?, 0)
}

/// Looks at an open file, which takes a third of the time.
///
/// # Errors
///
/// If it cannot be looked at.
#[cfg(all(feature = "json", target_os = "linux", target_env = "gnu"))]
pub(crate) fn find_open(file: &std::fs::File) -> std::io::Result<Found> {
    use std::os::fd::AsRawFd as _;

    statx(file.as_raw_fd(), c"", libc::AT_EMPTY_PATH)
}

#[cfg(all(feature = "json", target_os = "linux", target_env = "gnu"))]
fn statx(directory: i32, path: &std::ffi::CStr, flags: i32) -> std::io::Result<Found> {
    let mask = libc::STATX_INO | libc::STATX_NLINK | libc::STATX_SIZE;
    // SAFETY: an all-zero `statx` is valid; it and `path` live until the call returns.
    let (result, found) = unsafe {
        let mut found: libc::statx = std::mem::zeroed();
        (libc::statx(directory, path.as_ptr(), flags, mask, &raw mut found), found)
    };
    match result {
        0 => Ok(Found {
            identity: (libc::makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino),
            size_bytes: found.stx_size,
            names: found.stx_nlink,
        }),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// A change of the advisory lock of a file. None of them waits.
#[cfg(feature = "json")]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lock {
    /// Take it exclusively.
    Alone,
    /// Take it shared.
    Shared,
    /// Release it.
    Unlock,
}

/// Changes the advisory lock of a file. Returns `false` if another open file has a conflicting lock, and `true` where
/// the file system has no locks.
#[cfg(all(
    feature = "json",
    any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "linux",
        target_os = "netbsd",
        target_os = "openbsd",
        target_vendor = "apple"
    )
))]
pub(crate) fn flock(file: &std::fs::File, lock: Lock) -> bool {
    use std::os::fd::AsRawFd as _;

    let operation = match lock {
        Lock::Alone => libc::LOCK_EX | libc::LOCK_NB,
        Lock::Shared => libc::LOCK_SH | libc::LOCK_NB,
        Lock::Unlock => libc::LOCK_UN,
    };
    // SAFETY: the descriptor is open as long as `file` is; the call takes and returns integers.
    let is_changed = unsafe { libc::flock(file.as_raw_fd(), operation) == 0 };
    is_changed || std::io::Error::last_os_error().raw_os_error() != Some(libc::EWOULDBLOCK)
}

/// Other systems have no `flock`: no conflict is ever seen.
#[cfg(all(
    feature = "json",
    not(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "linux",
        target_os = "netbsd",
        target_os = "openbsd",
        target_vendor = "apple"
    ))
))]
pub(crate) fn flock(_: &std::fs::File, _: Lock) -> bool {
    true
}

/// Other systems do not tell beforehand whether a write would wait.
#[cfg(not(unix))]
pub(crate) fn stderr_takes(_: std::time::Duration) -> bool {
    true
}

/// Has these run around each fork on the thread that forks: before it, and after it in the parent and in the child.
#[cfg(all(unix, not(miri)))]
pub(crate) fn at_fork(before: extern "C" fn(), in_parent: extern "C" fn(), in_child: extern "C" fn()) {
    // SAFETY: the hooks have no state and do not unwind. Where this crate is in a library that is unloaded, the C library
    // forgets them with it. Where it has no memory for them, forks go without.
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

/// Other systems have no signals that a thread could take.
#[cfg(not(unix))]
pub(crate) fn without_signals<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Returns how many columns the terminal has that stderr is. `None` if stderr is none, or does not know.
#[cfg(all(windows, feature = "report"))]
pub(crate) fn stderr_columns() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stderr()).map(|(terminal_size::Width(columns), _)| columns.into())
}

/// No other system has terminals of which this crate knows.
#[cfg(all(not(any(unix, windows)), feature = "report"))]
pub(crate) fn stderr_columns() -> Option<usize> {
    None
}

#[cfg(unix)]
pub(crate) use self::unix::*;

#[cfg(unix)]
mod unix {
    #[cfg(feature = "json")]
    use std::fs::{File, OpenOptions};
    use std::io::{self, Write};
    #[cfg(feature = "json")]
    use std::os::fd::AsRawFd as _;
    #[cfg(feature = "json")]
    use std::os::unix::fs::OpenOptionsExt as _;
    #[cfg(feature = "json")]
    use std::path::Path;
    use std::time::Duration;

    pub(crate) use self::forks::NotInherited;
    use super::Output;

    /// Waits, at most for `timeout`, until a write to stderr would not block: a pipe has room, a terminal is not
    /// stopped; a file never blocks. Returns `false` if it would block still, or if stderr has lost its reader.
    pub(crate) fn stderr_takes(timeout: Duration) -> bool {
        let mut stderr = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: `stderr` is one `pollfd`, which lives until the call returns.
        let ready = unsafe { libc::poll(&raw mut stderr, 1, timeout_ms) };
        // Where `poll` fails (a closed descriptor, devices on some systems), the caller writes anyway.
        let is_gone = stderr.revents & (libc::POLLERR | libc::POLLHUP) != 0;
        ready < 0 || (ready > 0 && !is_gone)
    }

    /// Returns how many columns the terminal has that stderr is. `None` if stderr is none, or does not know.
    #[cfg(feature = "report")]
    pub(crate) fn stderr_columns() -> Option<usize> {
        // SAFETY: an all-zero `winsize` is valid; it lives until the call returns, which writes no more than that.
        let (result, size) = unsafe {
            let mut size: libc::winsize = std::mem::zeroed();
            (libc::ioctl(libc::STDERR_FILENO, libc::TIOCGWINSZ, &raw mut size), size)
        };
        (result == 0 && size.ws_col > 0).then(|| size.ws_col.into())
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let descriptor = match self {
                Self::Stdout => libc::STDOUT_FILENO,
                Self::Stderr => libc::STDERR_FILENO,
            };
            // SAFETY: `bytes` lives until the call returns, which reads as many bytes as there are, and no more.
            let written = unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) };
            usize::try_from(written).or_else(|_| match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::EBADF) => Ok(bytes.len()),
                error => Err(error),
            })
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Signals that stay unblocked, since they concern the thread that receives them: faults, traps, profiling timers.
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

    /// Opens a file without waiting for the reader of a named pipe. Writes to the file block as usual.
    ///
    /// # Errors
    ///
    /// If the path is a pipe that nobody reads, or cannot be opened.
    #[cfg(feature = "json")]
    pub(crate) fn open_at_once(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
        let opened = options.custom_flags(libc::O_NONBLOCK).open(path);
        let file = opened.map_err(|error| match error.raw_os_error() {
            Some(libc::ENXIO) => io::Error::new(error.kind(), "nobody reads this pipe; start its reader first"),
            _ => error,
        })?;
        // SAFETY: the descriptor is open as long as `file` is; these calls take and return integers.
        let is_set = unsafe {
            let flags = libc::fcntl(file.as_raw_fd(), libc::F_GETFL);
            flags >= 0 && libc::fcntl(file.as_raw_fd(), libc::F_SETFL, flags & !libc::O_NONBLOCK) >= 0
        };
        if is_set { Ok(file) } else { Err(io::Error::last_os_error()) }
    }

    /// Descriptors that a forked child closes.
    mod forks {
        use std::os::fd::{AsRawFd, RawFd};
        use std::sync::Once;
        use std::sync::atomic::{AtomicI32, Ordering};

        /// Has every forked child close one descriptor at once. `O_CLOEXEC` closes it only when the child executes
        /// another program.
        ///
        /// It has to be dropped before the descriptor is closed.
        #[derive(Debug)]
        pub(crate) struct NotInherited {
            place: Option<&'static AtomicI32>,
        }

        /// The descriptors that a child closes; -1 where there is none.
        static NOT_INHERITED: [AtomicI32; 1024] = [const { AtomicI32::new(-1) }; 1024];

        impl NotInherited {
            /// Lists the descriptor of `file`. If 1024 others are listed already, forked children keep it open.
            pub(crate) fn new(file: &impl AsRawFd) -> Self {
                static IS_HOOKED: Once = Once::new();
                // SAFETY: `close_in_child` has no state, does not unwind, and calls `close` alone, which may be called in a
                // child of a process with threads.
                IS_HOOKED.call_once(|| _ = unsafe { libc::pthread_atfork(None, None, Some(close_in_child)) });
                let fd = file.as_raw_fd();
                let takes =
                    |place: &&AtomicI32| place.compare_exchange(-1, fd, Ordering::SeqCst, Ordering::Relaxed).is_ok();
                Self { place: NOT_INHERITED.iter().find(takes) }
            }
        }

        impl Drop for NotInherited {
            fn drop(&mut self) {
                if let Some(place) = self.place {
                    place.store(-1, Ordering::SeqCst);
                }
            }
        }

        unsafe extern "C" fn close_in_child() {
            for place in &NOT_INHERITED {
                let fd: RawFd = place.swap(-1, Ordering::SeqCst);
                if fd >= 0 {
                    // SAFETY: the descriptor is open: a place is cleared before its descriptor is closed. Whoever owns it is
                    // on a thread that the child does not have, so that no one uses or closes it there.
                    unsafe { libc::close(fd) };
                }
            }
        }
    }

    /// Catches the signals that end a program.
    #[cfg(feature = "signals")]
    pub(crate) mod signals {
        use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
        use std::os::fd::AsRawFd as _;
        use std::sync::Mutex;
        use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

        use libc::{SIG_DFL, SIGHUP, SIGINT, SIGTERM, c_int, sighandler_t};

        use crate::base::lock;

        const ALL: [c_int; 3] = [SIGHUP, SIGINT, SIGTERM];

        /// What the handler writes to.
        static WRITER: AtomicI32 = AtomicI32::new(-1);
        /// The process that reads the other end.
        static PROCESS_ID: AtomicI32 = AtomicI32::new(0);

        /// When the first signal came, in milliseconds of the monotonic clock, times 256, plus the signal; 0 if none did.
        static FIRST: AtomicU64 = AtomicU64::new(0);
        /// For how long the signal that came first is taken for the same event when it comes again. `timeout` of coreutils
        /// signals its child and then the group that the child is in.
        const SAME_EVENT_MS: u64 = 1000;

        type Channel = (PipeReader, PipeWriter);

        /// The pipe from the handler to [`wait`], of this process alone.
        fn channel() -> io::Result<&'static Channel> {
            static CHANNEL: Mutex<Option<(u32, &Channel)>> = Mutex::new(None);
            let (here, mut channel) = (std::process::id(), lock(&CHANNEL));
            match *channel {
                Some((process_id, known)) if process_id == here => Ok(known),
                _ => {
                    // Never closed: the handler may run at any time.
                    let new: &Channel = Box::leak(Box::new(io::pipe()?));
                    *channel = Some((here, new));
                    Ok(new)
                }
            }
        }

        /// Opens the pipe that [`wait`] reads.
        pub(crate) fn prepare() -> io::Result<()> {
            let (_, writer) = channel()?;
            WRITER.store(writer.as_raw_fd(), Ordering::SeqCst);
            FIRST.store(0, Ordering::SeqCst);
            // SAFETY: it takes nothing and cannot fail.
            PROCESS_ID.store(unsafe { libc::getpid() }, Ordering::SeqCst);
            Ok(())
        }

        /// Catches the signals that nobody handles or ignores so far, once it is [prepared](prepare).
        pub(crate) fn catch() {
            for signal in ALL.into_iter().filter(|signal| handler_of(*signal) == Some(SIG_DFL)) {
                set_handler(signal, ours());
            }
        }

        /// Restores the default action of the signals, and makes [`wait`] return `None`.
        pub(crate) fn release() -> io::Result<()> {
            reset_ours();
            (&channel()?.1).write_all(&[0])
        }

        /// Waits for a caught signal. `None` once they are [released](release).
        pub(crate) fn wait() -> io::Result<Option<c_int>> {
            let mut signal = [0];
            (&channel()?.0).read_exact(&mut signal)?;
            Ok(Some(signal[0].into()).filter(|signal| *signal != 0))
        }

        /// Ends this process by the default action of a signal, unless the program handles it by now.
        pub(crate) fn end_by(signal: c_int) {
            reset_ours();
            // SAFETY: `set` is a set of signals that is made empty before it is read, and lives until the calls return.
            unsafe {
                let mut set = std::mem::zeroed();
                libc::sigemptyset(&raw mut set);
                libc::sigaddset(&raw mut set, signal);
                libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
                libc::raise(signal);
            }
            if handler_of(signal) == Some(SIG_DFL) {
                // The kernel does not apply the default action to process 1 of a container.
                // SAFETY: `_exit` runs no exit handlers; everything has been written out by now.
                unsafe { libc::_exit(128 + signal) };
            }
        }

        fn ours() -> sighandler_t {
            handle as extern "C" fn(c_int) as sighandler_t
        }

        /// The signal handler. Calls async-signal-safe functions only.
        ///
        /// The first signal is written to the pipe. A later one ends the program at once, unless it [repeats](is_repeated)
        /// the first.
        extern "C" fn handle(signal: c_int) {
            // SAFETY: `getpid` and `write` may be called in a handler. The writer is open, and `byte` lives until `write`
            // returns.
            unsafe {
                if libc::getpid() != PROCESS_ID.load(Ordering::SeqCst) {
                    // In a child that was forked, where no one reads.
                    return end_at_once(signal);
                }
                if handler_of(signal) != Some(ours()) {
                    // The program has installed a handler of its own since, which calls the one before it: this one.
                    return;
                }
                let (byte, now_ms) = (u8::try_from(signal).unwrap_or(0), now_ms());
                let this = (now_ms << 8) | u64::from(byte);
                match FIRST.compare_exchange(0, this, Ordering::SeqCst, Ordering::SeqCst) {
                    Ok(_) => _ = libc::write(WRITER.load(Ordering::SeqCst), (&raw const byte).cast(), 1),
                    Err(first) if is_repeated(first, signal, now_ms) => {}
                    Err(_) => end_at_once(signal),
                }
            }
        }

        /// Whether a signal belongs to the same event as the first one. Each of the kernel, the shell and the service
        /// manager may send SIGHUP when a terminal or a session is closed, in any order with other signals.
        fn is_repeated(first: u64, signal: c_int, now_ms: u64) -> bool {
            let is_same = u8::try_from(signal).is_ok_and(|signal| first & 0xff == u64::from(signal));
            signal == SIGHUP || (is_same && now_ms.saturating_sub(first >> 8) < SAME_EVENT_MS)
        }

        /// Ends this process by the default action of a signal that is handled just now.
        fn end_at_once(signal: c_int) {
            set_handler(signal, SIG_DFL);
            // SAFETY: these may be called in a handler. The signal is blocked in it, and comes again when it returns.
            unsafe {
                if libc::getpid() == 1 {
                    // The kernel does not apply the default action to process 1 of a container.
                    libc::_exit(128 + signal);
                }
                libc::raise(signal);
            }
        }

        fn now_ms() -> u64 {
            // SAFETY: `clock_gettime` may be called in a handler; an all-zero `timespec` is valid, and lives until the call
            // returns.
            let now = unsafe {
                let mut now: libc::timespec = std::mem::zeroed();
                libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now);
                now
            };
            let (seconds, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
            seconds.unwrap_or(0).saturating_mul(1000).saturating_add(nanos.unwrap_or(0) / 1_000_000)
        }

        fn reset_ours() {
            for signal in ALL.into_iter().filter(|signal| handler_of(*signal) == Some(ours())) {
                set_handler(signal, SIG_DFL);
            }
        }

        /// What happens when a signal comes. `None` if the system does not say.
        fn handler_of(signal: c_int) -> Option<sighandler_t> {
            // SAFETY: an all-zero `sigaction` is valid; it is written before it is read, and lives until the call
            // returns.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                let is_known = libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0;
                is_known.then_some(action.sa_sigaction)
            }
        }

        fn set_handler(signal: c_int, handler: sighandler_t) {
            // SAFETY: as above; the handler is the default, or `handle`, which takes a signal as it is called without
            // `SA_SIGINFO`. On a stack of its own if the thread has one, as some languages demand.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = handler;
                action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
                libc::sigfillset(&raw mut action.sa_mask);
                libc::sigaction(signal, &raw const action, std::ptr::null_mut());
            }
        }
    }
}
