//! An exporter of somebody else, on nothing but the public API, has what those of `prof-runtime` have: the builder
//! starts it beside them, it sends differences, makes up for exports that failed, counts what it loses, and is flushed
//! and ended with everything.
#![allow(missing_docs)]

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use prof_runtime::export::{ExportContext, ExportError, Exporter, LossCounter, LossUnit, Losses, PeriodicExporter};
use prof_runtime::text::Foreign;
use prof_runtime::{
    Aggregator, FunctionStats, MetricValue, Objective, Outcome, ProfBuilder, Snapshot, ValueStats, put_metric,
};
use socket2::{Domain, Socket, Type};

/// Sends to a Graphite server, a line for each number: `PATH VALUE SECONDS`.
struct Graphite {
    address: String,
    /// What each path begins with; that of the attribute `service.name`.
    prefix: String,
    /// The last snapshot that arrived: counts are differences.
    sent: Option<Snapshot>,
    /// Values that are no number Graphite takes.
    rejected: LossCounter,
}

impl Graphite {
    fn new(address: impl Into<String>) -> Self {
        let rejected = LossCounter::new("graphite rejected", LossUnit::DataPoints);
        Self { address: address.into(), prefix: "prof".to_owned(), sent: None, rejected }
    }

    /// The lines of a snapshot, and how many values there are that it has no line for.
    fn lines(&self, snapshot: &Snapshot) -> (String, u64) {
        let delta = self.sent.as_ref().map_or_else(|| snapshot.clone(), |sent| snapshot.since(sent));
        let seconds = snapshot.taken_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (mut lines, mut rejected) = (String::new(), 0);
        let mut line = |path: String, number: f64| match number.is_finite() {
            true => writeln!(lines, "{}.{path} {number} {seconds}", self.prefix).expect("a string takes everything"),
            false => rejected += 1,
        };
        for function in &delta.functions {
            let path = format!("{}.{}", clean(&function.group), clean(&function.name));
            for outcome in Outcome::ALL {
                line(format!("{path}.{outcome}"), as_number(function.count(outcome)));
            }
            line(format!("{path}.in_flight"), as_number(function.in_flight));
            if let Some(p99_ns) = function.quantile_ns(0.99) {
                line(format!("{path}.p99_ms"), as_number(p99_ns) / 1e6);
            }
            for objective in &function.objectives {
                line(format!("{path}.error_budget"), objective.budget());
            }
        }
        for value in &delta.values {
            let number = match value.last {
                MetricValue::Count(_) => value.sum,
                MetricValue::Gauge(_) | MetricValue::Duration(_) => value.last.as_f64(),
            };
            line(format!("{}.{}", clean(&value.group), clean(&value.name)), number);
        }
        (lines, rejected)
    }
}

#[allow(clippy::cast_precision_loss)] // A count beyond 2^53 loses its last bits, as any float does.
fn as_number(count: u64) -> f64 {
    count as f64
}

/// A part of a path: dots separate parts, blanks end it.
fn clean(name: &str) -> String {
    name.replace(|c: char| c == '.' || c.is_whitespace() || c.is_control(), "_")
}

impl Exporter for Graphite {
    fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
        let (lines, rejected) = self.lines(snapshot);
        let sent = TcpStream::connect(&self.address).and_then(|mut stream| {
            stream.set_write_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(lines.as_bytes())
        });
        match sent {
            Ok(()) => {
                self.rejected.add(rejected);
                self.sent = Some(snapshot.clone());
                Ok(())
            }
            // What it has is in the differences of the next export.
            Err(error) => Err(ExportError::Unreachable {
                target: Foreign::from(self.address.as_str()),
                cause: error.into(),
                retry_after: None,
            }),
        }
    }

    fn attach(&mut self, context: &ExportContext<'_>) {
        self.rejected = context.losses.counter(&format!("{} rejected", context.target), LossUnit::DataPoints);
        if let Some((_, name)) = context.attributes.iter().find(|(key, _)| key == "service.name") {
            self.prefix = clean(name);
        }
    }

    fn default_interval(&self) -> Duration {
        Duration::from_secs(10)
    }
}

