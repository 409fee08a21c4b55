//! A thread that answers Prometheus.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, oneshot};

use super::PrometheusCollector;
use crate::clock;
use crate::local::lock;
use crate::stderr;
use crate::sys::NotInherited;
use crate::text::{Foreign, MaskedUrl};
use crate::worker::Worker;

/// Answers `GET /metrics` from a thread of its own, until it is dropped.
///
/// It serves at most 64 connections at a time; further ones wait. One that sends no request for 60 s is closed, and any
/// after 10 min. There is neither encryption nor authentication: let it listen on loopback, or on a network that you
/// trust.
///
/// # Examples
///
/// ```
/// use prof_runtime::Aggregator;
/// use prof_runtime::export::prometheus::{PrometheusCollector, PrometheusServer};
/// use std::io::{Read as _, Write as _};
///
/// // Port 0 has the system choose one.
/// let server = PrometheusServer::start("127.0.0.1:0", PrometheusCollector::new(Aggregator::new()))?;
///
/// let mut connection = std::net::TcpStream::connect(server.local_addr())?;
/// connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
/// let mut response = String::new();
/// connection.read_to_string(&mut response)?;
/// assert!(response.starts_with("HTTP/1.1 200 OK\r\n"));
/// assert!(response.contains("\nprof_build_info{"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PrometheusServer {
    local_addr: SocketAddr,
    /// Dropped to stop the server.
    stop: Mutex<Option<oneshot::Sender<Infallible>>>,
    worker: Mutex<Worker>,
}

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is none, or taken, or not this machine's.
    #[error("could not listen on {address}: {:.1024}", Foreign(source))]
    Listen {
        /// The address.
        address: Foreign<String>,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused a thread, or what an event loop needs.
    #[error("could not start a server: {0}")]
    Start(#[source] io::Error),
}

const MAX_CONNECTIONS: usize = 64;
/// Longer than the interval at which servers scrape by default, so that a connection can be used again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// No one reads an answer for so long.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(600);
/// How long to wait when the system has no more connections to give.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

/// An address that is listened on, while nobody answers yet.
pub(crate) struct PrometheusListener {
    listener: TcpListener,
    local_addr: SocketAddr,
}

impl PrometheusListener {
    pub(crate) fn bind(address: impl ToSocketAddrs + fmt::Display) -> Result<Self, ServeError> {
        let listen = |source| ServeError::Listen { address: MaskedUrl(address.to_string()).to_string().into(), source };
        let listener = TcpListener::bind(&address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, local_addr })
    }

    /// Starts the thread that answers.
    pub(crate) fn serve(self, collector: PrometheusCollector) -> Result<PrometheusServer, ServeError> {
        let Self { listener, local_addr } = self;
        let (stop, stopped) = oneshot::channel();
        let collector = Arc::new(collector);
        let (begin, has_begun) = crossbeam_channel::bounded(1);
        // The runtime is made there, since the caller may be in one of its own.
        let run = move || {
            let (runtime, listener) = match runtime(listener) {
                Ok(made) => made,
                Err(error) => return drop(begin.send(Err(error))),
            };
            // Dropped before the listener: locals are dropped in the reverse order.
            let _not_inherited = NotInherited::new(&listener);
            drop(begin.send(Ok(())));
            runtime.block_on(async {
                tokio::select! {
                    () = accept(&listener, &collector) => {}
                    _ = stopped => {}
                }
            });
        };
        let worker = Worker::start("prof-prometheus", move |_| run()).map_err(ServeError::Start)?;
        has_begun.recv().unwrap_or_else(|error| Err(io::Error::other(error))).map_err(ServeError::Start)?;
        Ok(PrometheusServer { local_addr, stop: Mutex::new(Some(stop)), worker: Mutex::new(worker) })
    }
}

impl PrometheusServer {
    /// Listens on an address, and starts a thread, named `prof-prometheus`, that answers.
    ///
    /// # Errors
    ///
    /// If it cannot listen on the address, or the system refuses a thread.
    pub fn start(
        address: impl ToSocketAddrs + fmt::Display,
        collector: PrometheusCollector,
    ) -> Result<Self, ServeError> {
        PrometheusListener::bind(address)?.serve(collector)
    }

    /// Returns the address that it listens on, with the port that the system chose if it was asked for 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Stops answering, closes every connection and ends the thread. Returns whether it ended within `timeout`; it may
    /// take as long as a snapshot. Shutting down twice is allowed.
    pub fn shutdown(&self, timeout: Duration) -> bool {
        self.shutdown_by(clock::deadline(timeout))
    }

    /// Begins what [`shutdown_by`](Self::shutdown_by) waits for.
    pub(crate) fn begin_shutdown(&self) {
        drop(lock(&self.stop).take());
    }

    pub(crate) fn shutdown_by(&self, deadline: Instant) -> bool {
        self.begin_shutdown();
        lock(&self.worker).stop(deadline)
    }
}

impl Drop for PrometheusServer {
    fn drop(&mut self) {
        if lock(&self.worker).was_told_to_stop() {
            // Whoever shut it down has waited as long as they wanted.
            return;
        }
        if !self.shutdown(DROP_TIMEOUT) && lock(&self.worker).is_here() {
            stderr::line(format_args!("prof: the server on {} did not end within {DROP_TIMEOUT:?}", self.local_addr));
        }
    }
}

impl fmt::Debug for PrometheusServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusServer").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

/// An event loop for one thread, and a listener in it.
fn runtime(listener: TcpListener) -> io::Result<(Runtime, tokio::net::TcpListener)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    drop(entered);
    Ok((runtime, listener))
}

/// Serves connections, for ever.
async fn accept(listener: &tokio::net::TcpListener, collector: &Arc<PrometheusCollector>) {
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let served = serve(stream, Arc::clone(collector));
                tokio::spawn(async move {
                    // What goes wrong with a connection is the client's concern.
                    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, served).await;
                    drop(permit);
                });
            }
            // The client has gone again, or the process has too many files open.
            Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
        }
    }
}

async fn serve(stream: TcpStream, collector: Arc<PrometheusCollector>) -> hyper::Result<()> {
    // A client waits for the end of the connection, which it would not see while a child has it open.
    let not_inherited = NotInherited::new(&stream);
    let service = service_fn(move |request| {
        let response = answer(&request, &collector);
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // Dropped before the connection: locals are dropped in the reverse order.
    let _not_inherited = not_inherited;
    connection.as_mut().await
}

fn answer(request: &Request<Incoming>, collector: &PrometheusCollector) -> Response<Full<Bytes>> {
    let (status, content_type, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
            let (content_type, body) = collector.respond(accept);
            (StatusCode::OK, content_type, body)
        }
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, TEXT, b"only GET and HEAD are allowed\n".to_vec()),
        _ => (StatusCode::NOT_FOUND, TEXT, b"metrics are at /metrics\n".to_vec()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

const TEXT: &str = "text/plain; charset=utf-8";
