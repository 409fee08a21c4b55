//! Why a measurement could not be taken.

use std::io;
use std::process::{ExitStatus, Output};

/// Why a measurement could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// `instructions` needs a program that is not installed.
    #[error("`valgrind` could not be run ({0}); instructions are counted by its tool callgrind, so install it first")]
    NoValgrind(io::Error),
    /// A program that was run failed.
    #[error("{program} ended with {status}:\n{stderr}")]
    Failed {
        /// What was run.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// A program did not say what it was run for.
    #[error("{0} printed no {1}")]
    Unreadable(String, &'static str),
    /// No subject is called what was asked for.
    #[error("no subject matches `{0}`")]
    NoSubject(String),
    /// A file could not be written or read, or a program not be run.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// A process, a pipe or a folder of the bench's own could not be had or used.
    #[error("the system refused: {0}")]
    System(#[from] io::Error),
    /// `budgets --strict` found some exceeded.
    #[error("{0} of the budgets are exceeded")]
    Exceeded(usize),
    /// A row could not be written as JSON.
    #[error("could not write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl BenchError {
    /// Adds what was tried to an I/O error.
    pub(crate) fn io(tried: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let tried = tried.into();
        move |error| Self::Io(tried, error)
    }

    /// The output of a program that succeeded.
    pub(crate) fn check(program: &str, output: Output) -> Result<Output, Self> {
        if output.status.success() {
            return Ok(output);
        }
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Self::Failed { program: program.to_owned(), status: output.status, stderr })
    }
}
