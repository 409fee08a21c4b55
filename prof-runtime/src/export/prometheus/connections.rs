//! Connections of clients: how long each may take over what it does, and which gives way to another.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::service::{self, lock};

/// How many connections there are, and how long one may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connections: usize,
    /// Of one client.
    pub(super) per_client: usize,
    /// For the head of a request.
    pub(super) head: Duration,
    /// For reading an answer.
    pub(super) answer: Duration,
    /// Between an answer and the next request.
    pub(super) idle: Duration,
    /// Of answers that were not read yet, in all.
    pub(super) answer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            per_client: 32,
            head: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            // Scrapers close theirs after 5 min: so it is not closed under one that is about to use it.
            idle: Duration::from_secs(360),
            answer_bytes: 64 << 20,
        }
    }
}

/// What a client is doing. Those that have shown that they know what they are here for come later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Phase {
    /// It is in the middle of a head, or has sent nothing yet.
    Head,
    /// It has not read all of an answer that the system has no more room for.
    Reading,
    /// It has sent a whole request, and its answer is on its way.
    Waiting,
    Answering,
}

/// The connections that there are, in the order in which they came.
pub(super) struct Connections {
    limits: Limits,
    places: Mutex<Vec<Arc<Place>>>,
}

/// The place of one connection.
pub(super) struct Place {
    client: IpAddr,
    /// What the client does, and since when.
    phase: Mutex<(Phase, Instant)>,
    /// How much of an answer it may not have read.
    unread_bytes: AtomicUsize,
    /// Told when the phase changes.
    changed: Notify,
    /// Told when the connection has to give way.
    gives_way: Notify,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, places: Mutex::default() }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Gives a client's connection a place, for which another may have to give way.
    pub(super) fn enter(&self, client: IpAddr) -> Arc<Place> {
        let place = Arc::new(Place {
            client: whole_client(client),
            phase: Mutex::new((Phase::Head, service::now())),
            unread_bytes: AtomicUsize::new(0),
            changed: Notify::new(),
            gives_way: Notify::new(),
        });
        let mut places = lock(&self.places);
        let is_of_client = |other: &Place| other.client == place.client;
        if places.iter().filter(|other| is_of_client(other)).count() >= self.limits.per_client {
            dismiss(&mut places, is_of_client);
        }
        if places.len() >= self.limits.connections {
            dismiss(&mut places, |_| true);
        }
        places.push(Arc::clone(&place));
        place
    }

    /// Closes one connection, of any client.
    pub(super) fn make_room(&self) {
        dismiss(&mut lock(&self.places), |_| true);
    }

    /// Notes that a client is to read so much. Others that have much to read may have to give way.
    pub(super) fn hands_out(&self, place: &Arc<Place>, bytes: usize) {
        place.unread_bytes.store(bytes, Ordering::Relaxed);
        let mut places = lock(&self.places);
        let unread = |place: &Place| place.unread_bytes.load(Ordering::Relaxed);
        while places.iter().map(|place| unread(place)).fold(0, usize::saturating_add) > self.limits.answer_bytes {
            let this: &Place = place;
            let is_other = |other: &Place| !std::ptr::eq(other, this) && unread(other) > 0;
            if !dismiss(&mut places, is_other) {
                break;
            }
        }
    }

    /// Takes the place of a connection that has ended.
    pub(super) fn leave(&self, place: &Arc<Place>) {
        lock(&self.places).retain(|other| !Arc::ptr_eq(other, place));
    }
}

/// Has the connection give way that is of the least use: the oldest that has sent no whole request, else that which has
/// taken longest over an answer, else that which was not used for longest. Returns whether there is one.
fn dismiss(places: &mut Vec<Arc<Place>>, is_eligible: impl Fn(&Place) -> bool) -> bool {
    let eligible = places.iter().enumerate().filter(|(_, place)| is_eligible(place));
    match eligible.min_by_key(|(_, place)| *lock(&place.phase)) {
        Some((at, _)) => places.remove(at).gives_way.notify_one(),
        None => return false,
    }
    true
}

/// What counts as one client: a client with an IPv6 address has 2^64 of them.
fn whole_client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        address => address,
    }
}

impl Place {
    fn enter(&self, phase: Phase) {
        *lock(&self.phase) = (phase, service::now());
        self.changed.notify_one();
    }

    /// A request is there.
    pub(super) fn answers(&self) {
        self.enter(Phase::Answering);
    }

    /// The answer is there.
    pub(super) fn waits(&self) {
        self.enter(Phase::Waiting);
    }

    /// Something has come from the client: the next head, unless it is the rest of one.
    fn reads(&self) {
        if lock(&self.phase).0 == Phase::Waiting {
            self.enter(Phase::Head);
        }
    }

