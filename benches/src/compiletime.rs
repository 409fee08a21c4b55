//! Processor time that a program of many annotated functions takes to check and to build, its dependencies being there
//! already.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::Serialize;

use crate::error::BenchError;
use crate::generated::{self, Generated};
use crate::output::{self, Row, number};
use crate::statistics::{median, rounded};

/// Arguments of `compiletime`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
    /// How many functions the programs have.
    #[arg(long, default_value_t = 500)]
    pub(crate) functions: u32,
    /// How often each program is compiled; the median counts.
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
    /// Only the attributes whose name contains this, and none; may be given several times.
    #[arg(long)]
    pub(crate) filter: Vec<String>,
}

/// What was found about one attribute.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CompileTime {
    pub(crate) name: &'static str,
    pub(crate) check_s: f64,
    pub(crate) build_release_s: f64,
}

impl Row for CompileTime {
    const HEADS: &'static [&'static str] = &["attribute", "check, s", "build --release, s"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.to_owned(), number(self.check_s, 2), number(self.build_release_s, 2)]
    }
}

/// Runs the subcommand.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    output::print(&measure(options)?, options.json)
}

/// Compiles the programs.
pub(crate) fn measure(options: &Options) -> Result<Vec<CompileTime>, BenchError> {
    let mut programs = Vec::new();
    for variant in generated::chosen(&options.filter) {
        let generated = variant.generate(options.functions as usize)?;
        // What it depends on.
        generated.cargo(&["check"])?;
        generated.cargo(&["build", "--release"])?;
        programs.push((variant.name, generated, Vec::new(), Vec::new()));
    }
    for run in 0..options.runs {
        for (_, generated, checks, builds) in &mut programs {
            generated.touch(run)?;
            checks.push(processor_seconds(generated, &["check"])?);
            builds.push(processor_seconds(generated, &["build", "--release"])?);
        }
    }
    let rows = programs.into_iter().map(|(name, _, checks, builds)| CompileTime {
        name,
        check_s: rounded(median(checks), 3),
        build_release_s: rounded(median(builds), 3),
    });
    Ok(rows.collect())
}

/// The processor time that cargo and all that it runs take, for users and system.
fn processor_seconds(generated: &Generated, arguments: &[&str]) -> Result<f64, BenchError> {
    let before = of_children()?;
    generated.cargo(arguments)?;
    Ok(of_children()? - before)
}

/// The processor time of all ended descendants of this process.
fn of_children() -> Result<f64, BenchError> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)
        .map_err(|error| BenchError::Io("could not read the time that was used".to_owned(), error.into()))?;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

#[allow(clippy::cast_precision_loss)]
fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}
