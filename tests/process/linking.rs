//! What the expression of `register_handler!` may do: each case in a process of its own, since it is evaluated once.
#![allow(missing_docs, unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::{Command, Output};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use prof_runtime::{
    Aggregator, FlushError, MemoryHandler, MetricData, MetricHandler, ProfBuilder, Report, callsites, configure,
    configure_group, flush, prof, put_metric, register_handler, scoped, stream,
};

/// Names the case to the child that it is run in.
const CASE: &str = "PROF_TEST_CASE";

static REGISTERED: LazyLock<MemoryHandler> = LazyLock::new(MemoryHandler::new);
static CONFIGURED: LazyLock<MemoryHandler> = LazyLock::new(MemoryHandler::new);
static THREAD: Mutex<Option<JoinHandle<()>>> = Mutex::new(None);

/// Annotated itself, so that whatever allocates on the way to the handlers comes back to them.
struct Annotated;

// SAFETY: every allocation is the system's.
unsafe impl GlobalAlloc for Annotated {
    #[prof(name = "alloc")]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    #[prof(name = "dealloc")]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Annotated = Annotated;

#[prof(name = "work")]
fn work() {}

#[prof(name = "grouped", group = "apart")]
fn grouped() {}

register_handler!({
    match std::env::var(CASE).as_deref().unwrap_or_default() {
        "configures" => configure(CONFIGURED.clone()),
        "configures a group" => configure_group("apart", CONFIGURED.clone()),
        "calls and emits" => {
            work();
            put_metric!("too early", 1);
            stream("apart").add_value("too early", 1);
        }
        "opens a scope" => {
            let _scope = scoped(CONFIGURED.clone());
            work();
        }
        "flushes" => flush().unwrap(),
        "takes a snapshot" => {
            let aggregator = Aggregator::new();
            assert!(aggregator.snapshot().functions.len() >= 2);
            assert!(callsites().all(|site| site.in_flight() <= 1));
        }
        "reports" => drop(ProfBuilder::new().report_as(Report::table().to(std::io::sink())).start()),
        "starts a thread" => *lock() = Some(thread::spawn(work)),
        "waits for a thread" => thread::spawn(work).join().unwrap(),
        "panics" => panic!("cannot be made"),
        _ => {}
    }
    REGISTERED.clone()
});
register_handler!(group = "apart", REGISTERED.clone());
register_handler!(HoldsBack);

/// Says when it is flushed.
struct HoldsBack;

impl MetricHandler for HoldsBack {
    fn emit(&self, _: &MetricData<'_>) {}

    fn flush(&self) -> Result<(), FlushError> {
        eprintln!("flushed");
        Ok(())
    }
}

fn lock() -> std::sync::MutexGuard<'static, Option<JoinHandle<()>>> {
    THREAD.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
#[ignore = "is the child of the other tests"]
fn child() {
    // Whatever hangs ends.
    thread::spawn(|| {
        thread::sleep(Duration::from_secs(60));
        eprintln!("it hangs");
        std::process::exit(3);
    });
    work();
    if std::env::var(CASE).is_ok_and(|case| case == "exits") {
        println!("> exits");
        std::process::exit(0);
    }
    if let Some(thread) = lock().take() {
        thread.join().unwrap();
    }
    grouped();
    let counts =
        |memory: &MemoryHandler| format!("{} {}", memory.count("work.success"), memory.count("grouped.success"));
    println!("> {}, {}, {}", counts(&REGISTERED), counts(&CONFIGURED), REGISTERED.count("too early"));
}

/// Calls of `work` and of `grouped`: as the handler that is registered has them, and the one that is configured; and
/// what was emitted too early.
#[track_caller]
fn check(case: &str, expect: &str) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", "child", "--ignored", "--nocapture"]).env(CASE, case).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    // The harness begins the line.
    let answer = text.lines().find_map(|line| line.split_once("> ")).map(|(_, answer)| answer);
    assert_eq!(answer, Some(expect), "{output:?}");
    output
}

#[test]
fn what_an_expression_configures_takes_the_place_of_what_it_registers() {
    check("configures", "0 1, 1 0, 0");
    check("configures a group", "1 0, 0 1, 0");
}

#[test]
fn what_an_expression_calls_and_emits_goes_nowhere() {
    check("nothing", "1 1, 0 0, 0");
    check("calls and emits", "1 1, 0 0, 0");
    check("opens a scope", "1 1, 0 0, 0");
}

#[test]
fn an_expression_may_use_the_rest_of_the_crate() {
    check("flushes", "1 1, 0 0, 0");
    check("takes a snapshot", "1 1, 0 0, 0");
    check("reports", "1 1, 0 0, 0");
}

#[test]
fn other_threads_wait_until_the_handlers_are_made() {
    check("starts a thread", "2 1, 0 0, 0");
}

#[test]
fn a_registered_handler_is_flushed_when_the_program_exits() {
    let output = check("exits", "exits");
    assert_eq!(String::from_utf8_lossy(&output.stderr).matches("flushed").count(), 1, "{output:?}");
}

/// Neither can go on without the other: the thread's call is not measured.
#[test]
fn an_expression_that_waits_for_a_call_is_not_waited_for_by_it() {
    let output = check("waits for a thread", "1 1, 0 0, 0");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("prof: the handlers of `register_handler!` are not made after 5s: "), "{stderr}");
}

#[test]
fn an_expression_that_panics_is_named_and_leaves_the_others() {
    let output = check("panics", "0 1, 0 0, 0");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("prof: the handler registered at ") && stderr.contains("linking.rs:"), "{stderr}");
}
