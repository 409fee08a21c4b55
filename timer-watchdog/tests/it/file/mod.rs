//! Timers of real processes over real pipes.

mod channel;
mod client;
#[cfg(feature = "cli")]
mod command;
mod kills;
mod storm;
mod upstream;

use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use timer_watchdog::{
    Event, FileTimerClient, FileTimerServer, FileTimerServerBuilder, IncidentReport, KillTarget, Pid, Processes,
    RefusedWorker, Standing, WorkerEvent, WorkerProcess,
};

use crate::support::PATIENCE;

/// A folder that goes with the test.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("timer-watchdog-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server and all it tells.
pub(crate) struct Desk {
    pub(crate) server: FileTimerServer,
    pub(crate) events: Receiver<Event>,
    /// After the server, which removes its pipe.
    _folder: Folder,
}

impl Desk {
    pub(crate) fn new(change: impl FnOnce(FileTimerServerBuilder) -> FileTimerServerBuilder) -> Self {
        let folder = Folder::new();
        let (tell, events) = channel();
        let builder = FileTimerServer::builder(folder.file("timer")).run_id("test run");
        let builder = builder.on_event(move |event| tell.send(event).unwrap_or(()));
        Self { server: change(builder).build().unwrap(), events, _folder: folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.server.path()
    }

    /// A client that does not wait for a server.
    pub(crate) fn client(&self) -> FileTimerClient {
        FileTimerClient::new(self.path()).retry_for(Duration::ZERO)
    }

    /// Writes bytes into the pipe, as any program can.
    pub(crate) fn write(&self, bytes: impl AsRef<[u8]>) {
        use std::io::Write as _;
        let mut pipe = std::fs::OpenOptions::new().write(true).open(self.path()).unwrap();
        pipe.write_all(bytes.as_ref()).unwrap();
    }

    /// Waits for the first event that `pick` takes, skipping others.
    pub(crate) fn event<T>(&self, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("the event should come");
            if let Some(found) = pick(event) {
                return found;
            }
        }
    }

    /// Waits for the end of an incident.
    pub(crate) fn ended(&self) -> IncidentReport {
        self.event(|event| match event {
            Event::Worker(WorkerEvent::Ended { report }) => Some(*report),
            _ => None,
        })
    }

    /// Returns the names of all events so far.
    pub(crate) fn told(&self) -> Vec<&'static str> {
        assert!(self.server.flush(PATIENCE));
        self.events.try_iter().map(|event| event.name()).collect()
    }
}

pub(crate) fn pid_of(child: &Child) -> Pid {
    Pid(child.id().cast_signed())
}

/// Processes that exist only here: every number is one, and a signal ends it.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeProcesses {
    pub(crate) sent: Arc<Mutex<Vec<(Pid, i32)>>>,
}

impl FakeProcesses {
    pub(crate) fn sent(&self) -> Vec<(Pid, i32)> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Processes for FakeProcesses {
    fn find(&self, pid: Pid) -> Result<Arc<dyn WorkerProcess>, RefusedWorker> {
        Ok(Arc::new(FakeProcess { pid, sent: Arc::clone(&self.sent) }))
    }
}

#[derive(Debug)]
struct FakeProcess {
    pid: Pid,
    sent: Arc<Mutex<Vec<(Pid, i32)>>>,
}

impl WorkerProcess for FakeProcess {
    fn standing(&self) -> Standing {
        let sent = self.sent.lock().unwrap();
        match sent.iter().any(|(pid, _)| *pid == self.pid) {
            true => Standing::Gone,
            false => Standing::Alive { state: 'S', wait_channel: String::new() },
        }
    }

    fn send(&self, signal: i32, _target: KillTarget) -> std::io::Result<()> {
        self.sent.lock().unwrap().push((self.pid, signal));
        Ok(())
    }
}
