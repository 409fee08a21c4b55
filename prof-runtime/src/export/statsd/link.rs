//! Sends datagrams to a daemon, and learns from the system about some that did not arrive.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use super::Tally;

/// A socket that is connected to an address, so that the system reports it if no program listens there, as far as it
/// learns of that.
#[derive(Debug)]
pub(super) struct Link {
    address: SocketAddr,
    /// `None` while the system has no route to the address; each datagram tries again.
    socket: Option<UdpSocket>,
    /// The items of the last datagram. The system may report later that it did not arrive.
    last: Tally,
}

/// The items that did not arrive, and the cause.
pub(super) type Undelivered = (Tally, io::Error);

impl Link {
    /// Makes a socket. It is no error if there is no route to the address yet, or if no program listens there.
    ///
    /// # Errors
    ///
    /// If the system refuses a socket.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = bind(address)?;
        let socket = socket.connect(address).is_ok().then_some(socket);
        Ok(Self { address, socket, last: Tally::new() })
    }

    /// Sends a datagram with the items of `tally`, without waiting. Returns the items that were lost: of this datagram,
    /// or of the one before.
    pub(super) fn send(&mut self, datagram: &[u8], tally: Tally) -> Vec<Undelivered> {
        let mut lost = Vec::new();
        lost.extend(self.refused());
        let sent = self.socket().and_then(|socket| match socket.send(datagram) {
            // The error may be of the datagram before, if it was refused just now.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => socket.send(datagram),
            sent => sent,
        });
        match sent {
            Ok(_) => self.last = tally,
            Err(error) => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    // Networks come and go, and a socket keeps to the network that it was connected on.
                    self.socket = None;
                }
                lost.push((tally, error));
            }
        }
        lost
    }

    /// Returns the items of the last datagram, if the system reports that it was not received.
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

/// Makes a socket that never blocks: a full buffer is a loss.
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
