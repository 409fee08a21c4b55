//! A bounded queue of requests inside one process.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::thread::signalled::Signalled;
use crate::time::Clock;
use crate::timers::{ClientError, Pid, QueueError, RequestKind, RequestQueue, TimerRequest, WorkerId};

/// A bounded queue of requests. Its clones are the same queue.
///
/// A full queue refuses an acquire. It never refuses a release, because a worker whose release is lost is reaped: the
/// queue keeps such releases beside it, one for each worker and scope, and delivers them after the requests queued
/// before. (One is enough: while the queue is full, no acquire comes between two releases.)
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{LocalQueue, RequestQueue, TimerRequest, Timestamp};
///
/// let queue = LocalQueue::new(16);
/// queue.put(TimerRequest::acquire("worker", "load", Timestamp::NEVER))?;
/// queue.put(TimerRequest::release("worker", "load"))?;
/// assert_eq!(queue.size(), 2);
/// let requests = queue.get(2, Duration::from_secs(1)).unwrap();
/// assert_eq!(requests[1], TimerRequest::release("worker", "load"));
/// assert_eq!(queue.get(1, Duration::ZERO).unwrap(), []);
/// # Ok::<(), timer_watchdog::ClientError>(())
/// ```
pub struct LocalQueue<W = Pid> {
    waiting: Arc<Signalled<Waiting<W>>>,
    clock: Clock,
    capacity: usize,
}

struct Waiting<W> {
    /// At most `capacity`, which is allocated at the start, so that the drop of a guard does not allocate while there
    /// is room.
    requests: VecDeque<TimerRequest<W>>,
    /// Releases that found `requests` full. They come after it, in any order.
    late_releases: VecDeque<TimerRequest<W>>,
    /// The same releases, so that each is kept once.
    late_names: HashSet<TimerRequest<W>>,
    is_woken: bool,
    is_closed: bool,
}

impl<W: WorkerId> LocalQueue<W> {
    /// Returns a queue that holds `capacity` requests, at least one, on the monotonic clock.
    pub fn new(capacity: usize) -> Self {
        Self::with_clock(capacity, Clock::monotonic())
    }

    /// Returns a queue that waits on `clock`.
    pub fn with_clock(capacity: usize, clock: Clock) -> Self {
        let capacity = capacity.max(1);
        Self {
            waiting: Signalled::with_clock(
                Waiting {
                    requests: VecDeque::with_capacity(capacity),
                    late_releases: VecDeque::new(),
                    late_names: HashSet::new(),
                    is_woken: false,
                    is_closed: false,
                },
                &clock,
            ),
            clock,
            capacity,
        }
    }

    /// Queues a request. Never blocks.
    ///
    /// # Errors
    ///
    /// [`ClientError::QueueFull`] for an acquire that finds the queue full. A release always succeeds.
    pub fn put(&self, request: TimerRequest<W>) -> Result<(), ClientError> {
        let capacity = self.capacity;
        self.waiting.update(|waiting| waiting.put(request, capacity))
    }

    /// Returns the clock that the queue waits on.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns whether the watchdog of the queue is gone. The queue then accepts requests and drops them.
    pub fn is_closed(&self) -> bool {
        self.waiting.peek(|waiting| waiting.is_closed)
    }
}

impl<W: WorkerId> Waiting<W> {
    fn put(&mut self, request: TimerRequest<W>, capacity: usize) -> Result<(), ClientError> {
        if self.is_closed {
            return Ok(());
        }
        if self.requests.len() < capacity && self.late_releases.is_empty() {
            self.requests.push_back(request);
            return Ok(());
        }
        match request.kind {
            RequestKind::Acquire { .. } => Err(ClientError::QueueFull {
                scope: request.scope_id,
                worker: format!("{:?}", request.worker_id),
                capacity,
            }),
            RequestKind::Release => {
                if self.late_names.insert(request.clone()) {
                    self.late_releases.push_back(request);
                }
                Ok(())
            }
        }
    }

    fn len(&self) -> usize {
        self.requests.len() + self.late_releases.len()
    }

    fn take(&mut self) -> Option<TimerRequest<W>> {
        self.requests.pop_front().or_else(|| {
            let late = self.late_releases.pop_front()?;
            self.late_names.remove(&late);
            Some(late)
        })
    }

    /// Moves requests to `taken`. Returns whether the wait for `size` of them is over.
    fn fill(&mut self, taken: &mut Vec<TimerRequest<W>>, size: usize) -> bool {
        while taken.len() < size {
            let Some(request) = self.take() else {
                return std::mem::take(&mut self.is_woken) || self.is_closed;
            };
            taken.push(request);
        }
        true
    }
}

impl<W: WorkerId> RequestQueue<W> for LocalQueue<W> {
    fn size(&self) -> usize {
        self.waiting.peek(Waiting::len)
    }

    fn get(&self, size: usize, timeout: Duration) -> Result<Vec<TimerRequest<W>>, QueueError> {
        let mut taken = Vec::new();
        self.waiting.wait_for(timeout, |waiting| waiting.fill(&mut taken, size).then_some(()));
        Ok(taken)
    }

    fn wake(&self) {
        self.waiting.update(|waiting| waiting.is_woken = true);
    }

    fn close(&self) {
        let forgotten = self.waiting.update(|waiting| {
            waiting.is_closed = true;
            waiting.late_names.clear();
            (std::mem::take(&mut waiting.requests), std::mem::take(&mut waiting.late_releases))
        });
        // Outside the lock, because the drop of a worker's id runs code of the user.
        drop(forgotten);
    }
}

impl<W> Clone for LocalQueue<W> {
    fn clone(&self) -> Self {
        Self { waiting: Arc::clone(&self.waiting), clock: self.clock.clone(), capacity: self.capacity }
    }
}

impl<W> fmt::Debug for LocalQueue<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalQueue")
            .field("capacity", &self.capacity)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
