//! Addresses as users write them: `HOST:PORT`.

use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};

/// A host and a port. Parsing is strict: a missing part is an error, and has no default.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Address {
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The reason why an address is not valid, as the end of a sentence such as "could not listen on …: ".
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Address {
    /// Parses an address. `example` is the port that error messages suggest.
    pub(crate) fn parse(text: &str, example: u16) -> Result<Self, Fault> {
        let fault = |reason: &str| Err(Fault(format!("{reason}; write it as in `127.0.0.1:{example}`")));
        if text.contains("://") {
            return fault("it is a URL, where a host and a port are needed");
        }
        if !text.starts_with('[') && text.contains("::") {
            return Err(Fault(format!("it is an IPv6 address without brackets; write it as in `[::1]:{example}`")));
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((host, port)) => (host, port.strip_prefix(':')),
                None => return fault("a bracket of its host is not closed"),
            },
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let is_ipv6 = host.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
        if text.starts_with('[') && !is_ipv6 {
            return fault("what is in brackets is no IPv6 address");
        }
        if host.is_empty() {
            return fault("it has no host");
        }
        let Some(port) = port else { return fault("it has no port") };
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        match port.parse() {
            Ok(port) if is_number => Ok(Self { host: host.to_owned(), port }),
            _ => fault("its port is not a number up to 65535"),
        }
    }

    /// Looks the host up. May block for minutes.
    pub(crate) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        Ok((&*self.host, self.port).to_socket_addrs()?.collect())
    }
}

/// Parses an address from how it is displayed, and looks it up.
pub(super) fn resolved(address: &dyn fmt::Display, example: u16) -> io::Result<(Address, Vec<SocketAddr>)> {
    let parsed = Address::parse(&address.to_string(), example);
    let parsed = parsed.map_err(|fault| io::Error::new(io::ErrorKind::InvalidInput, fault.to_string()))?;
    let addresses = parsed.resolve()?;
    Ok((parsed, addresses))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let check = |text: &str, expect: &str| {
            let fault = Address::parse(text, 9464).unwrap_err().to_string();
            assert!(fault.starts_with(expect), "{text}: {fault}");
        };
        check("localhost", "it has no port; write it as in `127.0.0.1:9464`");
        check("[::1]", "it has no port");
        check("[::1]9464", "it has no port");
        check(":9464", "it has no host");
        check("", "it has no host");
        check("[]:1", "what is in brackets is no IPv6 address");
        check("[localhost]:1", "what is in brackets is no IPv6 address");
        check("[::1", "a bracket of its host is not closed");
        check("::1:9464", "it is an IPv6 address without brackets; write it as in `[::1]:9464`");
        check("::1", "it is an IPv6 address without brackets");
        check("1:2:3:4:5:6:7:8", "its port is not");
        check("fe80::1:9464", "it is an IPv6 address without brackets; write it as in `[::1]:9464`");
        check("http://localhost:9464", "it is a URL");
        for port in ["", "x", "+1", "-1", "65536", "1 ", "１"] {
            check(&format!("h:{port}"), "its port is not a number up to 65535");
        }
    }

    #[test]
    fn hosts_are_names_and_numbers() {
        let check = |text: &str, host: &str, port| {
            assert_eq!(Address::parse(text, 1), Ok(Address { host: host.to_owned(), port }));
        };
        check("localhost:9464", "localhost", 9464);
        check("127.0.0.1:0", "127.0.0.1", 0);
        check("[::1]:9464", "::1", 9464);
        check("[fe80::1%lo]:9464", "fe80::1%lo", 9464);
        for address in ["127.0.0.1:1", "[::1]:2", "[fe80::1%3]:3"] {
            let address: SocketAddr = address.parse().unwrap();
            let parsed = Address::parse(&address.to_string(), 1).unwrap();
            assert_eq!(parsed.resolve().unwrap(), [address], "what is displayed is what is read");
        }
    }
}
