//! The targets of exports, as a program that sets `PROF` has them. All of them are in this process, so that what a
//! server or a daemon does with the numbers takes its share of the processors as well.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, LazyLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use prof_runtime::export::{RotatingFile, StatsdHandler};
use prof_runtime::{
    Aggregator, BufferedHandler, IntoHandler, JsonLinesHandler, MetricHandler as _, ProfBuilder, ProfGuard,
    configure_group, prof,
};

use crate::subject::{Guard, Subject, repeat};
use crate::work::work;

pub(super) const PLAIN: &str = "plain";
pub(super) const AGGREGATOR: &str = "aggregator alone";

/// Something that is exported to.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) subject: Subject,
    /// It makes calls for as long as a queue has room for them.
    pub(super) is_burst: bool,
    /// How many exports there were so far.
    pub(super) exports: fn() -> u64,
    /// How many calls were lost so far.
    pub(super) lost: fn() -> u64,
}

const fn target(subject: Subject) -> Target {
    Target { subject, is_burst: false, exports: || EXPORTS.load(Ordering::Relaxed), lost: || 0 }
}

/// Everything that is measured.
pub(super) fn all() -> [Target; 8] {
    let alone = Subject::new(AGGREGATOR, repeat!(aggregated));
    let json = Subject::new("json, in bursts", repeat!(written)).settle(|| settle(&JSON));
    let statsd = Subject::new("statsd, in bursts", repeat!(sent)).settle(|| settle(&STATSD));
    let bursts = |subject, lost| Target { is_burst: true, lost, ..target(subject) };
    [
        target(Subject::new(PLAIN, repeat!(work))),
        target(alone.setup(|| configure_group("bench.exporting.alone", Aggregator::new()))),
        target(Subject::new("prometheus, scraped every second", repeat!(exported)).meanwhile(prometheus)),
        target(Subject::new("otlp, pushed every second", repeat!(exported)).meanwhile(otlp)),
        bursts(json.setup(|| configure_group("bench.exporting.json", Arc::clone(&JSON))), || JSON.dropped()),
        bursts(statsd.setup(|| configure_group("bench.exporting.statsd", Arc::clone(&STATSD))), || STATSD.dropped()),
        Target {
            lost: || JSON.dropped(),
            ..target(Subject { name: "json, more than can be written", ..json.setup(|| {}) })
        },
        Target {
            lost: || STATSD.dropped(),
            ..target(Subject { name: "statsd, more than can be sent", ..statsd.setup(|| {}) })
        },
    ]
}

#[prof(group = "bench.exporting.alone")]
#[inline(never)]
fn aggregated(x: u64) -> u64 {
    work(x)
}

/// Its group has no handler: only the parts of the guard receive its calls.
#[prof(group = "bench.exporting")]
#[inline(never)]
fn exported(x: u64) -> u64 {
    work(x)
}

#[prof(group = "bench.exporting.json")]
#[inline(never)]
fn written(x: u64) -> u64 {
    work(x)
}

#[prof(group = "bench.exporting.statsd")]
#[inline(never)]
fn sent(x: u64) -> u64 {
    work(x)
}

static EXPORTS: AtomicU64 = AtomicU64::new(0);

/// As `PROF=json:/dev/null` and `PROF=statsd:…` have them, the latter with a daemon that does not look.
static JSON: LazyLock<Arc<BufferedHandler>> = LazyLock::new(|| {
    let file = if cfg!(windows) { "NUL" } else { "/dev/null" };
    buffered(JsonLinesHandler::to(RotatingFile::open(file).expect("the null device can be written to")))
});
static DAEMON: LazyLock<UdpSocket> =
    LazyLock::new(|| UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port"));
static STATSD: LazyLock<Arc<BufferedHandler>> = LazyLock::new(|| {
    let daemon = DAEMON.local_addr().expect("it is bound");
    buffered(StatsdHandler::to(daemon).expect("it is an address"))
});

fn buffered(handler: impl IntoHandler) -> Arc<BufferedHandler> {
    let builder = BufferedHandler::builder().flush_every(Duration::from_secs(1));
    Arc::new(builder.start(handler).expect("the system has a thread to give"))
}

/// Has the queue emptied.
fn settle(handler: &BufferedHandler) {
    // What could not be sent was counted, and a flush that takes longer goes on.
    let _ = handler.flush();
}

fn prometheus() -> Guard {
    let prof = ProfBuilder::new().prometheus("127.0.0.1:0").start().expect("loopback has a free port");
    let server = prof.prometheus_addr().expect("it serves");
    Box::new(EverySecond::start(prof, move |_| scrape(server).expect("the server answers")))
}

fn scrape(server: SocketAddr) -> io::Result<()> {
    let mut connection = TcpStream::connect(server)?;
    connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
    let text = io::read_to_string(connection)?;
    assert!(text.contains("function=\"targets.exported\""), "{text}");
    Ok(())
}

fn otlp() -> Guard {
    // Pushes are asked for, so that there is one in each second that is measured.
    let never = Duration::from_secs(1 << 20);
    let prof = ProfBuilder::new().otlp(&*COLLECTOR).interval(never).start().expect("it is an endpoint");
    Box::new(EverySecond::start(prof, |prof| prof.flush().expect("the collector answers")))
}

/// A collector that takes every push and does nothing with it.
static COLLECTOR: LazyLock<String> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    thread::spawn(move || {
        for connection in listener.incoming() {
            // A client may end a connection at any time.
            let _ = connection.and_then(|connection| take_pushes(&connection));
        }
    });
    url
});

fn take_pushes(mut connection: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(connection);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
        connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}

/// What `PROF` starts, and a thread that has it export in the middle of every second, until it is dropped.
struct EverySecond {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EverySecond {
    fn start(prof: ProfGuard, export: impl Fn(&ProfGuard) + Send + 'static) -> Self {
        let (stop, stopped) = channel::<()>();
        let thread = thread::spawn(move || {
            let mut due = Instant::now() + Duration::from_millis(500);
            while stopped.recv_timeout(due.saturating_duration_since(Instant::now())) == Err(RecvTimeoutError::Timeout)
            {
                export(&prof);
                EXPORTS.fetch_add(1, Ordering::Relaxed);
                due += Duration::from_secs(1);
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for EverySecond {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic was reported when it happened.
            let _ = thread.join();
        }
    }
}
