//! What the tests share.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use timer_watchdog::{Event, LocalQueue, LocalTimerClient, LocalTimerServer, MockClock, ReapError, Reaper, Watchdog};

/// Far longer than anything here takes: it only ends a test that would hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A reaper that reports each worker it is given.
#[derive(Debug, Clone)]
pub(crate) struct Reporting(pub(crate) Sender<u32>);

impl Reaper<u32> for Reporting {
    fn reap(&self, worker_id: &u32) -> Result<bool, ReapError> {
        self.0.send(*worker_id).unwrap();
        Ok(true)
    }
}

pub(crate) type LocalWatchdog = Watchdog<LocalTimerServer<Reporting, u32>, LocalQueue<u32>, u32>;

/// A watchdog on a mock clock, and everything that comes out of it.
pub(crate) struct Bench {
    pub(crate) mock: MockClock,
    pub(crate) queue: LocalQueue<u32>,
    pub(crate) watchdog: LocalWatchdog,
    pub(crate) reaped: Receiver<u32>,
    pub(crate) events: Receiver<Event<u32>>,
}

impl Bench {
    pub(crate) fn new(max_interval: Duration) -> Self {
        let mock = MockClock::new();
        let queue = LocalQueue::with_clock(64, mock.clock());
        let (report, reaped) = channel();
        let (tell, events) = channel();
        let server = LocalTimerServer::new(Reporting(report));
        let watchdog = Watchdog::builder(server, queue.clone(), max_interval)
            .clock(mock.clock())
            .on_event(move |event| tell.send(event).unwrap_or(()))
            .build();
        Self { mock, queue, watchdog, reaped, events }
    }

    pub(crate) fn client(&self, worker: u32) -> LocalTimerClient<u32> {
        LocalTimerClient::new(self.queue.clone(), worker)
    }

    /// Waits for the first event that `pick` takes, skipping others.
    pub(crate) fn event<T>(&self, mut pick: impl FnMut(&Event<u32>) -> Option<T>) -> T {
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("the event should come");
            if let Some(found) = pick(&event) {
                return found;
            }
        }
    }

    /// Waits for a pass that registered something.
    pub(crate) fn registered(&self) -> usize {
        self.event(|event| match event {
            Event::Registered { requests } => Some(requests.len()),
            _ => None,
        })
    }
}

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
