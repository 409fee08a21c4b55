//! The connection of a client to its server: the open pipe, and the releases that it has not accepted yet.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use crate::thread::background::BackgroundThread;
use crate::thread::signalled::Signalled;
use crate::timers::Pid;

/// The first wait between two tries, and the longest.
pub(super) const BACKOFF: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

/// The connection to the server.
pub(super) struct Link {
    /// The process that opened it. A forked child opens its own.
    owner: Pid,
    pipe: Option<Arc<OwnedFd>>,
    /// Lines of releases that the pipe has not accepted, in any order: each is of another scope.
    pub(super) late: HashSet<Vec<u8>>,
    /// An acquire has waited for a server in vain, and no later one has reached a server.
    pub(super) is_down: bool,
    pub(super) is_closed: bool,
    pub(super) thread: BackgroundThread,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            owner: Pid::current(),
            pipe: None,
            late: HashSet::new(),
            is_down: false,
            is_closed: false,
            thread: BackgroundThread::new("timer-releases", 0),
        }
    }

    /// In a forked child, drops the releases and the thread of the parent.
    pub(super) fn notice_fork(&mut self) {
        if self.owner != Pid::current() {
            *self = Self { pipe: self.pipe.take(), ..Self::new() };
        }
    }

    /// Writes one line. The pipe accepts it whole or not at all.
    pub(super) fn write(&mut self, path: &Path, line: &[u8]) -> Result<(), Errno> {
        let mut is_new = self.pipe.is_none();
        loop {
            let pipe = match &self.pipe {
                Some(pipe) => pipe,
                None => self.pipe.insert(Arc::new(open(path)?)),
            };
            match rustix::io::write(pipe, line) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::PIPE) if !is_new => {
                    // Its server is gone. The old pipe stays open until there is a new one: it may hold unread lines.
                    self.pipe = Some(Arc::new(open(path)?));
                    is_new = true;
                }
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Writes late releases until the pipe accepts no more.
    pub(super) fn flush(&mut self, path: &Path) -> Result<(), Errno> {
        while let Some(line) = self.late.iter().next().cloned() {
            self.write(path, &line)?;
            self.late.remove(&line);
        }
        Ok(())
    }

    pub(super) fn start_delivery(&self, link: &Arc<Signalled<Self>>, path: &Arc<Path>) {
        let (link, path) = (Arc::clone(link), Arc::clone(path));
        // Without a thread, the next request delivers them.
        let _ = self.thread.start(move |_| deliver(&link, &path));
    }
}

/// Delivers late releases until the client is closed and none is left.
fn deliver(link: &Signalled<Link>, path: &Path) {
    let mut wait = BACKOFF.0;
    loop {
        let has_work = link.wait(|link| match link.late.is_empty() {
            true => link.is_closed.then_some(false),
            false => Some(true),
        });
        if !has_work {
            return;
        }
        let (flushed, pipe) = link.update(|link| (link.flush(path), link.pipe.clone()));
        match (flushed, pipe) {
            (Ok(()), _) => wait = BACKOFF.0,
            (Err(Errno::AGAIN), Some(pipe)) => wait_for_room(&pipe),
            _ => {
                link.wait_for(wait, |_| None::<()>);
                wait = (wait * 2).min(BACKOFF.1);
            }
        }
    }
}

/// Waits until a pipe accepts bytes again, at most the longest wait between two tries.
fn wait_for_room(pipe: &OwnedFd) {
    let nanos = i64::from(BACKOFF.1.subsec_nanos());
    let _ = poll(&mut [PollFd::new(pipe, PollFlags::OUT)], Some(&Timespec { tv_sec: 0, tv_nsec: nanos }));
}

/// Opens the pipe for writing. Fails if no server reads from it.
fn open(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let pipe = openat(CWD, path, flags, Mode::empty())?;
    let kind = FileType::from_raw_mode(fstat(&pipe)?.st_mode);
    if kind == FileType::Fifo { Ok(pipe) } else { Err(Errno::NOSTR) }
}

/// Returns whether an error means that no server reads from the pipe at present.
pub(super) fn is_unserved(errno: Errno) -> bool {
    matches!(errno, Errno::NXIO | Errno::NOENT | Errno::PIPE)
}