    /// The system takes no more of an answer for now.
    fn is_held_up(&self) {
        if lock(&self.phase).0 == Phase::Waiting {
            self.enter(Phase::Reading);
        }
    }

    /// The system has taken all of an answer.
    fn is_done(&self) {
        self.unread_bytes.store(0, Ordering::Relaxed);
        if lock(&self.phase).0 == Phase::Reading {
            self.enter(Phase::Waiting);
        }
    }

    /// Returns once the client has taken too long, or the connection has to give way.
    pub(super) async fn is_over(&self, limits: Limits) {
        loop {
            let (phase, since) = *lock(&self.phase);
            let limit = match phase {
                Phase::Head => limits.head,
                Phase::Reading => limits.answer,
                Phase::Waiting | Phase::Answering => limits.idle,
            };
            tokio::select! {
                () = tokio::time::sleep_until((since + limit).into()) => return,
                () = self.gives_way.notified() => return,
                () = self.changed.notified() => {}
            }
        }
    }
}

/// A connection that tells its place when something comes from the client, and whether it reads what it is sent.
pub(super) struct Watched {
    pub(super) stream: TcpStream,
    pub(super) place: Arc<Place>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.place.reads();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if written.is_pending() {
            self.place.is_held_up();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() {
            self.place.is_done();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        if written.is_pending() {
            self.place.is_held_up();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(connections: usize, per_client: usize) -> Limits {
        Limits { connections, per_client, ..Limits::default() }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn has_place(connections: &Connections, place: &Arc<Place>) -> bool {
        lock(&connections.places).iter().any(|other| Arc::ptr_eq(other, place))
    }

    #[test]
    fn one_client_takes_no_place_of_another() {
        let connections = Connections::new(limits(8, 2));
        let other = connections.enter(ip("10.0.0.2"));
        let mine: Vec<_> = (0..5).map(|_| connections.enter(ip("10.0.0.1"))).collect();
        assert!(has_place(&connections, &other));
        let places: Vec<bool> = mine.iter().map(|place| has_place(&connections, place)).collect();
        assert_eq!(places, [false, false, false, true, true], "the oldest give way");
        let six: Vec<_> = (1..4).map(|at| connections.enter(ip(&format!("2001:db8::{at}")))).collect();
        assert!(!has_place(&connections, &six[0]), "one client has all of a network");
        connections.leave(&mine[4]);
        assert!(!has_place(&connections, &mine[4]));
    }

    #[test]
    fn who_has_sent_a_request_keeps_its_place_from_who_has_not() {
        let connections = Connections::new(limits(3, 3));
        let scraper = connections.enter(ip("10.0.0.1"));
        scraper.answers();
        scraper.waits();
        let silent: Vec<_> = (0..9).map(|_| connections.enter(ip("10.0.0.1"))).collect();
        assert!(has_place(&connections, &scraper));
        assert_eq!(silent.iter().filter(|place| has_place(&connections, place)).count(), 2);
        connections.make_room();
        connections.make_room();
        connections.make_room();
        assert!(!has_place(&connections, &scraper), "there is no other left");
    }

    #[test]
    fn answers_that_nobody_reads_are_bounded() {
        let connections = Connections::new(Limits { answer_bytes: 100, ..Limits::default() });
        let places: Vec<_> = (0..4).map(|at| connections.enter(ip(&format!("10.0.0.{at}")))).collect();
        for place in &places[..3] {
            place.answers();
            place.waits();
            connections.hands_out(place, 40);
        }
        let kept =
            |places: &[Arc<Place>]| places.iter().map(|place| has_place(&connections, place)).collect::<Vec<_>>();
        assert_eq!(kept(&places), [false, true, true, true], "the oldest of those that have something to read");
        places[1].is_done();
        connections.hands_out(&places[3], 1000);
        assert_eq!(kept(&places), [false, true, false, true], "the only one left may be large");
    }

    #[tokio::test]
    async fn each_phase_has_its_limit() {
        let limits = Limits { head: Duration::from_millis(1), idle: Duration::from_secs(3600), ..Limits::default() };
        let connections = Connections::new(limits);
        let place = connections.enter(ip("10.0.0.1"));
        place.is_over(limits).await;
        place.answers();
        place.waits();
        {
            let over = place.is_over(limits);
            tokio::pin!(over);
            tokio::select! {
                biased;
                () = &mut over => panic!("between requests, it has longer"),
                () = std::future::ready(()) => {}
            }
            // It learns that the next head has begun.
            place.reads();
            over.await;
        }
        place.waits();
        connections.make_room();
        place.is_over(limits).await;
    }
}
