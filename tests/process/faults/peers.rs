//! The other side, in all its moods: a server that answers as a test says, and one that is not there.
//!
//! | mood | how |
//! |---|---|
//! | not there | [`Absent`] |
//! | not taking calls: its queue of connections is full | [`Busy`] |
//! | silent: takes the connection and says nothing | [`Answer::Silence`] |
//! | slow: a byte at a time, without an end | [`Answer::Trickle`] |
//! | lying: says 200 with what is no answer | [`lie`] |
//! | flooding: a head, or a body, without an end | [`Answer::Flood`] |
//! | hangs up, at once or in the middle | [`Answer::Bytes`] |

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::program::LONG;

/// A request over http as it arrived.
#[derive(Debug)]
pub(crate) struct Request {
    /// The first line and the headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// These bytes, and the connection goes on.
    Bytes(Vec<u8>),
    /// These bytes, and the connection is closed.
    Last(Vec<u8>),
    /// Nothing, until the other side hangs up.
    Silence,
    /// These bytes, then one more every few milliseconds, until the other side hangs up.
    Trickle(Vec<u8>),
    /// These bytes, then those, over and over, until the other side hangs up.
    Flood(Vec<u8>, Vec<u8>),
}

/// An answer over http with this status, headers (each ended by `\r\n`) and body.
pub(crate) fn http(status: &str, headers: &str, body: &[u8]) -> Answer {
    let mut bytes = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    Answer::Bytes(bytes)
}

/// What a collector answers that took everything.
pub(crate) fn ok() -> Answer {
    http("200 OK", "content-type: application/x-protobuf\r\n", b"")
}

/// What is no collector: a page that says 200.
pub(crate) fn lie() -> Answer {
    http("200 OK", "content-type: text/html\r\n", b"<html><body>Welcome!</body></html>")
}

/// A server over http whose answers the test decides. It ends, and frees its port, when it is dropped.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Receiver<Request>,
    stops: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

type Answers = Arc<Mutex<dyn FnMut(&Request) -> Answer + Send>>;

impl Peer {
    /// Answers every request alike.
    pub(crate) fn always(answer: Answer) -> Self {
        Self::answering(move |_| answer.clone())
    }

    pub(crate) fn answering(answers: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), answers)
    }

    pub(crate) fn on(listener: TcpListener, answers: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let (received, requests) = channel();
        let stops = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let (is_over, open) = (Arc::clone(&stops), Arc::clone(&connections));
        let answers: Answers = Arc::new(Mutex::new(answers));
        let thread = thread::spawn(move || {
            let mut threads = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                open.lock().unwrap().push(stream.try_clone().unwrap());
                let (received, answers) = (received.clone(), Arc::clone(&answers));
                threads.push(thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    while let Some(request) = read_request(&mut reader) {
                        let answer = (answers.lock().unwrap())(&request);
                        // A test that has seen enough listens no longer.
                        let _ = received.send(request);
                        if !answer.send(&stream) {
                            break;
                        }
                    }
                    let _ = stream.shutdown(Shutdown::Both);
                }));
            }
            drop(listener);
            for thread in threads {
                thread.join().unwrap();
            }
        });
        Self { address, requests, stops, connections, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request.
    #[track_caller]
    pub(crate) fn request(&self) -> Request {
        self.requests.recv_timeout(LONG).expect("something is sent")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        self.connections.lock().unwrap().iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// `None` if the other side hung up first.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Request { head, body })
}

impl Answer {
    /// Whether the connection goes on.
    fn send(&self, mut stream: &TcpStream) -> bool {
        let until_hung_up = |bytes: &[u8], pause| {
            while (&*stream).write_all(bytes).is_ok() {
                thread::sleep(pause);
            }
        };
        match self {
            Self::Bytes(bytes) => return stream.write_all(bytes).is_ok(),
            Self::Last(bytes) => drop(stream.write_all(bytes)),
            Self::Silence => while stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {},
            Self::Trickle(bytes) => {
                let _ = stream.write_all(bytes);
                until_hung_up(b"x", Duration::from_millis(5));
            }
            Self::Flood(head, bytes) => {
                let _ = stream.write_all(head);
                until_hung_up(bytes, Duration::ZERO);
            }
        }
        false
    }
}

/// A port of this machine that refuses connections, and that nothing else takes, until someone is to listen there.
pub(crate) struct Absent(Socket);

impl Absent {
    pub(crate) fn new() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap())
    }

    /// The same at an address where a [`Peer`] was.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&address.into()).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Takes connections from now on.
    pub(crate) fn listen(self) -> TcpListener {
        self.0.listen(16).unwrap();
        self.0.into()
    }
}

/// A port at which connections are neither taken nor refused: what is sent there is dropped.
pub(crate) struct Busy {
    socket: Socket,
    /// Those that found room.
    _queued: Vec<TcpStream>,
}

impl Busy {
    pub(crate) fn new() -> Self {
        let Absent(socket) = Absent::new();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
        Self { _queued: std::iter::from_fn(connect).collect(), socket }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.socket.local_addr().unwrap().as_socket().unwrap())
    }
}
