//! The program on which the faults of `prof-runtime/FAULTS.md` are tried: it does what the lines of its standard input
//! say, one after the other, and answers each with a line that begins with `> `.
//!
//! The variable `SERVICE_PROF` lists the parts that it starts, as `PROF` does. Arguments set what only the builder can
//! set: `timeout-ms=N`, `interval-ms=N` and `rotate=BYTES,OLD_FILES`; `answers=off` answers nothing. It ends by
//! returning from `main` when its input ends.
// To fork, and to handle signals and exits as C does.
#![allow(missing_docs, unsafe_code)]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead as _, BufWriter, Read as _, Write, pipe, stderr, stdin, stdout};
use std::panic::{catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use prof_runtime::export::{Loss, PeriodicExporter, SnapshotLines};
use prof_runtime::{
    Aggregator, BufferedHandler, FanoutHandler, JsonLinesHandler, MemoryHandler, MetricData, MetricHandler,
    NullHandler, ProfBuilder, ProfGuard, Report, ScopedHandler, configure, prof, put_metric, report_at_exit, scoped,
};

#[prof(name = "work", group = "faults")]
fn work(fails: bool) -> Result<(), ()> {
    if fails { Err(()) } else { Ok(()) }
}

#[prof(name = "panics", group = "faults")]
fn panics() {
    panic!("as it was told to");
}

#[prof(name = "judged", group = "faults", ok = |_: &u32| panic!("a bad predicate"))]
fn judged(n: u32) -> u32 {
    n + 1
}

/// Sixty letters of two columns each, and one.
#[prof(
    name = "長い名前長い名前長い名前長い名前長い名前長い名前長い名前長い名前長い名前長い名前長い名前長い名前長い名前長い名前長い名前x"
)]
fn wide() {}

/// A handler that does harm, or blocks.
struct Bad(fn());

impl MetricHandler for Bad {
    fn emit(&self, _: &MetricData<'_>) {
        HANDLED.fetch_add(1, Ordering::Relaxed);
        (self.0)();
    }
}

/// Data points that came to [`Bad`] handlers.
static HANDLED: AtomicU64 = AtomicU64::new(0);
/// A thread that waits for it while it is taken waits forever.
static BLOCKED: Mutex<()> = Mutex::new(());

#[cfg(unix)]
mod c {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    pub(crate) const SIGTERM: i32 = 15;

    unsafe extern "C" {
        safe fn tcflow(descriptor: i32, action: i32) -> i32;
        safe fn atexit(handler: extern "C" fn()) -> i32;
        safe fn signal(signal: i32, handler: usize) -> usize;
        unsafe fn sigemptyset(set: *mut SignalSet) -> i32;
        unsafe fn sigaddset(set: *mut SignalSet, signal: i32) -> i32;
        unsafe fn pthread_sigmask(how: i32, set: *const SignalSet, before: *mut SignalSet) -> i32;
        unsafe fn sigwait(set: *const SignalSet, signal: *mut i32) -> i32;
        pub(crate) safe fn exit(code: i32) -> !;
        pub(crate) safe fn fork() -> i32;
        pub(crate) safe fn alarm(seconds: u32) -> u32;
        unsafe fn waitpid(process: i32, status: *mut i32, options: i32) -> i32;
    }

    /// How often the program's own handler of SIGTERM was called.
    pub(crate) static HANDLED: AtomicU64 = AtomicU64::new(0);
    static HANDLER_BEFORE: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn handle(_: i32) {
        HANDLED.fetch_add(1, Ordering::SeqCst);
    }

    extern "C" fn handle_and_chain(signal: i32) {
        HANDLED.fetch_add(1, Ordering::SeqCst);
        let before = HANDLER_BEFORE.load(Ordering::SeqCst);
        if before > 1 {
            // SAFETY: it is neither of the two that are no functions.
            let before: extern "C" fn(i32) = unsafe { std::mem::transmute(before) };
            before(signal);
        }
    }

    pub(crate) fn handle_sigterm(is_chained: bool) {
        let handler: extern "C" fn(i32) = if is_chained { handle_and_chain } else { handle };
        HANDLER_BEFORE.store(signal(SIGTERM, handler as usize), Ordering::SeqCst);
    }

    /// As Ctrl-S does.
    pub(crate) fn stop_terminal() {
        assert_eq!(tcflow(2, 0), 0);
    }

    type SignalSet = [u64; 16];

    fn set_of_sigterm() -> SignalSet {
        let mut set = [0; 16];
        // SAFETY: it is at least as large as a set is on Linux.
        unsafe { assert_eq!((sigemptyset(&raw mut set), sigaddset(&raw mut set, SIGTERM)), (0, 0)) };
        set
    }

