//! A small HTTP service under load, in which the variable `PROF` chooses where its numbers go.
//!
//! ```sh
//! PROF=report cargo run -F services --bin observed_service -- --requests 2000
//! PROF=prometheus:9464,json:calls.json cargo run -F services --bin observed_service -- --serve
//! cargo run -F services --bin observed_service -- --rules rules.yml --dashboard dashboard.json
//! ```
//!
//! It listens on a port that the system chooses, sends itself requests from a few clients, and prints how they were
//! answered. With `--serve`, it goes on until its standard input ends, and prints a snapshot of its own numbers as JSON
//! when it is told to by a line, for comparisons. With `--rules` and `--dashboard`, it writes what
//! Prometheus is to watch and Grafana to draw of what its functions promise, and ends; with `--misbehave`, it breaks
//! the promises.

use std::io::BufRead as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use clap::Parser;
use prof_runtime::export::prometheus::{Dashboard, Rules};
use prof_runtime::{Aggregator, Distribution, Fallible, FanoutHandler, configure, distribution, prof, put_metric};

/// A small HTTP service under load.
#[derive(Parser)]
struct Args {
    /// How many requests the service sends itself.
    #[arg(long, default_value_t = 1000)]
    requests: u32,
    /// Go on until the standard input ends; a line there has a snapshot printed.
    #[arg(long)]
    serve: bool,
    /// How long each client waits between its requests, in milliseconds.
    #[arg(long, default_value_t = 0)]
    pause_ms: u64,
    /// Be slow, and fail often.
    #[arg(long)]
    misbehave: bool,
    /// Write rules for Prometheus to this file, and end.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Write a dashboard for Grafana to this file, and end.
    #[arg(long, value_name = "FILE")]
    dashboard: Option<PathBuf>,
    /// The period that the rules are for, in hours.
    #[arg(long, default_value_t = 30 * 24)]
    period_hours: u64,
}

static MISBEHAVES: AtomicBool = AtomicBool::new(false);

/// How many bytes each answer has.
static ANSWER_BYTES: Distribution = distribution!("answer_bytes", "http");

/// An answer that is a failure from 500 up.
struct Answer(StatusCode, String);

impl Fallible for Answer {
    fn is_failure(&self) -> bool {
        self.0.is_server_error()
    }
}

#[prof(name = "GET /orders", group = "http", objective(success = 90))]
async fn order(id: u32) -> Answer {
    match load(id).await.and_then(render) {
        Ok(order) => Answer(StatusCode::OK, order),
        Err(reason) => Answer(StatusCode::INTERNAL_SERVER_ERROR, reason),
    }
}

#[prof(name = "load", group = "store", objective(latency = "50ms", percentile = 95))]
async fn load(id: u32) -> Result<String, String> {
    // Some rows are elsewhere.
    if MISBEHAVES.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(60)).await;
    } else if id % 10 == 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    if id % 20 == 7 { Err(format!("order {id} is locked")) } else { Ok(format!("order {id}")) }
}

#[prof(name = "render", group = "http", objective(success = 99.9))]
fn render(order: String) -> Result<String, String> {
    // Every second one, whatever its number.
    static RENDERED: AtomicU32 = AtomicU32::new(0);
    let is_second = RENDERED.fetch_add(1, Ordering::Relaxed) % 2 == 1;
    if is_second && MISBEHAVES.load(Ordering::Relaxed) { Err(format!("no template for {order}")) } else { Ok(order) }
}

/// Known from the start, and never called here.
#[prof(name = "DELETE /orders", group = "http")]
fn delete() -> Answer {
    Answer(StatusCode::FORBIDDEN, "orders are kept".to_owned())
}

fn service() -> Router {
    let answer = |Answer(status, body)| (status, body);
    let get_order = move |Path(id): Path<u32>| async move { answer(order(id).await) };
    let delete_order = move || async move { answer(delete()) };
    Router::new().route("/orders/{id}", get(get_order).delete(delete_order))
}

/// Sends requests, and returns how many were answered by 200 and by 500.
fn load_on(address: SocketAddr, requests: u32, pause: Duration) -> (u32, u32) {
    let (next, good, bad) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // Whatever proxy there is, the service is on this machine.
                let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
                let agent = ureq::Agent::new_with_config(config);
                loop {
                    let id = next.fetch_add(1, Ordering::Relaxed);
                    if id >= requests {
                        return;
                    }
                    let mut answer = agent.get(format!("http://{address}/orders/{id}")).call();
                    let is_good = answer.as_ref().is_ok_and(|answer| answer.status().is_success());
                    (if is_good { &good } else { &bad }).fetch_add(1, Ordering::Relaxed);
                    if let Some(body) = answer.as_mut().ok().and_then(|answer| answer.body_mut().read_to_vec().ok()) {
                        ANSWER_BYTES.record(body.len() as u64);
                    }
                    put_metric("bytes sent", 100, "http");
                    std::thread::sleep(pause);
                }
            });
        }
    });
    (good.into_inner(), bad.into_inner())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("observed_service: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes what was asked for; returns whether anything was.
fn write_files(args: &Args) -> Result<bool, Box<dyn std::error::Error>> {
    let write = |path: &PathBuf, text: String| {
        std::fs::write(path, text).map_err(|error| format!("could not write {}: {error}", path.display()))
    };
    if let Some(path) = &args.rules {
        write(path, Rules::new().period(Duration::from_secs(args.period_hours * 3600)).to_yaml())?;
    }
    if let Some(path) = &args.dashboard {
        write(path, Dashboard::new("Observed service").to_json())?;
    }
    Ok(args.rules.is_some() || args.dashboard.is_some())
}

async fn run(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    if write_files(&args)? {
        return Ok(());
    }
    MISBEHAVES.store(args.misbehave, Ordering::Relaxed);
    // What the program counts for itself, beside what PROF asks for.
    let numbers = Aggregator::new();
    configure(FanoutHandler::new().with(numbers.clone()));
    let prof = prof_runtime::init_from_env()?;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, service()).await });
    let (good, bad) =
        tokio::task::spawn_blocking(move || load_on(address, args.requests, Duration::from_millis(args.pause_ms)))
            .await?;
    println!("{good} requests answered, {bad} failed");
    if let Some(address) = prof.prometheus_addr() {
        println!("metrics are at http://{address}/metrics");
    }
    if args.serve {
        tokio::task::spawn_blocking(move || -> std::io::Result<()> {
            for line in std::io::stdin().lock().lines() {
                line?;
                println!("{}", serde_json::to_string(&numbers.snapshot())?);
            }
            Ok(())
        })
        .await??;
    }
    drop(prof);
    Ok(())
}
