//! Accepts connections and answers their requests.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::PrometheusCollector;
use super::connections::{Connections, Place, Watched};
use super::hosts::Hosts;
use super::server::{ACCEPT_RETRY, MAX_HEAD_BYTES};
use crate::service::ClosedInChild;

/// What all connections have in common.
pub(super) struct Shared {
    pub(super) collector: PrometheusCollector,
    pub(super) hosts: Hosts,
    pub(super) connections: Connections,
}

/// Serves connections, for ever.
pub(super) async fn accept(listener: &tokio::net::TcpListener, shared: &Arc<Shared>) {
    loop {
        if let Ok((stream, peer)) = listener.accept().await {
            let place = shared.connections.enter(peer.ip());
            tokio::spawn(serve(stream, place, Arc::clone(shared)));
        } else {
            // The client has gone again, or the process has too many files open: one that is of no use may be ours.
            shared.connections.make_room();
            tokio::time::sleep(ACCEPT_RETRY).await;
        }
    }
}

/// Serves one connection until it ends, takes too long, or has to give way. What goes wrong with it is the client's
/// concern.
async fn serve(stream: TcpStream, place: Arc<Place>, shared: Arc<Shared>) {
    let service = service_fn(|request| {
        place.answers();
        let response = answer(&request, &shared);
        let bytes = response.body().size_hint().lower();
        shared.connections.hands_out(&place, usize::try_from(bytes).unwrap_or(usize::MAX));
        place.waits();
        async { Ok::<_, Infallible>(response) }
    });
    // A client waits for the end of the connection, which it would not see while a child has it open.
    let not_inherited = ClosedInChild::new(&stream);
    let stream = TokioIo::new(Watched { stream, place: Arc::clone(&place) });
    let served = http1::Builder::new().max_buf_size(MAX_HEAD_BYTES).serve_connection(stream, service);
    let mut served = pin!(served);
    // Dropped before the connection: locals are dropped in the reverse order.
    let _not_inherited = not_inherited;
    tokio::select! {
        _ = served.as_mut() => {}
        () = place.is_over(shared.connections.limits()) => {}
    }
    shared.connections.leave(&place);
}

fn answer(request: &Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    let (status, content_type, body) = match (request.method(), request.uri().path()) {
        _ if !shared.hosts.allow(request) => (StatusCode::FORBIDDEN, TEXT, FOREIGN_HOST.to_vec()),
        (&Method::GET | &Method::HEAD, "/metrics") => {
            let (content_type, body) = shared.collector.respond(accept_of(request).as_deref());
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

/// The `Accept` header; several are one list.
fn accept_of(request: &Request<Incoming>) -> Option<String> {
    let all = request.headers().get_all(ACCEPT).into_iter().filter_map(|accept| accept.to_str().ok());
    all.map(str::to_owned).reduce(|list, more| format!("{list},{more}"))
}

const TEXT: &str = "text/plain; charset=utf-8";
const FOREIGN_HOST: &[u8] =
    b"this server listens on loopback, and answers requests for loopback names such as localhost; \
    PrometheusServerBuilder::allow_host allows others\n";