    /// Has SIGTERM wait until it is [waited for](wait_for_sigterm), as far as this thread is concerned.
    pub(crate) fn block_sigterm() {
        let set = set_of_sigterm();
        // SAFETY: the set lives until the call returns.
        assert_eq!(unsafe { pthread_sigmask(0, &raw const set, std::ptr::null_mut()) }, 0);
    }

    pub(crate) fn wait_for_sigterm() {
        let (set, mut signal) = (set_of_sigterm(), 0);
        // SAFETY: both live until the call returns.
        assert_eq!(unsafe { sigwait(&raw const set, &raw mut signal) }, 0);
        assert_eq!(signal, SIGTERM);
    }

    pub(crate) fn work_and_exit_again_at_exit() {
        extern "C" fn handler() {
            _ = super::work(false);
            exit(9);
        }
        assert_eq!(atexit(handler), 0);
    }

    /// How a child ended: the word that the system has for it.
    pub(crate) fn wait(process: i32) -> i32 {
        let mut status = 0;
        // SAFETY: `status` is an integer that lives until the call returns.
        assert_eq!(unsafe { waitpid(process, &raw mut status, 0) }, process);
        status
    }
}

/// Configures a handler that blocks, behind a queue, works, and configures another one.
fn replace_blocked(calls: u64) -> Result<(), Box<dyn Error>> {
    let _blocked = BLOCKED.lock()?;
    let buffered = BufferedHandler::builder().timeout(Duration::from_millis(50));
    configure(buffered.start(Bad(|| drop(BLOCKED.lock())))?);
    call(calls, || _ = work(false));
    configure(MemoryHandler::new());
    // The thread knows the handler until its next call.
    _ = work(false);
    Ok(())
}

/// Configures a handler behind a queue, which exits when it is given the first of so many calls, while the others wait.
fn exit_in_queue(calls: u64) -> Result<(), Box<dyn Error>> {
    let blocked = BLOCKED.lock()?;
    let buffered = BufferedHandler::builder().timeout(Duration::from_secs(100_000));
    configure(buffered.start(Bad(|| {
        drop(BLOCKED.lock());
        std::process::exit(7)
    }))?);
    call(calls, || _ = work(false));
    drop(blocked);
    loop {
        thread::park();
    }
}

/// Exits while this thread has the lock that the standard library puts around each of its writes.
fn exit_locked(output: &str) -> Result<(), Box<dyn Error>> {
    match output {
        "stdout" => {
            let _locked = stdout().lock();
            std::process::exit(7)
        }
        "stderr" => {
            let _locked = stderr().lock();
            std::process::exit(7)
        }
        _ => Err(format!("{output} is not known").into()),
    }
}

/// Configures handlers that hold back what they write to files of the current directory, each in a way of its own, and
/// starts an exporter that does.
fn hold_back() -> Result<PeriodicExporter, Box<dyn Error>> {
    let buffer = JsonLinesHandler::to(BufWriter::new(File::create("buffer")?));
    let queue = BufferedHandler::new(JsonLinesHandler::to(BufWriter::new(File::create("queue")?)))?;
    let aggregator = Aggregator::new();
    configure(FanoutHandler::new().with(buffer).with(queue).with(aggregator.clone()));
    let lines = SnapshotLines::to(File::create("lines")?);
    Ok(PeriodicExporter::start("lines", aggregator, Duration::from_secs(100_000), lines)?)
}

/// Exits when it is written to, while the writing thread holds a lock.
struct Exits;

