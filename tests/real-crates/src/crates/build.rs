//! Builds and tests crates, and reads what cargo says.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::list::Crate;
use super::listening::{COUNTED, take_counted};
use super::source;

/// What building and testing a crate says, without what attributes change of themselves: columns.
#[derive(Default)]
pub(crate) struct Findings {
    /// With the places that each points at, the one that it is about first.
    pub(crate) errors: BTreeMap<String, Vec<Place>>,
    pub(crate) warnings: BTreeSet<String>,
    /// Name and result.
    pub(crate) tests: BTreeSet<String>,
    /// How long the tests ran.
    pub(crate) took: Duration,
    /// The calls that were counted, by the aggregator of the process and by those of scopes.
    pub(crate) counted: (u64, u64),
}

/// A line of a file under the crate's directory.
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

/// Runs cargo, with the one target directory of all crates.
pub(super) fn cargo(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(directory);
    command.env("CARGO_TARGET_DIR", source::work().join("target"));
    // A lint that a crate denies is a warning more, and does not hide what else there is to say.
    command.env("RUSTFLAGS", "--cap-lints=warn");
    // Nothing here is debugged, and it takes half the time.
    command.env("CARGO_PROFILE_DEV_DEBUG", "0");
    command.output().expect("cargo can be run")
}

/// Builds the tests of a crate and, if everything compiles, runs them, each binary no longer than `limit`.
pub(crate) fn test(known: &Crate, directory: &Path, limit: Duration) -> Findings {
    let mut findings = Findings::default();
    let arguments = [&["test", "--no-run", "--no-fail-fast", "--message-format=json"], known.arguments].concat();
    let output = cargo(directory, &arguments);
    let mut binaries = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
        binaries.extend(message["executable"].as_str().map(PathBuf::from));
        // Dependencies report nothing, since cargo caps their lints; the runtime under test has a path outside.
        if message["reason"] == "compiler-message"
            && message["manifest_path"].as_str() == directory.join("Cargo.toml").to_str()
        {
            findings.add(&message["message"]);
        }
    }
    if output.status.success() {
        let counted = directory.join("counted");
        let start = Instant::now();
        for binary in &binaries {
            findings.run(binary, directory, limit, &counted);
        }
        findings.took = start.elapsed();
        findings.counted = take_counted(&counted);
    } else if findings.errors.is_empty() {
        findings.errors.insert(String::from_utf8_lossy(&output.stderr).into_owned(), Vec::new());
    }
    findings
}

impl Findings {
    /// Runs the tests of a binary. What has no result when the time is up never gets one.
    fn run(&mut self, binary: &Path, directory: &Path, limit: Duration, counted: &Path) {
        let mut command = Command::new(binary);
        command.current_dir(directory).env("CARGO_MANIFEST_DIR", directory).stderr(Stdio::null());
        command.env(COUNTED, counted);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a test that was built can be run");
        let mut stdout = child.stdout.take().expect("stdout is a pipe");
        let (sender, receiver) = mpsc::channel();
        let reader = thread::spawn(move || {
            let mut said = Vec::new();
            // What was read before an error is kept.
            let _ = stdout.read_to_end(&mut said);
            let _ = sender.send(said);
        });
        let said = receiver.recv_timeout(limit).or_else(|_| {
            eprintln!("{}: ended after {} s", binary.display(), limit.as_secs());
            // It may have ended just now.
            let _ = child.kill();
            receiver.recv()
        });
        reader.join().expect("reading does not panic");
        child.wait().expect("a child can be waited for");
        for line in String::from_utf8_lossy(&said.unwrap_or_default()).lines() {
            if let Some((name, result)) = line.strip_prefix("test ").and_then(|test| test.rsplit_once(" ... ")) {
                self.tests.insert(format!("{name} {result}"));
            }
        }
    }

    fn add(&mut self, message: &Value) {
        let (text, code) = (message["message"].as_str(), message["code"]["code"].as_str());
        let places = places(message);
        // In the crate itself, if a macro of another one is what the message is about.
        let Some(place) = places.iter().find(|place| place.file.is_relative()).or(places.first()) else { return };
        let (text, code) = (text.unwrap_or_default(), code.unwrap_or_default());
        let described = format!("{}:{}: {code}: {text}", place.file.display(), place.line);
        match message["level"].as_str() {
            Some("error") => {
                self.errors.insert(described, places);
            }
            Some("warning") => {
                self.warnings.insert(described);
            }
            _ => {}
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[][..], Vec::as_slice)
}

/// Where a message points: its primary spans, its other spans, and those of its notes.
fn places(message: &Value) -> Vec<Place> {
    let spans = list(&message["spans"]);
    let (primary, others): (Vec<_>, Vec<_>) = spans.iter().partition(|span| span["is_primary"] == true);
    let notes = list(&message["children"]).iter().flat_map(|note| list(&note["spans"]));
    primary.into_iter().chain(others).chain(notes).flat_map(expanded).collect()
}

/// The place of a span, and of the macro that it is in, outward.
fn expanded(span: &Value) -> Vec<Place> {
    let outward = std::iter::successors(Some(span), |span| Some(&span["expansion"]["span"]).filter(|s| !s.is_null()));
    let place = |span: &Value| {
        let (file, line) = (span["file_name"].as_str()?, span["line_start"].as_u64()?);
        Some(Place { file: PathBuf::from(file), line: usize::try_from(line).ok()? })
    };
    outward.filter_map(place).collect()
}
