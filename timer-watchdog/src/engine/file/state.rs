//! The state of a server of file timers, under its lock: pipes, workers, timers and incidents.

mod incidents;
mod requests;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::incident::Incident;
use super::server::Shared;
use crate::channel::pipe::Pipe;
use crate::channel::{FileTimerRequest, LineReader};
use crate::process::WorkerProcess;
use crate::report::{IncidentReport, WorkerEvent};
use crate::time::Timestamp;
use crate::timers::pausable::PausableTimers;
use crate::timers::{Pid, ScopeId};

/// The most bytes that one pass reads from the pipes, so that a flood of requests does not delay an expiry by much.
const LOOK_BYTES: usize = 256 * 1024;
/// How long half a line may wait for its rest, which comes at once if it comes at all.
const FRAGMENT_AGE: Duration = Duration::from_secs(1);
/// The most workers without timers that stay known, so that their next timer needs no read of `/proc`.
const MAX_IDLE_WORKERS: usize = 1024;
/// The most pipes that are read. All but the newest have lost their path.
const MAX_PIPES: usize = 4;

pub(super) struct State {
    /// The newest is last. The others have lost their path.
    pub(super) pipes: Vec<Source>,
    timers: PausableTimers<Pid>,
    /// Contains every process with a timer or an incident.
    workers: HashMap<Pid, Held>,
    incidents: HashMap<Pid, Incident>,
    pub(super) counts: Counts,
    pub(super) recent: VecDeque<IncidentReport>,
    pub(super) is_pipe_lost: bool,
    buffer: Vec<u8>,
}

/// A pipe and its unfinished line.
pub(super) struct Source {
    pub(super) pipe: Arc<Pipe>,
    reader: LineReader,
    fragment_since: Timestamp,
}

/// A worker and its open scopes.
struct Held {
    process: Arc<dyn WorkerProcess>,
    scopes: HashMap<ScopeId, OpenScope>,
}

#[derive(Clone, Copy)]
struct OpenScope {
    signal: i32,
    since: Timestamp,
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) requests: u64,
    pub(super) bad_lines: u64,
    pub(super) refused: u64,
    pub(super) over_quota: u64,
    pub(super) exited: u64,
    pub(super) incidents: u64,
}

impl State {
    pub(super) fn new(pipe: Pipe) -> Self {
        let mut state = Self {
            pipes: Vec::new(),
            timers: PausableTimers::new(),
            workers: HashMap::new(),
            incidents: HashMap::new(),
            counts: Counts::default(),
            recent: VecDeque::new(),
            is_pipe_lost: false,
            buffer: vec![0; 64 * 1024],
        };
        state.add_pipe(pipe);
        state
    }

    pub(super) fn add_pipe(&mut self, pipe: Pipe) {
        let source = Source { pipe: Arc::new(pipe), reader: LineReader::new(), fragment_since: Timestamp::ZERO };
        self.pipes.push(source);
        if self.pipes.len() > MAX_PIPES {
            self.pipes.remove(0);
        }
    }

    pub(super) fn timers(&self) -> usize {
        self.timers.len()
    }

    /// Returns the processes whose exit ends a wait.
    pub(super) fn awaited(&self) -> Vec<(Pid, Arc<dyn WorkerProcess>)> {
        let is_awaited = |pid: &Pid| self.incidents.get(pid).is_none_or(|incident| !incident.has_ended);
        let awaited = self.workers.iter().filter(|(pid, _)| is_awaited(pid));
        awaited.map(|(pid, held)| (*pid, Arc::clone(&held.process))).collect()
    }

    /// Returns when the next deadline or step is due.
    pub(super) fn due(&self, now: Timestamp) -> Timestamp {
        let incidents = self.incidents.values().map(Incident::due);
        let fragments = self.pipes.iter().filter(|source| source.reader.fragment_bytes() > 0);
        let fragments = fragments.map(|source| source.fragment_since.after(FRAGMENT_AGE));
        incidents.chain(fragments).chain(self.timers.next_deadline(now)).min().unwrap_or(Timestamp::NEVER)
    }

    /// Moves the deadlines of all timers back by `gap`.
    pub(super) fn credit(&mut self, gap: Duration) {
        self.timers.credit(gap);
    }

    /// Clears the timers of processes that have ended. A process with an incident keeps them until its end.
    pub(super) fn ended(&mut self, shared: &Shared, ended: &[(Pid, Arc<dyn WorkerProcess>)]) {
        for (pid, process) in ended {
            let is_same = self.workers.get(pid).is_some_and(|held| Arc::ptr_eq(&held.process, process));
            match self.incidents.get_mut(pid) {
                Some(incident) => incident.has_ended = true,
                None if is_same => self.purge(shared, *pid),
                None => {}
            }
        }
    }

    fn purge(&mut self, shared: &Shared, pid: Pid) {
        self.workers.remove(&pid);
        let timers = self.timers.clear(&pid);
        if timers > 0 {
            self.counts.exited += 1;
            shared.emit(WorkerEvent::Exited { pid, timers });
        }
    }

    /// Reads requests from the pipes and carries them out. Returns their number.
    pub(super) fn read(&mut self, shared: &Shared, now: Timestamp) -> io::Result<usize> {
        let mut requests = Vec::new();
        let mut bad = Vec::new();
        let (mut left, mut result) = (LOOK_BYTES, Ok(()));
        for source in &mut self.pipes {
            loop {
                let length = match source.pipe.read(&mut self.buffer) {
                    Ok(length) => length,
                    Err(error) => {
                        result = Err(error);
                        break;
                    }
                };
                source.feed(&self.buffer[..length], now, &mut |line| match line {
                    Ok(request) => requests.push(request),
                    Err(error) => bad.push(error),
                });
                left = left.saturating_sub(length);
                if length == 0 || left == 0 {
                    break;
                }
            }
        }
        for error in bad {
            self.counts.bad_lines += 1;
            let total = self.counts.bad_lines;
            shared.emit_sampled(total, || WorkerEvent::BadLine { error, total });
        }
        self.register(shared, &requests, now);
        // Requests are carried out before a failure is returned.
        result.map(|()| requests.len())
    }

    /// Ends lines whose rest has not come in time.
    pub(super) fn end_fragments(&mut self, shared: &Shared, now: Timestamp) {
        let mut lines = Vec::new();
        for source in &mut self.pipes {
            if source.reader.fragment_bytes() > 0 && now.since(source.fragment_since) >= FRAGMENT_AGE {
                source.reader.end_line(|line| lines.push(line));
            }
        }
        for line in lines {
            match line {
                // A whole request without its newline counts.
                Ok(request) => self.register(shared, &[request], now),
                Err(error) => {
                    self.counts.bad_lines += 1;
                    let total = self.counts.bad_lines;
                    shared.emit_sampled(total, || WorkerEvent::BadLine { error, total });
                }
            }
        }
    }
}

impl Source {
    fn feed(
        &mut self,
        bytes: &[u8],
        now: Timestamp,
        take: &mut impl FnMut(Result<FileTimerRequest, crate::channel::LineError>),
    ) {
        if !bytes.is_empty() {
            self.fragment_since = now;
            self.reader.feed(bytes, take);
        }
    }
}
