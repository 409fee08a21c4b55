//! Nanoseconds per call in builds without optimization: what tests pay.
//!
//! One program has all the functions, with every attribute and without. It is built with the dev profile as it is, and
//! once more with the dependencies optimized, which is a setting of the user's. Each mode runs in a process of its own,
//! since what one sets up stays; all modes take turns.

use std::collections::HashMap;
use std::process::Command;

use serde::Serialize;

use crate::error::BenchError;
use crate::generated::Generated;
use crate::output::{self, Row, number};
use crate::statistics::{median, rounded};

/// Arguments of `devprofile`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
    /// How often each program is run in each mode.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// How often everything is measured in each run.
    #[arg(long, default_value_t = 31)]
    rounds: usize,
    /// How many calls each program makes in each round: no more than a handler for tests keeps.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    calls: u32,
    /// Only the modes whose name contains this.
    #[arg(long)]
    filter: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { json: false, runs: 5, rounds: 31, calls: 1_000, filter: None }
    }
}

/// The modes that budgets speak of.
pub(crate) const OFF: &str = "prof: off";
pub(crate) const AGGREGATOR: &str = "prof: aggregator";
pub(crate) const SCOPE: &str = "prof: a scope, opened and closed";
pub(crate) const TRACING: &str = "tracing, no subscriber";

/// What the functions return.
pub(crate) const BODIES: [&str; 2] = ["value", "Result"];

/// The modes of the program.
const MODES: &[&str] = &[
    OFF,
    AGGREGATOR,
    "prof: two aggregators",
    SCOPE,
    "prof: scoped MemoryHandler",
    #[cfg(feature = "peers")]
    TRACING,
    #[cfg(feature = "peers")]
    "fastrace, no reporter",
    #[cfg(feature = "peers")]
    "fastrace, a reporter",
    #[cfg(feature = "peers")]
    "hotpath, no guard",
    #[cfg(feature = "peers")]
    "hotpath, a guard",
];

/// What was found about one mode and one body.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DevProfile {
    pub(crate) name: &'static str,
    /// What the function returns.
    pub(crate) body: &'static str,
    /// With the dev profile as it is.
    pub(crate) ns_above_plain: f64,
    /// With `[profile.dev.package."*"] opt-level = 3`.
    pub(crate) ns_above_plain_dependencies_optimized: f64,
}

impl Row for DevProfile {
    const HEADS: &'static [&'static str] = &["function", "returns", "above plain", "dependencies optimized"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.body.to_owned(),
            number(self.ns_above_plain, 1),
            number(self.ns_above_plain_dependencies_optimized, 1),
        ]
    }
}

/// Runs the subcommand.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    output::print(&measure(options)?, options.json)
}

/// Builds the programs and measures them.
pub(crate) fn measure(options: &Options) -> Result<Vec<DevProfile>, BenchError> {
    let modes: Vec<&str> = MODES.iter().copied().filter(|mode| options.chooses(mode)).collect();
    if modes.is_empty() {
        return Err(BenchError::NoSubject(options.filter.clone().unwrap_or_default()));
    }
    let programs = [program("generated-dev", "")?, program("generated-dev-optimized", OPTIMIZED)?];
    let mut found: HashMap<(usize, &str, &str), Vec<f64>> = HashMap::new();
    for _ in 0..options.runs {
        for &mode in &modes {
            for (which, program) in programs.iter().enumerate() {
                for (body, ns) in options.run_once(program, mode)? {
                    found.entry((which, mode, body)).or_default().push(ns);
                }
            }
        }
    }
    let mut ns = |which, mode, body| rounded(median(found.remove(&(which, mode, body)).unwrap_or_default()), 2);
    let rows = modes.iter().flat_map(|&mode| BODIES.map(|body| (mode, body))).map(|(mode, body)| DevProfile {
        name: mode,
        body,
        ns_above_plain: ns(0, mode, body),
        ns_above_plain_dependencies_optimized: ns(1, mode, body),
    });
    Ok(rows.collect())
}

impl Options {
    fn chooses(&self, mode: &str) -> bool {
        self.filter.as_deref().is_none_or(|filter| mode.contains(filter))
    }

    /// What one run found of each body.
    fn run_once(&self, program: &Generated, mode: &str) -> Result<Vec<(&'static str, f64)>, BenchError> {
        let name = || program.unoptimized().display().to_string();
        let output = Command::new(program.unoptimized())
            .args([mode, &self.rounds.to_string(), &self.calls.to_string()])
            .output()
            .map_err(BenchError::io(format!("could not run {}", name())))?;
        let output = BenchError::check(&name(), output)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let of = |body: &'static str| {
            let ns = text.lines().find_map(|line| line.strip_prefix(body)?.trim().parse().ok());
            ns.map(|ns| (body, ns)).ok_or_else(|| BenchError::Unreadable(name(), "nanoseconds"))
        };
        BODIES.into_iter().map(of).collect()
    }
}

/// What has dependencies optimized, as a user would write it.
const OPTIMIZED: &str = "[profile.dev.package.'*']\nopt-level = 3\n";

/// Writes the program and builds it, without optimization but for what the manifest's last lines say.
fn program(package: &str, profile: &str) -> Result<Generated, BenchError> {
    const PEERS: &str = "fastrace = { version = '0.7.19', features = ['enable'] }\n\
         hotpath = { version = '0.30.3', features = ['hotpath'] }\ntracing = '0.1.44'\n";
    let (peers, features) = match cfg!(feature = "peers") {
        true => (PEERS, "default = ['peers']\npeers = []\n"),
        false => ("", "peers = []\n"),
    };
    let manifest = format!(
        "[package]\nname = '{package}'\nversion = '0.0.0'\nedition = '2024'\n\n[workspace]\n\n[features]\n{features}\n\
         [dependencies]\nprof-runtime = {{ path = 'WORKSPACE/prof-runtime' }}\n{peers}\n{profile}"
    );
    let generated = Generated::new(package, &manifest, include_str!("program.rs"))?;
    generated.cargo(&["build"])?;
    Ok(generated)
}
