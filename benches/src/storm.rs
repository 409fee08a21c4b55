//! A storm of requests from many worker processes to one server of file timers: throughput, memory, what one request
//! costs, and how late an expiry is noticed after it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde::Serialize;
use timer_watchdog::{
    Event, FileTimerClient, FileTimerRequest, FileTimerServer, IncidentReport, Pid, ScopeId, TimerClient, WorkerEvent,
};

use crate::error::BenchError;
use crate::output::{self, Row, number};
use crate::statistics::{float, rounded};

/// Arguments of `storm`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
    /// How many worker processes send.
    #[arg(long, default_value_t = 16)]
    processes: u64,
    /// How many requests they send in all; half of them acquire, half release.
    #[arg(long, default_value_t = 1_000_000)]
    requests: u64,
    /// Be one of the workers, with this pipe.
    #[arg(long, hide = true)]
    worker: Option<String>,
}

/// A figure and its unit.
#[derive(Clone, Debug, Serialize)]
struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
}

impl Row for Figure {
    const HEADS: &'static [&'static str] = &["figure", "value", "unit"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.to_owned(), number(self.value, 2), self.unit.to_owned()]
    }
}

/// Runs the subcommand.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    if let Some(pipe) = &options.worker {
        work(pipe, options.requests);
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let (tell, told) = channel();
    let builder = FileTimerServer::builder(folder.path().join("timer"));
    // The server outlives the receiver.
    let builder = builder.on_event(move |event| drop(tell.send(event)));
    let server = builder.build().expect("a pipe can be made in a folder of one's own");
    server.start().expect("a thread can be started");
    let mut figures = storm(&server, options)?;
    figures.extend(single_requests(server.path())?);
    figures.extend(detection(server.path(), &told)?);
    output::print(&figures, options.json)
}

/// What a worker does: it takes a timer and releases it, again and again.
fn work(pipe: &str, requests: u64) {
    let client = FileTimerClient::new(pipe).retry_for(Duration::ZERO);
    for n in 0..requests / 2 {
        let scope = ScopeId::from(format!("step {}", n % 16));
        // A full pipe refuses; that is its way of saying "later".
        while client.acquire(&scope, client.now().after(Duration::from_secs(3600))).is_err() {
            std::thread::yield_now();
        }
        client.release(&scope).expect("a release is kept until there is room");
    }
    assert!(client.flush(Duration::from_secs(60)), "the server takes what was kept");
}

fn storm(server: &FileTimerServer, options: &Options) -> Result<Vec<Figure>, BenchError> {
    let program = std::env::current_exe()?;
    let (before, start) = (resident_bytes(), Instant::now());
    let each = (options.requests / options.processes / 2 * 2).to_string();
    let spawn = |_| -> Result<Child, BenchError> {
        let mut worker = Command::new(&program);
        Ok(worker.args(["storm", "--requests", &each, "--worker"]).arg(server.path()).spawn()?)
    };
    let workers: Vec<Child> = (0..options.processes).map(spawn).collect::<Result<_, _>>()?;
    for mut worker in workers {
        assert!(worker.wait()?.success(), "a worker ends well");
    }
    let sent = each.parse::<u64>().unwrap_or_default() * options.processes;
    while server.counts().requests < sent {
        std::thread::yield_now();
    }
    let seconds = start.elapsed().as_secs_f64();
    let counts = server.counts();
    let lost = sent.saturating_sub(counts.requests);
    Ok(vec![
        Figure { name: "requests", value: float(sent), unit: "" },
        Figure { name: "lost, or on bad lines", value: float(lost + counts.bad_lines), unit: "" },
        Figure { name: "throughput", value: rounded(float(sent) / seconds, 0), unit: "requests/s" },
        Figure { name: "resident memory before", value: rounded(before / 1e6, 2), unit: "MB" },
        Figure { name: "resident memory after", value: rounded(resident_bytes() / 1e6, 2), unit: "MB" },
    ])
}

/// What this process holds, from the second field of `/proc/self/statm`, in pages of 4 KiB.
fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    float(pages.unwrap_or_default()) * 4096.0
}

/// Requests that one figure is the mean of.
const MEAN_OF: u32 = 20_000;

fn single_requests(pipe: &Path) -> Result<Vec<Figure>, BenchError> {
    let client = FileTimerClient::new(pipe);
    let scope = ScopeId::from("step");
    let kept_open = Instant::now();
    for _ in 0..MEAN_OF {
        client.release(&scope).expect("a release is kept until there is room");
    }
    let kept_open = kept_open.elapsed() / MEAN_OF;
    let line = FileTimerRequest::release(Pid::current(), "step").to_line().expect("a short line");
    let reopened = Instant::now();
    for _ in 0..MEAN_OF {
        OpenOptions::new().write(true).open(pipe)?.write_all(line.as_ref())?;
    }
    let reopened = reopened.elapsed() / MEAN_OF;
    let us = |time: Duration| rounded(time.as_secs_f64() * 1e6, 2);
    Ok(vec![
        Figure { name: "one request, this client", value: us(kept_open), unit: "µs" },
        Figure { name: "one request, open, write and close as upstream", value: us(reopened), unit: "µs" },
    ])
}

/// How many timers expire, one after the other.
const EXPIRIES: usize = 200;

/// Lets timers of a process expire that the server is told to end by no signal; returns how late they were noticed.
fn detection(pipe: &Path, told: &Receiver<Event>) -> Result<Vec<Figure>, BenchError> {
    let mut worker = Command::new("sleep").arg("600").spawn()?;
    let client = FileTimerClient::new(pipe).for_process(Pid(worker.id().cast_signed())).signal(0);
    let one = |_| {
        let expiration = client.now().after(Duration::from_millis(2));
        client.acquire(&"stuck".into(), expiration).expect("the pipe has room");
        ended(told).scopes[0].late_secs * 1e3
    };
    let mut late: Vec<f64> = (0..EXPIRIES).map(one).collect();
    late.sort_by(f64::total_cmp);
    worker.kill()?;
    worker.wait()?;
    let at = |name, index: usize| Figure { name, value: rounded(late[index], 3), unit: "ms" };
    Ok(vec![at("detection, p50", EXPIRIES / 2), at("detection, p99", EXPIRIES * 99 / 100)])
}

fn ended(told: &Receiver<Event>) -> IncidentReport {
    loop {
        if let Event::Worker(WorkerEvent::Ended { report }) = told.recv().expect("the server outlives its timers") {
            return *report;
        }
    }
}
