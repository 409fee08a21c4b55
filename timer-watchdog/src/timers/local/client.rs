//! The client of a local queue.

use crate::time::Timestamp;
use crate::timers::{ClientError, LocalQueue, Pid, ScopeId, TimerClient, TimerRequest, WorkerId};

/// Sends the requests of one worker to a [`LocalQueue`].
///
/// When the queue's watchdog is gone, requests succeed and have no effect. See [`is_served`](Self::is_served).
///
/// # Examples
///
/// ```
/// use timer_watchdog::{LocalQueue, LocalTimerClient, RequestQueue, ScopeId, TimerClient, Timestamp};
///
/// let queue = LocalQueue::new(1);
/// let client = LocalTimerClient::new(queue.clone(), "worker");
/// client.acquire(&ScopeId::from("load"), Timestamp::NEVER)?;
/// let error = client.acquire(&ScopeId::from("store"), Timestamp::NEVER).unwrap_err();
/// assert!(error.to_string().ends_with("the queue holds 1 requests already"));
/// client.release(&ScopeId::from("load"))?; // A release always finds room.
/// assert_eq!(queue.size(), 2);
/// # Ok::<(), timer_watchdog::ClientError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LocalTimerClient<W = Pid> {
    queue: LocalQueue<W>,
    worker_id: W,
}

impl<W: WorkerId> LocalTimerClient<W> {
    /// Returns a client for `worker_id`.
    pub fn new(queue: LocalQueue<W>, worker_id: W) -> Self {
        Self { queue, worker_id }
    }

    /// Returns the worker whose requests it sends.
    pub fn worker_id(&self) -> &W {
        &self.worker_id
    }

    /// Returns whether a watchdog may still read the queue: false once it is gone.
    pub fn is_served(&self) -> bool {
        !self.queue.is_closed()
    }
}

impl<W: WorkerId> TimerClient for LocalTimerClient<W> {
    fn acquire(&self, scope: &ScopeId, expiration: Timestamp) -> Result<(), ClientError> {
        let request = TimerRequest::acquire(self.worker_id.clone(), scope.clone(), expiration);
        self.queue.put(request)
    }

    fn release(&self, scope: &ScopeId) -> Result<(), ClientError> {
        let request = TimerRequest::release(self.worker_id.clone(), scope.clone());
        self.queue.put(request)
    }

    fn now(&self) -> Timestamp {
        self.queue.clock().now()
    }
}
