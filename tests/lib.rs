//! What the tests that cross crates share: see the test targets.

use std::cell::RefCell;
use std::env::consts::DLL_EXTENSION;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::process::Command;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use prof_runtime::{MemoryHandler, scoped};

/// Returns the data points, durations left out, that `work` reports on this thread: `Store.load.success` and so on.
pub fn calls<R>(work: impl FnOnce() -> R) -> Vec<String> {
    let memory = MemoryHandler::new();
    {
        let _scope = scoped(memory.clone());
        drop(work());
    }
    memory.names().into_iter().filter(|name| !name.ends_with(".duration.ms")).collect()
}

thread_local! {
    static NOTES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes names and values on this thread. Attributes of `prof-tests-stand-in` call it.
pub fn note(values: &[(&str, String)]) {
    NOTES.with_borrow_mut(|notes| notes.extend(values.iter().map(|(name, value)| format!("{name} = {value}"))));
}

/// Takes what was noted on this thread.
pub fn take_notes() -> Vec<String> {
    NOTES.take()
}

/// Polls `future` until it is ready. For futures that make progress whenever they are polled.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = poll_once(&mut future) {
            return value;
        }
    }
}

/// Polls `future` once, with a waker that does nothing.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    std::pin::Pin::new(future).poll(&mut context)
}

/// Returns a future that is pending once, and then ready.
pub fn yield_now() -> impl Future<Output = ()> + Send + Unpin {
    let mut has_yielded = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Returns a command for `rustc`, or a program with its options, that compiles code which depends on these libraries of
/// the workspace and nothing else. They are those that cargo built for this test: nothing is built a second time.
///
/// # Panics
///
/// If cargo did not build one of them.
pub fn compiler(program: &str, libraries: &[&str]) -> Command {
    let mut command = Command::new(program);
    for name in libraries {
        let (library, directory) = library(name);
        command.arg("--extern").arg(format!("{name}={}", library.display()));
        command.arg("-L").arg(format!("dependency={}", directory.display()));
    }
    command
}

/// Returns the newest build of a library, or of a library of macros, that lies where this test lies, and the directory.
fn library(name: &str) -> (PathBuf, PathBuf) {
    let test = std::env::current_exe().unwrap();
    let directory = test.parent().unwrap().to_owned();
    let entries = std::fs::read_dir(&directory).unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let is_library = |path: &PathBuf| {
        let file = path.file_name().unwrap().to_string_lossy();
        let is_library = path.extension().is_some_and(|extension| extension == "rlib" || extension == DLL_EXTENSION);
        // On Windows, libraries of macros have no `lib` in front.
        is_library && file.strip_prefix("lib").unwrap_or(&file).starts_with(&format!("{name}-"))
    };
    let modified = |path: &PathBuf| path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    (entries.filter(is_library).max_by_key(modified).expect("the library was built for this test"), directory)
}
