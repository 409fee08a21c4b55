//! Every budget beside what is measured.

mod calls;
mod devprofile;
mod programs;
mod shapes;

use serde::Serialize;

use crate::error::BenchError;
use crate::output::{self, Row, number};
use crate::statistics::rounded;

/// Arguments of `budgets`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
    /// End with an error if a budget is exceeded.
    #[arg(long)]
    strict: bool,
    /// How often every call is measured.
    #[arg(long, default_value_t = 31)]
    rounds: usize,
    /// The span that is measured by our clock and by that of std.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
}

/// One budget.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Budget {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) limit: f64,
    /// Nothing where it could not be measured.
    pub(crate) measured: Option<f64>,
    pub(crate) holds: Option<bool>,
}

impl Budget {
    pub(crate) fn new(
        name: impl Into<String>,
        unit: &'static str,
        limit: f64,
        measured: impl Into<Option<f64>>,
    ) -> Self {
        let measured = measured.into().map(|measured| rounded(measured, 6));
        let holds = measured.map(|measured| measured <= limit);
        Self { name: name.into(), unit, limit: rounded(limit, 3), measured, holds }
    }
}

impl Row for Budget {
    const HEADS: &'static [&'static str] = &["budget", "limit", "measured", "unit", ""];

    fn cells(&self) -> Vec<String> {
        let verdict = match self.holds {
            Some(true) => "holds",
            Some(false) => "EXCEEDED",
            None => "not measured",
        };
        let limit = format!("≤ {}", self.limit);
        vec![self.name.clone(), limit, number(self.measured, 3), self.unit.to_owned(), verdict.to_owned()]
    }
}

/// Runs the subcommand.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let budgets = [calls::budgets(options)?, programs::budgets(options)?, devprofile::budgets()?].concat();
    output::print(&budgets, options.json)?;
    let exceeded = budgets.iter().filter(|budget| budget.holds == Some(false)).count();
    if options.strict && exceeded > 0 {
        return Err(BenchError::Exceeded(exceeded));
    }
    Ok(())
}
