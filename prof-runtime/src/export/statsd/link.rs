//! The way to a daemon: datagrams, of which the system sometimes says what became of them.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use super::Tally;

/// A socket that is connected to an address, so that the system says when nobody has it, as far as it learns of that.
#[derive(Debug)]
pub(super) struct Link {
    address: SocketAddr,
    /// `None` where there is no way to the address. It is looked for again with each datagram.
    socket: Option<UdpSocket>,
    /// What the last datagram held. That nobody received it is known when it is on its way.
    last: Tally,
}

/// What did not arrive, and why.
pub(super) type Undelivered = (Tally, io::Error);

impl Link {
    /// Makes a socket. That there is no way to the address yet, or nobody there, is no error.
    ///
    /// # Errors
    ///
    /// If the system refuses a socket.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = bind(address)?;
        let socket = socket.connect(address).is_ok().then_some(socket);
        Ok(Self { address, socket, last: Tally::new() })
    }

    /// Sends a datagram, which holds `tally`, without waiting. Returns what was lost: of this one, or of the one
    /// before.
    pub(super) fn send(&mut self, datagram: &[u8], tally: Tally) -> Vec<Undelivered> {
        let mut lost = Vec::new();
        lost.extend(self.refused());
        let sent = self.socket().and_then(|socket| match socket.send(datagram) {
            // Of one before that, such as when it was refused just now.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => socket.send(datagram),
            sent => sent,
        });
        match sent {
            Ok(_) => self.last = tally,
            Err(error) => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    // Networks come and go, and a socket keeps to the one that it was connected on.
                    self.socket = None;
                }
                lost.push((tally, error));
            }
        }
        lost
    }

    /// Returns what the last datagram held, if the system says that nobody received it.
    pub(super) fn refused(&mut self) -> Option<Undelivered> {
        let error = self.socket.as_ref()?.take_error().ok()??;
        Some((std::mem::take(&mut self.last), error)).filter(|(tally, _)| !tally.is_empty())
    }

    fn socket(&mut self) -> io::Result<&UdpSocket> {
        if self.socket.is_none() {
            let socket = bind(self.address)?;
            socket.connect(self.address)?;
            self.socket = Some(socket);
        }
        self.socket.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

/// A socket for an address, on which nothing waits: a full buffer is a loss.
fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::losses::LossUnit;

    fn tally(calls: u64) -> Tally {
        Tally::from([(LossUnit::Calls, calls)])
    }

    fn lost(undelivered: impl IntoIterator<Item = Undelivered>) -> Vec<u64> {
        undelivered.into_iter().flat_map(|(tally, _)| tally.into_values()).collect()
    }

    #[test]
    fn what_nobody_received_is_that_of_the_datagram_before() {
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = daemon.local_addr().unwrap();
        let mut link = Link::open(address).unwrap();
        assert_eq!(lost(link.send(b"a", tally(1))), [0; 0]);
        assert_eq!(lost(link.refused()), [0; 0]);
        drop(daemon);
        assert_eq!(lost(link.send(b"b", tally(2))), [0; 0], "it is on its way");
        assert_eq!(lost(link.send(b"c", tally(3))), [2]);
        assert_eq!(lost(link.refused()), [3]);
        assert_eq!(lost(link.refused()), [0; 0], "once");
        // A daemon that comes back receives what comes then.
        let daemon = UdpSocket::bind(address).unwrap();
        assert_eq!(lost(link.send(b"d", tally(4))), [0; 0]);
        let mut datagram = [0; 8];
        assert_eq!(daemon.recv(&mut datagram).unwrap(), 1);
        assert_eq!(&datagram[..1], b"d");
    }

    #[test]
    fn an_address_that_there_is_no_way_to_costs_each_datagram() {
        // No one may send to everyone without asking for that.
        let mut link = Link::open("255.255.255.255:9".parse().unwrap()).unwrap();
        assert_eq!(lost(link.send(b"a", tally(1))), [1]);
        assert_eq!(lost(link.send(b"b", tally(2))), [2]);
    }

    #[test]
    fn what_is_too_large_for_the_system_is_lost() {
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut link = Link::open(daemon.local_addr().unwrap()).unwrap();
        assert_eq!(lost(link.send(&vec![0; 70_000], tally(1))), [1]);
        assert_eq!(lost(link.send(b"b", tally(2))), [0; 0]);
    }
}
