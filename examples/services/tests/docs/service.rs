//! A line of a page, such as `PROF=json:points.json ./service`, run with `observed_service` as the service.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use super::page::Page;

/// How many requests the service sends itself. One in 20 fails.
pub(crate) const REQUESTS: u64 = 100;
/// Those whose call of `load` fails.
pub(crate) const FAILURES: u64 = REQUESTS / 20;
/// Calls of its annotated functions that succeed: `GET /orders`, `load` and `render`, which is for orders that were
/// found.
pub(crate) const SUCCESSES: u64 = 3 * (REQUESTS - FAILURES);
/// All calls of them.
pub(crate) const CALLS: u64 = SUCCESSES + 2 * FAILURES;

/// A line that starts a service.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    variables: Vec<(String, String)>,
    /// What the page says of it.
    pub(crate) comment: String,
}

impl Line {
    /// The lines of a page's only block of shell, every one of which has to start the service.
    pub(crate) fn all(page: &Page) -> Vec<Self> {
        page.block("sh").lines().map(Self::parse).collect()
    }

    fn parse(line: &str) -> Self {
        let (command, comment) = line.split_once('#').unwrap_or((line, ""));
        let mut words: Vec<&str> = command.split_whitespace().collect();
        assert_eq!(words.pop(), Some("./service"), "{line}");
        let variable = |word: &str| {
            let (name, value) = word.split_once('=').unwrap_or_else(|| panic!("{word:?} is no variable in {line}"));
            (name.to_owned(), value.to_owned())
        };
        Self { variables: words.into_iter().map(variable).collect(), comment: comment.trim().to_owned() }
    }

    /// What a variable is set to.
    #[track_caller]
    pub(crate) fn variable(&self, name: &str) -> &str {
        let variable = self.variables.iter().find(|(known, _)| known == name);
        &variable.unwrap_or_else(|| panic!("{name} is not set by {self:?}")).1
    }

    /// The same line with an address of the test's own in the place of the page's, whose port may be taken.
    #[track_caller]
    pub(crate) fn instead_of(mut self, documented: &str, ours: &str) -> Self {
        let (_, prof) = self.variables.iter_mut().find(|(name, _)| name == "PROF").expect("the line sets PROF");
        assert!(prof.contains(documented), "{documented} is not in PROF={prof}");
        *prof = prof.replacen(documented, ours, 1);
        self
    }

    /// The same line with one more variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_observed_service"));
        command.args(["--requests", &REQUESTS.to_string()]).current_dir(directory).env_remove("COLUMNS");
        for (name, _) in std::env::vars_os() {
            let upper = name.to_string_lossy().to_uppercase();
            if upper.starts_with("OTEL_") || upper.ends_with("_PROXY") {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it in a directory, to its end. It has to succeed.
    #[track_caller]
    pub(crate) fn run(&self, directory: &Path) -> Output {
        let output = self.command(directory).output().unwrap();
        assert!(output.status.success(), "{self:?}: {output:?}");
        output
    }

    /// Runs it in a directory, until it is told to end.
    pub(crate) fn serve(&self, directory: &Path) -> Serving {
        let mut command = self.command(directory);
        let command = command.arg("--serve").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Serving { input: child.stdin.take().unwrap(), lines, child }
    }
}

/// A service that goes on.
pub(crate) struct Serving {
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    child: Child,
}

impl Serving {
    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        self.lines.next().expect("the service goes on").unwrap()
    }

    /// Ends it. It has to succeed.
    #[track_caller]
    pub(crate) fn end(self) -> Output {
        drop(self.input);
        let output = self.child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    }
}
