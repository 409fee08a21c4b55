//! How late a watchdog deals with a timer that has expired, and how late a scope that hangs is told of.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde::Serialize;
use timer_watchdog::Event;
use timer_watchdog::hang::{HangConfig, Level, watch};
use timer_watchdog::{LocalQueue, LocalTimerClient, LocalTimerServer, Watchdog, expires_in};

use crate::error::BenchError;
use crate::output::{self, Row, number};
use crate::statistics::rounded;

/// Arguments of `lateness`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
    /// How many timers expire, one after the other.
    #[arg(long, default_value_t = 200)]
    timers: u64,
}

/// What was found about one kind of timer.
#[derive(Clone, Debug, Serialize)]
struct Lateness {
    name: &'static str,
    timers: usize,
    ms_p50: f64,
    ms_p99: f64,
    ms_max: f64,
}

impl Row for Lateness {
    const HEADS: &'static [&'static str] = &["timer", "timers", "p50 ms", "p99 ms", "max ms"];

    fn cells(&self) -> Vec<String> {
        let times = [self.ms_p50, self.ms_p99, self.ms_max].map(|time| number(time, 2));
        [vec![self.name.to_owned(), self.timers.to_string()], times.to_vec()].concat()
    }
}

/// Runs the subcommand.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let rows = [
        lateness("watchdog: a worker is reaped", of_watchdog(options.timers)),
        lateness("hang: a scope is told of", of_hang(options.timers)),
    ];
    output::print(&rows, options.json)
}

/// Times between 5 and 24 ms, so that no rhythm of the machine suits all of them.
fn times(timers: u64) -> impl Iterator<Item = Duration> {
    (0..timers).map(|n| Duration::from_millis(5 + n * 7 % 20))
}

fn of_watchdog(timers: u64) -> Vec<Duration> {
    let (report, reaped) = channel();
    let server = LocalTimerServer::new(move |_: &u64| Ok(report.send(Instant::now()).is_ok()));
    let queue = LocalQueue::new(64);
    let watchdog = Watchdog::new(server, queue.clone(), Duration::from_secs(60));
    let _running = watchdog.start().expect("a thread can be started");
    let one = |(worker, after): (u64, Duration)| {
        let client = LocalTimerClient::new(queue.clone(), worker);
        let deadline = Instant::now() + after;
        let _timer = expires_in("bench", after, &client).expect("the queue has room");
        late(&reaped, deadline)
    };
    (0..).zip(times(timers)).map(one).collect()
}

fn of_hang(timers: u64) -> Vec<Duration> {
    let (report, told) = channel();
    let config = HangConfig::new().grace(Duration::ZERO).on_event(move |event| {
        if matches!(&event, Event::Stalled(stall) if stall.level == Level::Hard) {
            // The receiver is gone when the bench is over.
            let _ = report.send(Instant::now());
        }
    });
    let _watcher = config.start().expect("a thread can be started");
    let one = |limit: Duration| {
        let deadline = Instant::now() + limit;
        let _scope = watch(limit);
        late(&told, deadline)
    };
    times(timers).map(one).collect()
}

fn late(told: &Receiver<Instant>, deadline: Instant) -> Duration {
    let at = told.recv().expect("the watcher outlives its scopes");
    at.saturating_duration_since(deadline)
}

fn lateness(name: &'static str, mut found: Vec<Duration>) -> Lateness {
    found.sort();
    let at = |percent: usize| found.get((found.len() * percent).div_ceil(100).saturating_sub(1));
    let ms = |time: Option<&Duration>| rounded(time.map_or(0.0, |time| time.as_secs_f64() * 1e3), 3);
    Lateness { name, timers: found.len(), ms_p50: ms(at(50)), ms_p99: ms(at(99)), ms_max: ms(found.last()) }
}
