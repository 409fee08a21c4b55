//! The only file that opens pidfds and sends signals to single processes. A pidfd stays with one process when its
//! number passes to another.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::timers::Pid;

/// Opens a pidfd of the process that has this number now; [`io::ErrorKind::NotFound`] if none has.
pub(super) fn open(pid: Pid) -> io::Result<OwnedFd> {
    let number = rustix::process::Pid::from_raw(pid.0).ok_or(io::ErrorKind::InvalidInput)?;
    pidfd_open(number, PidfdFlags::empty()).map_err(not_found)
}

/// Sends a signal to the process; [`io::ErrorKind::NotFound`] if it is gone.
pub(super) fn send(pidfd: &OwnedFd, signal: i32) -> io::Result<()> {
    pidfd_send_signal(pidfd, named(signal)?).map_err(not_found)
}

/// Returns whether the process has ended. A zombie has.
pub(super) fn has_ended(pidfd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
}

/// Returns the signal of this number, if there is one.
pub(super) fn named(signal: i32) -> io::Result<Signal> {
    let unknown = || io::Error::new(io::ErrorKind::InvalidInput, format!("there is no signal {signal}"));
    Signal::from_named_raw(signal).ok_or_else(unknown)
}

/// Gives "no such process" the kind [`io::ErrorKind::NotFound`], which the standard library does not.
pub(super) fn not_found(errno: Errno) -> io::Error {
    if errno == Errno::SRCH { io::Error::new(io::ErrorKind::NotFound, errno) } else { errno.into() }
}
