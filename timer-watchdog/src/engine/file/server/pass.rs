//! One pass of the server: waits for requests, exits of workers and deadlines, and deals with them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

use crate::channel::PipeError;
use crate::channel::pipe::Pipe;
use crate::engine::Observer;
use crate::engine::file::incident::Collector;
use crate::engine::file::state::State;
use crate::engine::pass_loop::Passes;
use crate::process::{KillPolicy, KillTarget, LinuxProcesses, Processes, WorkerProcess};
use crate::report::sd_notify::SdNotify;
use crate::report::{Event, PassError, WorkerEvent};
use crate::time::{Gap, Timestamp};
use crate::timers::{Pid, QueueError};

/// The name of the thread.
pub(super) const THREAD: &str = "file-timers";

/// The number of events of one kind that are all told. Later ones are told if their number is a power of two.
const UNSAMPLED: u64 = 8;

/// The state that the server shares with its thread.
pub(in crate::engine::file) struct Shared {
    pub(in crate::engine::file) path: PathBuf,
    pub(in crate::engine::file) run_id: String,
    pub(in crate::engine::file) observer: Observer<Pid>,
    pub(in crate::engine::file) policy: KillPolicy,
    pub(in crate::engine::file) quota: usize,
    pub(in crate::engine::file) processes: Box<dyn Processes>,
    pub(in crate::engine::file) collector: Collector,
    pub(super) wake: Arc<Wake>,
    pub(super) notify: Mutex<Option<SdNotify>>,
    /// Never held during a wait.
    pub(super) state: Mutex<State>,
}

/// The ends of a wait.
struct Plan {
    pipes: Vec<Arc<Pipe>>,
    processes: Vec<(Pid, Arc<dyn WorkerProcess>)>,
    due: Timestamp,
    start: Timestamp,
}

impl Passes for Shared {
    type Worker = Pid;
    type Report = usize;

    fn observer(&self) -> &Observer<Pid> {
        &self.observer
    }

    /// Returns the number of requests.
    fn pass(&self, timeout: Duration) -> Result<usize, PassError> {
        let clock = &self.observer.clock;
        let start = clock.now();
        let plan = self.plan(start, timeout);
        let ended = wait(&plan, &self.wake, clock.now()).map_err(|error| cannot("wait for", error))?;
        let got = clock.now();
        let requests = self.carry_out(&plan, &ended, got).map_err(|error| cannot("read", error))?;
        self.notify(|notify| notify.passed(clock.now()));
        Ok(requests)
    }

    fn wake(&self) {
        self.wake.wake();
    }

    fn begin(&self) {
        let (max_interval, path) = (self.observer.max_interval, Some(self.path.clone()));
        self.emit(Event::Started { max_interval, path });
        self.notify(|notify| notify.ready());
    }

    fn end(&self) {
        self.notify(|notify| notify.stopping());
        self.emit(Event::Stopped);
    }
}

