//! One worker whose timer has expired: its evidence is read, then it is killed.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::process::Ladder;
use crate::process::{Evidence, WorkerProcess};
use crate::report::IncidentReport;
use crate::thread::background::BackgroundThread;
use crate::thread::signalled::Signalled;
use crate::time::Timestamp;
use crate::time::wall;

/// The most threads that read evidence or write dumps at a time. Further incidents have neither.
const MAX_THREADS: usize = 16;

/// An expired worker that is being dealt with.
pub(super) struct Incident {
    pub(super) process: Arc<dyn WorkerProcess>,
    pub(super) report: IncidentReport,
    pub(super) step: Step,
    /// The process has ended, so its descriptor is not polled anymore.
    pub(super) has_ended: bool,
}

/// The step of an incident.
pub(super) enum Step {
    /// Evidence is being read, at most `until`.
    Reading { evidence: Arc<Signalled<Option<Evidence>>>, until: Timestamp },
    /// The kill is in progress.
    Killing(Ladder),
}

impl Incident {
    /// Returns when the next step is due.
    pub(super) fn due(&self) -> Timestamp {
        match &self.step {
            Step::Reading { until, .. } => *until,
            Step::Killing(ladder) => ladder.due(),
        }
    }
}

/// Reads evidence and writes dumps on threads of their own, because both may block for ever.
pub(super) struct Collector {
    /// How long a kill may wait for evidence.
    pub(super) limit: Duration,
    pub(super) dump_dir: Option<PathBuf>,
    /// Called when evidence has been read.
    pub(super) wake: Arc<dyn Fn() + Send + Sync>,
    /// Called when a dump could not be written.
    pub(super) failed: Arc<dyn Fn(PathBuf, io::Error) + Send + Sync>,
    pub(super) threads: Arc<Signalled<usize>>,
    pub(super) dumps: AtomicU64,
}

impl Collector {
    /// Starts an incident, and sets the path of its dump in the report.
    pub(super) fn open(
        &self,
        process: &Arc<dyn WorkerProcess>,
        mut report: IncidentReport,
        now: Timestamp,
    ) -> Incident {
        report.dump_path = self.dump_dir.as_ref().map(|folder| {
            let number = self.dumps.fetch_add(1, Ordering::Relaxed);
            folder.join(format!("incident-{}-{}-{number}.json", wall::since_epoch().as_secs(), report.pid))
        });
        let evidence = Arc::new(Signalled::new(None));
        let is_reading = self.read(process, &report, &evidence);
        let until = if is_reading { now.after(self.limit) } else { now };
        Incident { process: Arc::clone(process), report, step: Step::Reading { evidence, until }, has_ended: false }
    }

    /// Starts the thread. Returns whether it runs.
    fn read(
        &self,
        process: &Arc<dyn WorkerProcess>,
        report: &IncidentReport,
        evidence: &Arc<Signalled<Option<Evidence>>>,
    ) -> bool {
        if self.limit.is_zero() && self.dump_dir.is_none() {
            return false;
        }
        let is_allowed = self.threads.update(|threads| {
            *threads += 1;
            *threads <= MAX_THREADS
        });
        // Dropped with the thread, or with its closure if the thread does not start.
        let place = Place(Arc::clone(&self.threads));
        if !is_allowed {
            return false;
        }
        let (process, mut report, evidence) = (Arc::clone(process), report.clone(), Arc::clone(evidence));
        let (wake, failed) = (Arc::clone(&self.wake), Arc::clone(&self.failed));
        let started = BackgroundThread::new("timer-evidence", 0).start(move |_| {
            let _place = place;
            let found = process.evidence();
            report.evidence = Some(found.clone());
            evidence.update(|evidence| *evidence = Some(found));
            wake();
            if let Some(path) = report.dump_path.clone()
                && let Err(error) = write(&path, &report)
            {
                failed(path, error);
            }
        });
        started.is_ok()
    }

    /// Waits until all threads have ended, at most `limit`. Returns whether they have.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        self.threads.wait_for(limit, |threads| (*threads == 0).then_some(())).is_some()
    }
}

/// One of the threads that are allowed.
struct Place(Arc<Signalled<usize>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.update(|threads| *threads -= 1);
    }
}

/// Writes a report, under another name first, so that the file is never incomplete.
fn write(path: &Path, report: &IncidentReport) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut file = fs::File::create(&unfinished)?;
    file.write_all(report.to_json().as_bytes())?;
    file.write_all(b"\n")?;
    fs::rename(unfinished, path)
}
