//! The Rust of the README and of the pages in `docs/` is compiled and run. What an
//! example leaves out, since the one before it has it or since it is the reader's own, is put around it here.

use std::fs;
use std::path::Path;
use std::process::Command;

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

/// Stands for the recorder of a program that uses the `metrics` crate.
const RECORDER: &str = r#"
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};
    static CALLS: AtomicU64 = AtomicU64::new(0);
    struct Calls;
    impl CounterFn for Calls {
        fn increment(&self, by: u64) { CALLS.fetch_add(by, SeqCst); }
        fn absolute(&self, _: u64) { unreachable!() }
    }
    struct Recorder;
    impl metrics::Recorder for Recorder {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            assert_eq!(key.name(), "prof_calls_total");
            Counter::from_arc(Arc::new(Calls))
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge { Gauge::noop() }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram { Histogram::noop() }
    }
    metrics::set_global_recorder(Recorder).unwrap();
"#;

/// In the order of the README, and of the pages.
const SETUPS: &[Setup] = &[
    setup("struct Store;", "", ""),
    setup(
        "use timer_watchdog::hang;",
        "fn example() -> Result<(), Box<dyn std::error::Error>> {",
        "Ok(()) }
         example().unwrap();",
    ),
    // Of the pages.
    setup("pub struct Store;", "", ""),
    setup("static LOGINS: LazyLock<MemoryHandler> = LazyLock::new(MemoryHandler::new);", "", ""),
    setup("use prof_runtime::export::MetricsFacadeHandler;", RECORDER, "assert_eq!(CALLS.load(SeqCst), 1);"),
    setup("use prof_runtime::export::TracingHandler;", "", ""),
    setup("let numbers = Aggregator::new();", "", ""),
    setup(
        "assert_eq!(memory.count(\"app.connect.success\"), 1);",
        "#[prof_runtime::prof(name = \"app.connect\")] fn connect() {}",
        "",
    ),
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
    setup(
        "fn lines<W>(writer: W) -> Lines<W> {",
        "fn example() -> Result<(), Box<dyn std::error::Error>> {",
        "Ok(()) }
         example().unwrap();",
    ),
    // Of docs/handlers.md.
    setup("let during = Aggregator::new();", "", ""),
    setup("let (pages, all) = (MemoryHandler::new(), MemoryHandler::new());", "", ""),
    // Of docs/tests.md.
    setup("fn resize() {}", "", ""),
    setup("async fn resolve() {}", "", ""),
    // Of docs/counters.md.
    setup("static PAGES: Counter = counter!(\"pages\", \"crawler\");", "", ""),
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
    let mut command = compiler("rustdoc", &["metrics", "prof_runtime", "timer_watchdog", "tokio"]);
    command.args(["--test", "--edition=2024"]).arg(page).current_dir(directory).env_remove("PROF");
    let output = command.output().expect("rustdoc is a part of the toolchain");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    let examples = fs::read_to_string(page).unwrap().matches("\n```rust").count();
    assert!(stdout.contains(&format!("{examples} passed; 0 failed")), "{stdout}");
}

/// Returns the README's first block in a language.
fn first_block<'a>(readme: &'a str, language: &str) -> &'a str {
    let (_, block) = readme.split_once(&format!("\n```{language}\n")).expect("the README has such a block");
    block.split("```").next().unwrap_or_default()
}

/// What does not differ from run to run, sorted: a table's rows stand in the order of their durations.
fn lasting(output: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().take(6).collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> = output.lines().map(words).collect();
    lines.sort();
    lines
}

#[test]
fn the_first_program_prints_the_table_that_the_readme_shows() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let source = scratch.path().join("first.rs");
    fs::write(&source, first_block(&readme, "rust")).unwrap();
    let mut command = compiler("rustc", &["prof_runtime"]);
    command.args(["--edition=2024", "--crate-name=first", "--out-dir"]).arg(scratch.path()).arg(&source);
    assert!(command.status().expect("rustc is a part of the toolchain").success());
    let program = scratch.path().join(format!("first{}", std::env::consts::EXE_SUFFIX));
    let output = Command::new(program).env("COLUMNS", "200").env_remove("PROF").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(lasting(&text), lasting(first_block(&readme, "text")), "{text}");
}