impl Shared {
    /// Takes the lock. Each change of the state is one call, so a poisoned lock is fine.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::engine::file) fn emit(&self, event: impl Into<Event>) {
        self.observer.emit(|| event);
    }

    /// Sends the `total`th event of a kind that clients can cause at will.
    pub(in crate::engine::file) fn emit_sampled(&self, total: u64, event: impl FnOnce() -> WorkerEvent) {
        if total <= UNSAMPLED || total.is_power_of_two() {
            self.emit(event());
        }
    }

    /// Sends the signal of a kill to the own process, too, if the policy says so.
    pub(in crate::engine::file) fn end_server(&self, signal: i32) {
        if self.policy.ends_server {
            let own = LinuxProcesses::new(&KillPolicy::new().own_process_too().other_users_too()).find(Pid::current());
            let sent = own.map(|own| own.send(signal, KillTarget::Process));
            debug_assert!(sent.is_ok_and(|sent| sent.is_ok()), "a process may signal itself");
        }
    }

    fn notify(&self, tell: impl FnOnce(&mut SdNotify)) {
        let mut notify = self.notify.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = &mut *notify {
            tell(notify);
        }
    }

    fn plan(&self, start: Timestamp, timeout: Duration) -> Plan {
        let state = self.lock();
        Plan {
            pipes: state.pipes.iter().map(|source| Arc::clone(&source.pipe)).collect(),
            processes: state.awaited(),
            due: state.due(start).min(start.after(timeout)),
            start,
        }
    }

    fn carry_out(&self, plan: &Plan, ended: &[(Pid, Arc<dyn WorkerProcess>)], got: Timestamp) -> io::Result<usize> {
        let mut state = self.lock();
        // Requests that a process sent before its exit are carried out first. A failed read does not delay its exit.
        let requests = state.read(self, got);
        state.ended(self, ended);
        let requests = requests?;
        state.end_fragments(self, got);
        // After the read, so that timers acquired before or in a gap are credited.
        let Observer { clock, gaps, .. } = &self.observer;
        let now = clock.now();
        self.credit(&mut state, gaps.in_wait(plan.start, plan.due, got));
        self.credit(&mut state, gaps.in_work(got, now));
        state.expire(self, now);
        state.advance(self, now);
        self.keep_pipe(&mut state);
        Ok(requests)
    }

    fn credit(&self, state: &mut State, gap: Option<Gap>) {
        if let Some(gap) = gap {
            state.credit(gap.credited);
            self.observer.emit_gap(gap);
        }
    }

    /// Creates the pipe again if its path is gone. The old one is still read, because clients have it open.
    fn keep_pipe(&self, state: &mut State) {
        if state.pipes.last().is_none_or(|source| source.pipe.is_in_place()) {
            return;
        }
        match Pipe::take(&self.path) {
            Ok(pipe) => {
                state.add_pipe(pipe);
                state.is_pipe_lost = false;
                self.emit(WorkerEvent::PipeRestored { path: self.path.clone() });
            }
            Err(error) => self.pipe_lost(state, error),
        }
    }

    fn pipe_lost(&self, state: &mut State, error: PipeError) {
        if !std::mem::replace(&mut state.is_pipe_lost, true) {
            self.emit(WorkerEvent::PipeLost { error });
        }
    }
}

fn cannot(verb: &str, source: io::Error) -> PassError {
    QueueError::Io { action: format!("{verb} requests"), source }.into()
}

/// Waits for requests, exits of processes, a wake, or the time. Returns the processes that have ended.
fn wait(plan: &Plan, wake: &Wake, now: Timestamp) -> io::Result<Vec<(Pid, Arc<dyn WorkerProcess>)>> {
    let left = plan.due.since(now);
    let timeout =
        Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
    let awaited: Vec<_> = plan.processes.iter().filter(|(_, process)| process.exit_fd().is_some()).collect();
    let mut fds = vec![PollFd::new(&wake.fd, PollFlags::IN)];
    fds.extend(
        awaited
            .iter()
            .filter_map(|(_, process)| process.exit_fd())
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
    );
    let pipes: Vec<_> = plan.pipes.iter().map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)).collect();
    fds.extend(pipes);
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    wake.clear();
    let ended = awaited.iter().zip(&fds[1..]).filter(|(_, fd)| !fd.revents().is_empty());
    Ok(ended.map(|((pid, process), _)| (*pid, Arc::clone(process))).collect())
}

/// Ends a wait from another thread.
pub(super) struct Wake {
    fd: OwnedFd,
}

impl Wake {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { fd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    pub(super) fn wake(&self) {
        // A full counter holds wakes enough.
        let _ = rustix::io::write(&self.fd, &1_u64.to_ne_bytes());
    }

    fn clear(&self) {
        let _ = rustix::io::read(&self.fd, &mut [0_u8; 8]);
    }
}
