//! The Rust of the README and of the pages in `docs/` is compiled and run. What an
//! example leaves out, since the one before it has it or since it is the reader's own, is put around it here.

use std::fs;
use std::path::Path;

use prof_tests::compiler;

/// How an example becomes a program.
struct Setup {
    /// A line that only this example has.
    line: &'static str,
    /// Put before it, and behind it.
    around: [&'static str; 2],
}

const fn setup(line: &'static str, before: &'static str, behind: &'static str) -> Setup {
    Setup { line, around: [before, behind] }
}

/// In the order of the README, and of the pages.
const SETUPS: &[Setup] = &[
    setup("pub struct Store;", "", ""),
    setup("let numbers = Aggregator::new();", "", ""),
    setup("let memory = MemoryHandler::new();", "#[prof_runtime::prof(name = \"app.connect\")] fn connect() {}", ""),
    setup("fn main() -> Result<(), prof_runtime::InitError> {", "fn serve() {}", ""),
    setup(
        "let parts = std::env::var_os(\"PROF\").unwrap_or_default();",
        "fn example() -> Result<(), prof_runtime::InitError> {",
        "Ok(()) }
         example().unwrap();",
    ),
    setup(
        "let request = MetricsContext::new(publish(\"request\", stream(\"web\")));",
        "let done: Result<(), prof_runtime::ContextError> = {",
        "}; done.unwrap();",
    ),
    setup(
        "use timer_watchdog::hang::{self, WatchFuture};",
        "async fn example(some_future: impl Future<Output = ()>) -> Result<(), Box<dyn std::error::Error>> {",
        "Ok(()) }
         let example = std::pin::pin!(example(async {}));
         let done = example.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
         assert!(matches!(done, std::task::Poll::Ready(Ok(()))));",
    ),
    setup(
        "let queue = LocalQueue::new(1024);",
        "fn example() -> Result<(), Box<dyn std::error::Error>> {",
        "load(); Ok(()) }
         example().unwrap();",
    ),
    // Of docs/objectives.md: a whole program.
    setup("fn pay() {}", "", ""),
    // Of docs/libraries.md.
    setup("pub fn decode(input: &[u8]) -> Result<Vec<u8>, String> {", "", ""),
];

/// Lines that rustdoc takes and does not show.
fn hidden(text: &str) -> String {
    text.lines().flat_map(|line| ["# ", line.trim_start(), "\n"]).collect()
}

/// A page with what its examples leave out.
fn complete(page: &str, text: &str, used: &mut [bool]) -> String {
    let mut pieces = text.split("\n```rust");
    let mut complete = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (example, rest) = piece.split_once("\n```").expect("a block has an end");
        let (attributes, example) = example.split_once('\n').expect("a block has lines");
        assert_eq!(attributes, "", "{page}: an example is compiled as it is");
        let is_it = |setup: &Setup| example.lines().any(|line| line == setup.line || line.trim_start() == setup.line);
        let at = SETUPS.iter().position(is_it).unwrap_or_else(|| panic!("{page} has an unknown example:\n{example}"));
        assert!(!used[at], "{page}: two examples have the line {}", SETUPS[at].line);
        used[at] = true;
        let [before, behind] = SETUPS[at].around.map(hidden);
        complete.extend(["\n```rust\n", &before, example, "\n", &behind, "```", rest]);
    }
    complete
}

#[test]
fn the_examples_compile_and_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    fs::create_dir_all(&scratch).unwrap();
    let mut pages = vec![root.join("README.md")];
    pages.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut used = vec![false; SETUPS.len()];
    for page in pages.iter().filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        let name = page.file_name().unwrap().to_str().unwrap();
        let text = complete(name, &fs::read_to_string(page).unwrap(), &mut used);
        if text.contains("\n```rust") {
            let complete = scratch.join(name);
            fs::write(&complete, text).unwrap();
            check(&complete, &scratch);
        }
    }
    let unused = SETUPS.iter().zip(used).find(|(_, is_used)| !is_used);
    assert!(unused.is_none(), "no example has the line {}", unused.map_or("", |(setup, _)| setup.line));
}

/// Has rustdoc compile and run a page's examples against the libraries that this test was built with.
fn check(page: &Path, directory: &Path) {
    let mut command = compiler("rustdoc", &["prof_runtime", "timer_watchdog"]);
    command.args(["--test", "--edition=2024"]).arg(page).current_dir(directory).env_remove("PROF");
    let output = command.output().expect("rustdoc is a part of the toolchain");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    let examples = fs::read_to_string(page).unwrap().matches("\n```rust").count();
    assert!(stdout.contains(&format!("{examples} passed; 0 failed")), "{stdout}");
}
