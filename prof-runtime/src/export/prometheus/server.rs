//! A thread that answers Prometheus.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::PrometheusCollector;
use super::answer::{Shared, accept};
use super::connections::{Connections, Limits};
use super::hosts::Hosts;
use crate::export::Server;
use crate::export::address::resolved;
use crate::service::{self, BackgroundThread, ClosedInChild, lock};
use crate::text::{Foreign, MaskedUrl};

/// Answers `GET /metrics` from a thread of its own, until it is dropped.
///
/// A client has 10 s for the head of its first request, and for that of each further one from its first byte on. A
/// connection that is not used is closed after 6 min, which is longer than usual intervals between scrapes, and one
/// whose answer is not read after 1 min; answers that are not read take 64 MiB at most, or are one. There are 256
/// connections, 32 for each client (by IPv4 address, or the first 64 bits of an IPv6 one); where one more comes, the
/// oldest that has not sent a whole request gives way, else the one that was not used for longest: clients that hold
/// connections do not keep a scrape from being answered.
///
/// Where it listens on loopback, it answers requests for loopback names only, such as `localhost`, so that no web page
/// reads metrics by a name of its own that resolves to this machine; [`builder`](Self::builder) allows other names.
/// There is neither encryption nor authentication: let it listen on loopback, or on a network that you trust.
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
    thread: BackgroundThread,
}

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is none, or taken, or not this machine's.
    #[error("could not listen on {address}: {:.1024}", Foreign::new(cause))]
    Listen {
        /// The address.
        address: Foreign<String>,
        /// What the system said.
        cause: io::Error,
    },
    /// The system refused a thread, or what an event loop needs.
    #[error("could not start a server: {:.1024}", Foreign::new(_0))]
    Start(io::Error),
}

/// How long to wait when the system has no more connections to give.
pub(super) const ACCEPT_RETRY: Duration = Duration::from_millis(100);
const DROP_TIMEOUT: Duration = Duration::from_secs(5);
/// More than any scraper sends before it waits for an answer.
pub(super) const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How a [`PrometheusServer`] is to be.
///
/// # Examples
///
/// ```
/// use prof_runtime::Aggregator;
/// use prof_runtime::export::prometheus::{PrometheusCollector, PrometheusServer};
///
/// // Behind a proxy on this machine that passes on the name that it was asked for.
/// let builder = PrometheusServer::builder().allow_host("metrics.example.com");
/// let server = builder.start("127.0.0.1:0", PrometheusCollector::new(Aggregator::new()))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder starts nothing until `start` is called"]
pub struct PrometheusServerBuilder {
    allowed_hosts: Vec<String>,
    limits: Limits,
}

impl PrometheusServerBuilder {
    /// Answers requests for this host, too, where the server listens on loopback; `*` is every host. A port does not
    /// matter.
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.allowed_hosts.push(host.into());
        self
    }

    #[cfg(test)]
    pub(super) fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Listens on an address, such as `127.0.0.1:9464`, and starts a thread, named `prof-prometheus`, that answers.
    ///
    /// # Errors
    ///
    /// If it cannot listen on the address, or the system refuses a thread.
    pub fn start(
        self,
        address: impl ToSocketAddrs + fmt::Display,
        collector: PrometheusCollector,
    ) -> Result<PrometheusServer, ServeError> {
        PrometheusListener::bind(address)?.serve(self, collector)
    }
}

/// A socket that listens, while no thread answers yet: for programs that listen before they give up a privilege,
/// or before they start anything.
#[derive(Debug)]
pub struct PrometheusListener {
    listener: TcpListener,
    local_addr: SocketAddr,
    /// As it was named.
    host: String,
}

/// Adds what to do about it to an error of the system.
fn advised(error: io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there: end it, or choose another port",
        io::ErrorKind::AddrNotAvailable => "this machine does not have the address: 0.0.0.0 stands for all that it has",
        io::ErrorKind::PermissionDenied => "choose a port from 1024 up, or grant the program this one",
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{error}; {advice}"))
}

impl PrometheusListener {
    /// Listens on an address, such as `127.0.0.1:9464`.
    ///
    /// # Errors
    ///
    /// If it cannot listen on the address.
    pub fn bind(address: impl ToSocketAddrs + fmt::Display) -> Result<Self, ServeError> {
        let listen = |cause| ServeError::Listen { address: MaskedUrl::new(address.to_string()).masked().into(), cause };
        let (parsed, addresses) = resolved(&address, 9464).map_err(listen)?;
        let listener = TcpListener::bind(&*addresses).map_err(advised).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, local_addr, host: parsed.host })
    }

    /// Starts a thread, named `prof-prometheus`, that answers.
    ///
    /// # Errors
    ///
    /// If the system refuses a thread, or what an event loop needs.
    pub fn serve(
        self,
        builder: PrometheusServerBuilder,
        collector: PrometheusCollector,
    ) -> Result<PrometheusServer, ServeError> {
        let Self { listener, local_addr, host } = self;
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::new(Shared {
            collector,
            // The user who named the address knows its name.
            hosts: Hosts::new(local_addr.ip(), builder.allowed_hosts.into_iter().chain([host])),
            connections: Connections::new(builder.limits),
        });
        let (begin, has_begun) = crossbeam_channel::bounded(1);
        // The runtime is made there, since the caller may be in one of its own.
        let run = move || {
            let (runtime, listener) = match runtime(listener) {
                Ok(made) => made,
                Err(error) => return drop(begin.send(Err(error))),
            };
            // Dropped before the listener: locals are dropped in the reverse order.
            let _not_inherited = ClosedInChild::new(&listener);
            drop(begin.send(Ok(())));
            runtime.block_on(async {
                tokio::select! {
                    () = accept(&listener, &shared) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = BackgroundThread::start("prof-prometheus", move |_| run()).map_err(ServeError::Start)?;
        has_begun.recv().unwrap_or_else(|error| Err(io::Error::other(error))).map_err(ServeError::Start)?;
        Ok(PrometheusServer { local_addr, stop: Mutex::new(Some(stop)), thread })
    }
}

impl PrometheusServer {
    /// Listens on an address, such as `127.0.0.1:9464`, and starts a thread, named `prof-prometheus`, that answers.
    ///
    /// # Errors
    ///
    /// If it cannot listen on the address, or the system refuses a thread.
    pub fn start(
        address: impl ToSocketAddrs + fmt::Display,
        collector: PrometheusCollector,
    ) -> Result<Self, ServeError> {
        Self::builder().start(address, collector)
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> PrometheusServerBuilder {
        PrometheusServerBuilder::default()
    }

    /// Returns the address that it listens on, with the port that the system chose if it was asked for 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Stops answering, closes every connection and ends the thread. Returns whether it ended within `timeout`; it may
    /// take as long as a snapshot. Shutting down twice is allowed.
    pub fn shutdown(&self, timeout: Duration) -> bool {
        self.finish_shutdown(service::deadline(timeout))
    }
}

impl Server for PrometheusServer {
    fn begin_shutdown(&self) {
        drop(lock(&self.stop).take());
    }

    fn finish_shutdown(&self, deadline: Instant) -> bool {
        self.begin_shutdown();
        self.thread.stop(deadline)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Some(self.local_addr)
    }
}

impl Drop for PrometheusServer {
    fn drop(&mut self) {
        if self.thread.was_told_to_stop() {
            // The caller of the shutdown has waited as long as it wanted.
            return;
        }
        if !self.shutdown(DROP_TIMEOUT) && self.thread.is_in_this_process() {
            service::warn(format_args!("the server on {} did not end within {DROP_TIMEOUT:?}", self.local_addr));
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
