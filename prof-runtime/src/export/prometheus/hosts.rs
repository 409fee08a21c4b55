//! Whose names a server answers to.

use std::net::IpAddr;

use hyper::Request;
use hyper::header::HOST;
use hyper::http::uri::Authority;

use crate::export::loopback::is_loopback;

/// The hosts that requests may be for.
#[derive(Debug)]
pub(super) enum Hosts {
    All,
    /// Those of loopback, and these, in lower case.
    Loopback(Vec<String>),
}

impl Hosts {
    /// Those of a server that listens on an address, with others that it was told to answer to.
    pub(super) fn new(listens_on: IpAddr, allowed: impl IntoIterator<Item = String>) -> Self {
        let allowed: Vec<String> = allowed.into_iter().map(|host| normal(&host)).collect();
        match listens_on.to_canonical().is_loopback() && !allowed.iter().any(|host| host == "*") {
            true => Self::Loopback(allowed),
            false => Self::All,
        }
    }

    /// Whether a request is for one of them. One that names no host, as those before version 1.1, comes from no
    /// browser.
    pub(super) fn allow<B>(&self, request: &Request<B>) -> bool {
        let Self::Loopback(allowed) = self else { return true };
        let named = request.headers().get_all(HOST).into_iter().map(|host| host.to_str().ok());
        // The name that stands in the first line goes before the header; both have to be allowed.
        let mut named = named.chain(request.uri().authority().map(|authority| Some(authority.as_str())));
        named.all(|named| named.and_then(host_of).is_some_and(|host| is_loopback(&host) || allowed.contains(&host)))
    }
}

/// The host of `HOST` or `HOST:PORT`.
fn host_of(named: &str) -> Option<String> {
    let authority: Authority = named.parse().ok()?;
    // What has a name of a user before it is no host.
    (!named.contains('@')).then(|| normal(authority.host()))
}

/// In lower case, without brackets and without the dot at its end.
fn normal(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(hosts: &Hosts, named: &[&str], expect: bool) {
        let request =
            named.iter().fold(Request::builder().uri("/metrics"), |request, host| request.header("host", *host));
        assert_eq!(hosts.allow(&request.body(()).unwrap()), expect, "{named:?}");
    }

    #[test]
    fn a_server_on_loopback_answers_to_loopback_names() {
        for ip in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            let hosts = Hosts::new(ip.parse().unwrap(), ["named.example".to_owned()]);
            for host in
                ["localhost", "LocalHost:9464", "localhost.", "a.localhost", "127.0.0.1:9464", "127.9.9.9", "[::1]:1"]
            {
                check(&hosts, &[host], true);
            }
            check(&hosts, &[], true);
            check(&hosts, &["Named.Example:80"], true);
            for host in [
                "evil.example",
                "localhost.evil.example",
                "127.0.0.1.evil.example",
                "10.0.0.1",
                "",
                "a b",
                "localhost@evil.example",
                "evil.example@localhost",
                "[::2]",
                "0.0.0.0",
                "localhost:x:y",
            ] {
                check(&hosts, &[host], false);
            }
            check(&hosts, &["localhost", "evil.example"], false);
            let absolute = Request::builder().uri("http://evil.example/metrics").header("host", "localhost");
            assert!(!hosts.allow(&absolute.body(()).unwrap()));
        }
    }

    #[test]
    fn others_answer_to_every_name() {
        check(&Hosts::new("0.0.0.0".parse().unwrap(), []), &["evil.example"], true);
        check(&Hosts::new("10.0.0.1".parse().unwrap(), []), &["evil.example"], true);
        check(&Hosts::new("127.0.0.1".parse().unwrap(), ["*".to_owned()]), &["evil.example"], true);
    }
}
