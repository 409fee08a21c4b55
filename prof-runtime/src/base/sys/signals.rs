//! Catches the signals that end a program.
#![allow(unsafe_code)]

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use libc::{SIG_DFL, SIGHUP, SIGINT, SIGTERM, c_int, sighandler_t};

use crate::base::lock;

const ALL: [c_int; 3] = [SIGHUP, SIGINT, SIGTERM];

/// The descriptor that the signal handler writes to.
static WRITER: AtomicI32 = AtomicI32::new(-1);
/// The id of the process that reads the other end.
static PROCESS_ID: AtomicI32 = AtomicI32::new(0);

/// The time of the first signal, in milliseconds of the monotonic clock, times 256, plus the signal; 0 before it.
static FIRST: AtomicU64 = AtomicU64::new(0);
/// The time within which the first signal counts as the same event when it arrives again. `timeout` of coreutils
/// signals its child, and then the process group of the child.
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

/// Catches the signals that have their default action. Call [`prepare`] before.
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

/// Ends this process by the default action of a signal, unless the program has set a handler for it meanwhile.
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
            // In a forked child, where no thread reads the pipe.
            return end_at_once(signal);
        }
        if handler_of(signal) != Some(ours()) {
            // The program has set a handler of its own meanwhile. That handler calls the previous one, which is this.
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

/// Ends this process by the default action of the signal that is being handled.
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

/// Returns the action of a signal. `None` if the system does not report it.
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
