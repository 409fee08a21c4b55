//! What it costs to watch a scope: a guard of `timer-watchdog` around the work, beside other ways to give it a timer.

use std::collections::HashMap;
use std::future::Future as _;
use std::hint::black_box;
use std::pin::pin;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use timer_watchdog::Clock;
use timer_watchdog::hang::{ClockMode, Domain, HangConfig, HangWatcher, Scope, watch_in};
use tokio::runtime::{Builder, Runtime};

use crate::subject::{Guard, Subject, repeat};
use crate::work::work;

pub(crate) const SUBJECTS: &[Subject] = &[
    Subject::new("guard: limit, one std Instant", repeat!(one_instant)),
    Subject::new("guard: hang::watch, reads the clock", repeat!(watched)).on_thread(|| READS.enter()),
    Subject::new("guard: hang::watch, published clock", repeat!(watched)).on_thread(|| PUBLISHED.enter()),
    Subject::new("guard: deadline in a mutex map", repeat!(mutex_map)),
    Subject::new("guard: acquire and release by a channel", repeat!(channel)),
    Subject::new("guard: tokio::time::timeout, ready", repeat!(tokio_timeout)).on_thread(|| Box::new(RUNTIME.enter())),
];

const LIMIT: Duration = Duration::from_secs(3600);

static SCOPE: Scope = Scope::new("work");

/// A domain of its own with its watcher running, as in a program.
struct Watched {
    domain: Domain,
    _watcher: HangWatcher,
}

impl Watched {
    fn start(mode: ClockMode) -> Self {
        let domain = Domain::new(Clock::default());
        let watcher = HangConfig::new().clock_mode(mode).start_in(&domain).expect("a thread can be started");
        Self { domain, _watcher: watcher }
    }

    fn enter(&self) -> Guard {
        Box::new(self.domain.enter())
    }
}

static READS: LazyLock<Watched> = LazyLock::new(|| Watched::start(ClockMode::Read));
static PUBLISHED: LazyLock<Watched> = LazyLock::new(|| Watched::start(ClockMode::Published));

#[inline(never)]
fn watched(x: u64) -> u64 {
    let _scope = watch_in(&SCOPE, LIMIT);
    work(x)
}

#[inline(never)]
fn one_instant(x: u64) -> u64 {
    black_box(Instant::now());
    work(x)
}

static DEADLINES: LazyLock<Mutex<HashMap<thread::ThreadId, Instant>>> = LazyLock::new(Mutex::default);

#[inline(never)]
fn mutex_map(x: u64) -> u64 {
    let deadlines = || DEADLINES.lock().unwrap_or_else(PoisonError::into_inner);
    let thread = thread::current().id();
    deadlines().insert(thread, Instant::now() + LIMIT);
    let value = work(x);
    deadlines().remove(&thread);
    value
}

/// To a thread that takes the requests and does nothing with them.
static REQUESTS: LazyLock<SyncSender<Option<Instant>>> = LazyLock::new(|| {
    let (sender, receiver) = sync_channel(1024);
    thread::spawn(move || {
        for request in receiver {
            black_box(request);
        }
    });
    sender
});

#[inline(never)]
fn channel(x: u64) -> u64 {
    // The receiver lives as long as the process.
    let _ = REQUESTS.send(Some(Instant::now() + LIMIT));
    let value = work(x);
    let _ = REQUESTS.send(None);
    value
}

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().expect("a runtime can be built"));

#[inline(never)]
fn tokio_timeout(x: u64) -> u64 {
    let timeout = pin!(tokio::time::timeout(LIMIT, async { work(x) }));
    match timeout.poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(Ok(value)) => value,
        _ => 0,
    }
}
