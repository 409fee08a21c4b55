//! The report about a worker process whose timer has expired.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::process::{Evidence, KillOutcome};

/// All that the server knows about a worker whose timer has expired. The content of a dump file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct IncidentReport {
    /// The name of the run, from the configuration of the server.
    pub run_id: String,
    /// The worker's process.
    pub pid: i32,
    /// The first signal that it gets. 0 if no expired timer names one.
    pub signal: i32,
    /// Whether the server only reports, and sends no signal.
    pub is_observed_only: bool,
    /// The worker's open scopes, earliest deadline first.
    pub scopes: Vec<ExpiredScope>,
    /// What the process was doing. None if that could not be read in time.
    pub evidence: Option<Evidence>,
    /// The file that this report is written to, if any.
    pub dump_path: Option<PathBuf>,
    /// The outcome of the kill. None before its end, and in dump files, which are written before.
    pub outcome: Option<KillOutcome>,
}

/// An open scope of a worker with an expired timer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExpiredScope {
    /// The scope.
    pub scope_id: String,
    /// The signal that its timer names.
    pub signal: i32,
    /// Seconds since the server received its acquire.
    pub age_secs: f64,
    /// Seconds since its deadline. Negative before the deadline.
    pub late_secs: f64,
}

impl IncidentReport {
    /// Returns the scopes whose deadline has passed.
    pub fn expired(&self) -> impl Iterator<Item = &ExpiredScope> {
        self.scopes.iter().filter(|scope| scope.late_secs >= 0.0)
    }

    /// Returns the report as one line of JSON.
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for IncidentReport {
    /// One line: the worker, its expired scopes and their age, its state.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {}", self.pid)?;
        let evidence = self.evidence.as_ref();
        if let Some(evidence) = evidence.filter(|evidence| !evidence.command.is_empty()) {
            write!(f, " ({})", evidence.command.escape_debug())?;
        }
        f.write_str(" is stuck in")?;
        for (index, scope) in self.expired().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma} {:?} for {:.2} s", scope.scope_id, scope.age_secs)?;
        }
        let Some(evidence) = evidence.filter(|evidence| !evidence.state.is_empty()) else {
            return Ok(());
        };
        write!(f, "; state {}", evidence.state)?;
        if evidence.tracer > 0 {
            write!(f, ", traced by {}", evidence.tracer)?;
        }
        match evidence.threads.first() {
            Some(thread) if !thread.wait_channel.is_empty() => write!(f, ", waiting in {}", thread.wait_channel),
            _ => Ok(()),
        }
    }
}