impl Write for Exits {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        std::process::exit(7)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
/// Whether lines are answered; where stdout takes nothing, they cannot be.
static IS_MUTE: AtomicBool = AtomicBool::new(false);

fn answer(text: &str) -> std::io::Result<()> {
    if IS_MUTE.load(Ordering::Relaxed) {
        return Ok(());
    }
    // One write, so that lines of the part `console` do not come in between.
    stdout().write_all(format!("> {text}\n").as_bytes())?;
    stdout().flush()
}

fn builder() -> Result<ProfBuilder, Box<dyn Error>> {
    let mut builder = ProfBuilder::new().list(std::env::var_os("SERVICE_PROF").unwrap_or_default())?;
    for argument in std::env::args().skip(1) {
        let (key, value) = argument.split_once('=').ok_or("an argument is KEY=VALUE")?;
        builder = match key {
            "timeout-ms" => builder.timeout(Duration::from_millis(value.parse()?)),
            "answers" => {
                IS_MUTE.store(value == "off", Ordering::Relaxed);
                builder
            }
            "interval-ms" => builder.interval(Duration::from_millis(value.parse()?)),
            "rotate" => {
                let (bytes, old_files) = value.split_once(',').ok_or("rotate=BYTES,OLD_FILES")?;
                builder.rotate(bytes.parse()?, old_files.parse()?)
            }
            _ => return Err(format!("{key} is not known").into()),
        };
    }
    Ok(builder)
}

/// Calls `work` from threads of its own until it is told to stop.
#[derive(Default)]
struct Background {
    stops: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Background {
    fn start(&mut self, threads: u64) {
        for _ in 0..threads {
            let (stops, calls) = (Arc::clone(&self.stops), Arc::clone(&self.calls));
            self.threads.push(thread::spawn(move || {
                while !stops.load(Ordering::Relaxed) {
                    _ = work(false);
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
    }

    /// Returns how many calls they made in all.
    fn stop(&mut self) -> u64 {
        self.stops.store(true, Ordering::Relaxed);
        for thread in std::mem::take(&mut self.threads) {
            thread.join().expect("it only works");
        }
        self.calls.load(Ordering::Relaxed)
    }
}

/// The program's state.
#[derive(Default)]
struct Service {
    /// What `PROF` started, until it is told to end that.
    prof: Option<ProfGuard>,
    background: Background,
    /// Every descriptor that was left.
    hogged: Vec<File>,
    /// Holds up every handler that blocks.
    blocked: Option<(MutexGuard<'static, ()>, ScopedHandler)>,
    report: Option<ProfGuard>,
    exporter: Option<PeriodicExporter>,
    /// Closed when the program ends, which ends a child that waits.
    #[cfg(unix)]
    alive: Option<std::io::PipeWriter>,
}

impl Service {
    /// Does what a line says, and returns its answer.
    fn obey(&mut self, line: &str) -> Result<String, Box<dyn Error>> {
        let words: Vec<&str> = line.split(' ').collect();
        let word = words.get(1).copied().unwrap_or_default();
        let number = word.parse().unwrap_or(1);
        match words[0] {
            "work" => call(number, || _ = work(false)),
            "fail" => call(number, || _ = work(true)),
            "judge" => call(number, || _ = judged(1)),
            "wide" => call(number, wide),
            "catch" => call(number, || _ = catch_unwind(panics)),
            "put" => put_metric(word, words.get(2).map_or(Ok(1.0), |value| value.parse())?, "faults"),
            // Names that are as long as some that programs make of their input.
            "long" => (0..number).for_each(|_| put_metric(&"n".repeat(10 * 1024), 1, "faults")),
            "gauge" => put_metric("gauge", word.parse::<f64>()?, "faults"),
            "names" => (0..number).for_each(|n| put_metric(&format!("name {n}"), 1, "faults")),
            "background" => self.background.start(number),
            "stop" => return Ok(self.background.stop().to_string()),
            // A scope for each of so many requests, with a handler that panics.
            "scopes" => call(number, || {
                let _scope = scoped(Bad(|| panic!("a bad handler")));
                call(5, || _ = work(false));
            }),
            "handler" => configure(Bad(match word {
                "panics" => || panic!("a bad handler"),
                // Without a line of the standard library's on stderr.
                "panics-quietly" => || resume_unwind(Box::new(())),
                "calls" => || _ = work(false),
                "blocks" => || drop(BLOCKED.lock()),
                "exits" => || std::process::exit(7),
                _ => return Err(format!("{line} is not known").into()),
            })),
            // The calls of this thread do not go to a handler that blocks.
            "block" => self.blocked = Some((BLOCKED.lock()?, scoped(NullHandler))),
            "unblock" => self.blocked = None,
            "handled" => return Ok(HANDLED.load(Ordering::Relaxed).to_string()),
            "hog" => self.hogged.extend(std::iter::from_fn(|| File::open("/dev/null").ok())),
            "unhog" => self.hogged.clear(),
            "chdir" => std::env::set_current_dir(word)?,
            "drop" => self.prof = None,
            "hush" => std::panic::set_hook(Box::new(|_| ())),
            "panic" => panics(),
            "abort" => std::process::abort(),
            "exit" => std::process::exit(word.parse()?),
            "exit-of-c" => c::exit(word.parse()?),
            "exit-on-thread" => {
                let code = word.parse()?;
                thread::spawn(move || std::process::exit(code)).join().expect("it does not return");
            }
            "exit-in-queue" => exit_in_queue(number)?,
            "exit-locked" => exit_locked(word)?,
            "replace-blocked" => replace_blocked(number)?,
            "hold" => self.exporter = Some(hold_back()?),
            "exit-in-write" => {
                configure(JsonLinesHandler::to(Exits));
                _ = work(false);
            }
            "exit-in-report" => drop(ProfBuilder::new().report_as(Report::table().to(Exits)).start()?),
            "again-at-exit" => c::work_and_exit_again_at_exit(),
            "forget" => std::mem::forget(self.prof.take()),
            "report" => self.report = Some(report_at_exit()),
            "stop-terminal" => c::stop_terminal(),
            "block-sigterm" => c::block_sigterm(),
            "wait-for-sigterm" => c::wait_for_sigterm(),
            "handle" => c::handle_sigterm(word == "chained"),
            "handled-signals" => return Ok(c::HANDLED.load(Ordering::SeqCst).to_string()),
            "fork" => return self.fork(word),
            "fork-often" => return Ok(fork_often(number).to_string()),
            "reap" => return Ok(c::wait(word.parse()?).to_string()),
            _ => return self.tell(words[0], word),
        }
        Ok("done".to_owned())
    }

    /// Forks a child that works twice and then ends as it is told, and says how it ended. One that waits does so until
    /// this process has ended; its number is said instead.
    fn fork(&mut self, how: &str) -> Result<String, Box<dyn Error>> {
        let (mut dies, alive) = pipe()?;
        match c::fork() {
            0 => {
                drop(alive);
                _ = (work(false), work(false));
                match how {
                    "returns" => Err("the child returns".into()),
                    "exits" => std::process::exit(3),
                    "panics" => panic!("the child panics"),
                    "starts" => {
                        let _prof = prof_runtime::init("report")?;
                        (0..7).for_each(|_| _ = work(false));
                        std::process::exit(3)
                    }
                    _ => {
                        _ = dies.read(&mut [0])?;
                        std::process::abort()
                    }
                }
            }
            child if how == "waits" => {
                self.alive = Some(alive);
                Ok(child.to_string())
            }
            child => Ok(c::wait(child).to_string()),
        }
    }

    /// What the program knows of what `PROF` started.
    fn tell(&self, what: &str, word: &str) -> Result<String, Box<dyn Error>> {
        let prof = self.prof.as_ref().ok_or("nothing is started anymore")?;
        let loss = |loss: &Loss| format!("[{} {}={}]", loss.target, loss.unit.as_str(), loss.count);
        Ok(match what {
            "flush" => match prof.flush() {
                Ok(()) => "flushed".to_owned(),
                Err(error) => format!("could not flush: {error}"),
            },
            "lost" => prof.losses().list().iter().map(loss).collect(),
            "metrics" => prof.prometheus_addr().ok_or("no one serves metrics")?.to_string(),
            "counted" => {
                let snapshot = prof.aggregator().ok_or("nothing takes snapshots")?.snapshot();
                let function = snapshot.function(word).ok_or("no such function")?;
                format!("{} {}", function.success, function.failure)
            }
            _ => return Err(format!("{what} is not known").into()),
        })
    }
}

/// Forks so many children while other threads record, come and go, and take snapshots, and says how many of them did
/// not end well. A child records in every way that there is, on a thread of its own too, and ends.
#[cfg(unix)]
fn fork_often(children: u64) -> usize {
    fn record() {
        _ = work(false);
        put_metric!("points", 2);
    }
    fn child(inherited: &Aggregator) -> ! {
        // Ends one that hangs.
        c::alarm(20);
        record();
        thread::spawn(record).join().expect("nothing panics");
        drop(inherited.snapshot());
        let memory = MemoryHandler::new();
        configure(FanoutHandler::new().with(memory.clone()).with(inherited.clone()));
        record();
        let is_recorded = memory.value("points") == Some(2.0);
        std::process::exit(i32::from(!is_recorded))
    }
    let is_over = AtomicBool::new(false);
    let goes_on = || !is_over.load(Ordering::Relaxed);
    let inherited = Aggregator::new();
    let records = || {
        let _scope = scoped(inherited.clone());
        record();
    };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while goes_on() {
                    thread::scope(|scope| _ = scope.spawn(record));
                    records();
                }
            });
        }
        scope.spawn(|| {
            while goes_on() {
                drop(inherited.snapshot());
            }
        });
        let ends_well = |_: &u64| match c::fork() {
            0 => child(&inherited),
            process => c::wait(process) == 0,
        };
        let bad = (0..children).filter(|one| !ends_well(one)).count();
        is_over.store(true, Ordering::Relaxed);
        bad
    })
}

fn call(times: u64, f: impl Fn()) {
    (0..times).for_each(|_| f());
}

fn run() -> Result<(), Box<dyn Error>> {
    #[cfg(unix)]
    if std::env::var_os("HANDLES_SIGTERM").is_some() {
        c::handle_sigterm(false);
    }
    let mut service = Service { prof: Some(builder()?.start()?), ..Service::default() };
    answer("ready")?;
    for line in stdin().lock().lines() {
        answer(&service.obey(&line?)?)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("service: {error}");
            ExitCode::FAILURE
        }
    }
}
