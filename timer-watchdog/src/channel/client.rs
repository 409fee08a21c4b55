//! The client that sends requests through a named pipe.

mod link;

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use link::{BACKOFF, Link, is_unserved};

use crate::channel::FileTimerRequest;
use crate::process::SIGKILL;
use crate::thread::signalled::Signalled;
use crate::time::wall;
use crate::time::{Clock, Timestamp};
use crate::timers::{ClientError, Pid, ScopeId, TimerClient};

/// The default time for which an acquire waits for a server. As long as in `PyTorch`, so that a server may start
/// together with its workers.
const RETRY_LIMIT: Duration = Duration::from_secs(1);

/// Sends the requests of a worker process to a server, through a named pipe. It works with `PyTorch`'s servers, too.
///
/// The client keeps the pipe open, and finds a restarted server by itself. A request is one write that never blocks:
///
/// - An *acquire* without a server tries again for a limited time ([`retry_for`](Self::retry_for)). After such a
///   failure, further acquires fail at once until a server is reached. An acquire that finds the pipe full fails at
///   once.
/// - A *release* never fails and never waits. The client keeps a release that it cannot write, once for each scope. A
///   thread delivers it as soon as the pipe accepts it, even after the drop of the client. An acquire of the same scope
///   replaces it.
///
/// A drop waits for the delivery of releases, at most as long as an acquire may wait for a server.
///
/// After a fork, the child sends requests of its own. The program must ignore SIGPIPE, as programs in Rust and Python
/// do by default.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{FileTimerClient, expires_in};
///
/// let client = FileTimerClient::new("/nowhere/timer").retry_for(Duration::ZERO);
/// let error = expires_in("load", Duration::from_secs(5), &client).unwrap_err();
/// let cause = std::error::Error::source(&error).unwrap();
/// assert_eq!(cause.to_string(), r#"no server reads from "/nowhere/timer", so there is no timer for "load""#);
/// ```
pub struct FileTimerClient {
    path: Arc<Path>,
    /// None for the calling process.
    pid: Option<Pid>,
    signal: i32,
    limit: Duration,
    link: Arc<Signalled<Link>>,
}

impl FileTimerClient {
    /// Returns a client of the server that reads from `path`. It opens the pipe at the first request. Expired workers
    /// get SIGKILL.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into().into(),
            pid: None,
            signal: SIGKILL,
            limit: RETRY_LIMIT,
            link: Arc::new(Signalled::new(Link::new())),
        }
    }

    /// Returns a client of the server whose pipe the environment names: `TIMER_WATCHDOG_FILE`, or else
    /// `TORCHELASTIC_TIMER_FILE`.
    pub fn from_env() -> Option<Self> {
        let named = ["TIMER_WATCHDOG_FILE", "TORCHELASTIC_TIMER_FILE"].into_iter().find_map(env::var_os);
        named.filter(|path| !path.is_empty()).map(Self::new)
    }

    /// Sets the signal that an expired worker gets, 1 to 31. With 0 or less the server only reports it. Default:
    /// SIGKILL.
    #[must_use]
    pub fn signal(mut self, signal: i32) -> Self {
        self.signal = signal;
        self
    }

    /// Sets how long an acquire may wait for a server. Default: one second.
    #[must_use]
    pub fn retry_for(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sends requests of another process than the calling one.
    #[must_use]
    pub fn for_process(mut self, pid: Pid) -> Self {
        self.pid = Some(pid);
        self
    }

    /// Returns the path of the pipe.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of releases that the pipe has not accepted yet.
    pub fn pending_releases(&self) -> usize {
        self.link.peek(|link| link.late.len())
    }

    /// Waits until the pipe has accepted all releases, at most `limit`. Returns whether it has.
    pub fn flush(&self, limit: Duration) -> bool {
        self.link.wait_for(limit, |link| link.late.is_empty().then_some(())).is_some()
    }

    fn pid(&self) -> Pid {
        self.pid.unwrap_or_else(Pid::current)
    }

    fn line(request: FileTimerRequest) -> Vec<u8> {
        // A shortened request always fits. The default is an empty line, which readers skip.
        request.shortened().to_line().unwrap_or_default()
    }

    fn try_acquire(&self, line: &[u8], release: &[u8]) -> Result<(), Errno> {
        self.link.update(|link| {
            link.notice_fork();
            link.flush(&self.path)?;
            link.write(&self.path, line)?;
            link.is_down = false;
            link.late.remove(release);
            Ok(())
        })
    }

    /// Tries again until the limit, as long as no server reads.
    fn acquire_in_time(&self, line: &[u8], release: &[u8]) -> Result<(), Errno> {
        let clock = Clock::monotonic();
        let deadline = clock.now().after(self.limit);
        let mut wait = BACKOFF.0;
        loop {
            let Err(errno) = self.try_acquire(line, release) else {
                return Ok(());
            };
            let now = clock.now();
            if !is_unserved(errno) || now >= deadline || self.link.peek(|link| link.is_down) {
                self.link.update(|link| link.is_down |= is_unserved(errno));
                return Err(errno);
            }
            self.link.wait_until(now.after(wait).min(deadline), |_| None::<()>);
            wait = (wait * 2).min(BACKOFF.1);
        }
    }
}

impl TimerClient for FileTimerClient {
    fn acquire(&self, scope: &ScopeId, expiration: Timestamp) -> Result<(), ClientError> {
        let seconds = match expiration {
            Timestamp::NEVER => f64::INFINITY,
            _ => (wall::since_epoch() + expiration.since(self.now())).as_secs_f64(),
        };
        let request = FileTimerRequest::acquire(self.pid(), scope.clone(), seconds, self.signal);
        let release = Self::line(FileTimerRequest::release(self.pid(), scope.clone()));
        self.acquire_in_time(&Self::line(request), &release).map_err(|errno| {
            let (scope, path, source) = (scope.clone(), self.path.to_path_buf(), errno.into());
            match errno {
                Errno::AGAIN => ClientError::PipeFull { scope, path },
                _ => ClientError::Unserved { scope, path, source },
            }
        })
    }

    fn release(&self, scope: &ScopeId) -> Result<(), ClientError> {
        let line = Self::line(FileTimerRequest::release(self.pid(), scope.clone()));
        self.link.update(|link| {
            link.notice_fork();
            if link.flush(&self.path).and_then(|()| link.write(&self.path, &line)).is_err() {
                link.late.insert(line);
                link.start_delivery(&self.link, &self.path);
            }
        });
        Ok(())
    }
}

impl Drop for FileTimerClient {
    fn drop(&mut self) {
        let thread = self.link.update(|link| {
            link.is_closed = true;
            link.thread.clone()
        });
        if self.pending_releases() > 0 || thread.is_running() {
            // After the limit, undelivered releases keep the thread and nothing else.
            let _ = thread.stop(|| self.link.update(|_| ()), self.limit);
        }
    }
}

impl fmt::Debug for FileTimerClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileTimerClient")
            .field("path", &self.path)
            .field("pending_releases", &self.pending_releases())
            .finish_non_exhaustive()
    }
}