/// Has an address that refuses connections until it listens.
fn refusing() -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    let address = socket.local_addr()?.as_socket().expect("an address of IPv4");
    Ok((socket, address))
}

/// Receives lines, of one connection after the other.
fn server(listener: TcpListener) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = BufReader::new(stream.expect("a client"));
            for line in stream.lines() {
                if sender.send(line.expect("a line")).is_err() {
                    return;
                }
            }
        }
    });
    lines
}

/// Waits for the next line of a path, and returns its number.
#[track_caller]
fn next(lines: &Receiver<String>, path: &str) -> String {
    loop {
        let line = lines.recv_timeout(Duration::from_secs(60)).expect("a line in time");
        let mut words = line.split(' ');
        if words.next() == Some(path) {
            return words.next().expect("a number").to_owned();
        }
    }
}

#[prof_runtime::prof(name = "Store.load", group = "store")]
fn load() {}

/// On snapshots that are put together by hand.
#[test]
fn lines_are_those_of_the_snapshot() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let load = FunctionStats::named("store", "Store.load")
        .with_timed_calls(Outcome::Success, [Duration::from_millis(2)])
        .with_calls(Outcome::Failure, 3)
        .with_in_flight(1)
        .with_objective(Objective::new().success(99.0));
    let first = Snapshot::empty(at(0), at(10)).with_function(load.clone());
    let mut graphite = Graphite::new("nowhere");
    let expect = "prof.store.Store_load.success 1 10\nprof.store.Store_load.failure 3 10\n\
        prof.store.Store_load.panic 0 10\nprof.store.Store_load.cancelled 0 10\nprof.store.Store_load.in_flight 1 10\n\
        prof.store.Store_load.p99_ms 2 10\nprof.store.Store_load.error_budget 0.01 10\n";
    assert_eq!(graphite.lines(&first), (expect.to_owned(), 0));

    graphite.sent = Some(first);
    let second = Snapshot::empty(at(0), at(20))
        .with_function(load.with_calls(Outcome::Failure, 4))
        .with_value(ValueStats::named("crawler", "level", f64::NAN));
    let (lines, rejected) = graphite.lines(&second);
    assert!(lines.starts_with("prof.store.Store_load.success 0 20\nprof.store.Store_load.failure 4 20\n"), "{lines}");
    assert_eq!(rejected, 1);
}

/// In one process, since other tests would be counted too.
#[test]
fn it_is_started_flushed_and_ended_with_everything() -> Result<(), Box<dyn std::error::Error>> {
    let (socket, address) = refusing()?;
    let losses = Losses::new();
    let prof = ProfBuilder::new()
        .attribute("service.name", "shop.eu")
        .exporter_every(Duration::from_secs(3600), "graphite", Graphite::new(address.to_string()))
        .losses(&losses)
        .start()?;
    load();
    put_metric("pages", 3, "crawler");
    let error = prof_runtime::flush().unwrap_err().to_string();
    let expect = format!("could not flush metrics to graphite: could not export metrics to {address}: ");
    assert!(error.starts_with(&expect), "{error}");
    assert_eq!(losses.get("graphite"), 0, "the next export makes up for it");

    socket.listen(16)?;
    let lines = server(socket.into());
    load();
    put_metric("level", f64::INFINITY, "crawler");
    prof_runtime::flush()?;
    assert_eq!(next(&lines, "shop_eu.store.Store_load.success"), "2");
    assert_eq!(next(&lines, "shop_eu.crawler.pages"), "3");
    assert_eq!(losses.get("graphite rejected"), 1, "infinity has no line");

    load();
    drop(prof);
    assert_eq!(next(&lines, "shop_eu.store.Store_load.success"), "1", "the last export is a difference, too");
    Ok(())
}

/// Without a builder, and with a target that is gone for good.
#[test]
fn the_last_snapshot_is_counted_when_nobody_takes_it() -> io::Result<()> {
    let (_socket, gone) = refusing()?;
    let hour = Duration::from_secs(3600);
    let exporter = PeriodicExporter::start("graphite", Aggregator::new(), hour, Graphite::new(gone.to_string()))?;
    exporter.shutdown(Duration::from_secs(60)).expect("a refused connection takes no time");
    assert_eq!(exporter.lost(), 1);
    Ok(())
}
