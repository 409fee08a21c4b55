//! URLs of collectors and proxies, read strictly: what is not understood is refused, and no part of it ever changes its
//! place.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use ureq::http::Uri;
use ureq::http::uri::PathAndQuery;

use crate::text::{Foreign, Secret};

/// A URL with a host, and a port that is one. `Display` and `Debug` show it without credentials and query.
#[derive(Clone)]
pub(super) struct Endpoint {
    /// Without credentials.
    uri: Uri,
    user: Option<User>,
}

/// Credentials of a URL, decoded.
#[derive(Clone)]
struct User {
    name: Secret,
    password: Secret,
}

/// What is wrong with a URL, as the rest of a sentence about it.
#[derive(Debug)]
pub(super) struct Fault(pub(super) &'static str);

impl Endpoint {
    /// Reads a URL of any scheme.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(Fault("it begins neither with http:// nor with https://"));
        };
        if text.contains('#') {
            return Err(Fault("it has a fragment; `#` in a password is written `%23`"));
        }
        let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        let (userinfo, place) = match authority.rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, authority),
        };
        check_place(place)?;
        let uri: Uri = text.parse().map_err(|_| Fault("it is not a URL"))?;
        if uri.authority().is_none_or(|parsed| parsed.as_str() != authority) {
            return Err(Fault("it is not a URL"));
        }
        if uri.path().contains('@') {
            // It may be the rest of a password, after a host that was its beginning.
            return Err(Fault("it has an `@` in its path; `/` in a password is written `%2F`"));
        }
        let user = userinfo.map(User::parse).transpose()?;
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
        let uri = Uri::builder().scheme(&*scheme.to_ascii_lowercase()).authority(place).path_and_query(path).build();
        Ok(Self { uri: uri.map_err(|_| Fault("it is not a URL"))?, user })
    }

    /// Refuses what cannot be pushed to.
    pub(super) fn check_scheme(&self) -> Result<(), Fault> {
        match self.scheme() {
            "http" => Ok(()),
            "https" if cfg!(feature = "otlp-tls") => Ok(()),
            "https" => Err(Fault("https needs the feature `otlp-tls` of prof-runtime")),
            _ => Err(Fault("it begins neither with http:// nor with https://")),
        }
    }

    /// Refuses what gRPC has no place for.
    #[cfg(feature = "otlp-grpc")]
    pub(super) fn check_grpc(&self) -> Result<(), Fault> {
        match (self.uri.path(), self.uri.query()) {
            ("/", None) => Ok(()),
            (_, Some(_)) => Err(Fault("it has a query, which gRPC has no place for")),
            _ => Err(Fault("it has a path, which gRPC has no place for: with one, the protocol is `http/protobuf`")),
        }
    }

    /// With the path that the protocol prescribes, if it does not have it. A query stays behind the path.
    pub(super) fn with_metrics_path(self) -> Self {
        let path = self.uri.path().trim_end_matches('/');
        let path = if path.ends_with("/v1/metrics") { path.to_owned() } else { format!("{path}/v1/metrics") };
        let path = match self.uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        let mut parts = self.uri.clone().into_parts();
        // What was a path still is.
        parts.path_and_query = path.parse().ok();
        Self { uri: Uri::from_parts(parts).unwrap_or(self.uri), user: self.user }
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(super) fn scheme(&self) -> &str {
        self.uri.scheme_str().unwrap_or_default()
    }

    /// Without the brackets of an IPv6 address.
    pub(super) fn host(&self) -> &str {
        self.uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, or that of the scheme.
    pub(super) fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.scheme() == "https" { 443 } else { 80 })
    }

    /// Where it is: host and, if it has one, port.
    pub(super) fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    /// The value of the header that its credentials make.
    pub(super) fn authorization(&self) -> Option<Secret> {
        let User { name, password } = self.user.as_ref()?;
        let plain = format!("{}:{}", name.expose(), password.expose());
        Some(Secret::new(format!("Basic {}", BASE64_STANDARD.encode(plain))))
    }

    /// The decoded name and password.
    pub(super) fn credentials(&self) -> Option<(&Secret, &Secret)> {
        self.user.as_ref().map(|user| (&user.name, &user.password))
    }
}

impl User {
    fn parse(userinfo: &str) -> Result<Self, Fault> {
        let (name, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let decoded = |part| percent_decode_str(part).decode_utf8().ok();
        let fault = Fault("its user or password is not Unicode once decoded");
        let (Some(name), Some(password)) = (decoded(name), decoded(password)) else { return Err(fault) };
        if name.contains(':') {
            return Err(Fault("its user has a `:` in it, which basic authentication cannot say"));
        }
        Ok(Self { name: Secret::new(name), password: Secret::new(password) })
    }
}

/// Checks what follows the credentials: a host, and perhaps a port.
fn check_place(place: &str) -> Result<(), Fault> {
    if !place.starts_with('[') && place.matches(':').count() > 1 {
        return Err(Fault("an IPv6 address is written in brackets, as in http://[::1]:4318"));
    }
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or(Fault("a bracket of its host is not closed"))?;
            match address.parse::<Ipv6Addr>() {
                Ok(_) => {}
                Err(_) if address.contains('%') => {
                    return Err(Fault("its IPv6 address has a zone, which URLs here have not"));
                }
                Err(_) => return Err(Fault("what is in brackets is no IPv6 address")),
            }
            ("", port)
        }
        None => match place.find(':') {
            Some(at) => place.split_at(at),
            None => (place, ""),
        },
    };
    if !place.starts_with('[') {
        check_name(host)?;
    }
    let Some(digits) = port.strip_prefix(':') else {
        return if port.is_empty() { Ok(()) } else { Err(Fault("something follows its host that is no port")) };
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse::<u16>() {
        Ok(1..) if is_number => Ok(()),
        _ => Err(Fault("its port is not a number from 1 to 65535")),
    }
}

fn check_name(host: &str) -> Result<(), Fault> {
    if host.is_empty() {
        return Err(Fault("it has no host, as in http://127.0.0.1:4318"));
    }
    if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err(Fault("its host has a character that no host has"));
    }
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    match is_number && host.parse::<Ipv4Addr>().is_err() {
        true => Err(Fault("its host ends in a number and is no IPv4 address")),
        false => Ok(()),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = if self.user.is_some() { "…@" } else { "" };
        write!(f, "{}://{user}{}", self.scheme(), self.authority())?;
        match self.uri.path() {
            "/" => {}
            path => write!(f, "{}", Foreign::new(path))?,
        }
        f.write_str(if self.uri.query().is_some() { "?…" } else { "" })
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        let Fault(reason) = Endpoint::parse(text).unwrap_err();
        assert!(reason.contains(expect), "{text}: {reason}");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for port in ["notaport", "99999", "0", "-1", "+80", "80x", "", "4318 ", "٤٣"] {
            assert!(Endpoint::parse(&format!("http://h:{port}/p")).is_err(), "{port}");
        }
        refused("http://h:99999", "its port is not a number from 1 to 65535");
        refused("http://h:", "its port is not");
        refused("http://u:p:w@h:x", "its port is not");
        refused("http://[::1]:1:2", "its port is not");
        refused("http://u:12/p@h", "an `@` in its path");
        refused("h:4318", "it begins neither");
        refused("http//h", "it begins neither");
        refused("http://", "it has no host");
        refused("http://:80", "it has no host");
        refused("http://u@:80", "it has no host");
        refused("http:///p", "it has no host");
        refused("http://h/a b", "it is not a URL");
        refused("http://h\\@x/", "it is not a URL");
        refused("http://::1:4318", "an IPv6 address is written in brackets");
        refused("http://[::1", "a bracket of its host is not closed");
        refused("http://[::1]4318", "something follows its host");
        refused("http://[fe80::1%25eth0]:1", "has a zone");
        refused("http://[zz]:1", "no IPv6 address");
        refused("http://256.1.1.1", "no IPv4 address");
        refused("http://1.2.3", "no IPv4 address");
        refused("http://h h", "no host has");
        refused("http://a,b", "no host has");
        refused("http://h%41", "no host has");
        refused("http://größe", "no host has");
        refused("http://h#token", "fragment");
        refused("http://%ff:p@h", "not Unicode");
        refused("http://a%3ab:p@h", "`:`");
    }

    #[test]
    fn the_path_goes_before_the_query() {
        let check = |text: &str, expect: &str| {
            assert_eq!(Endpoint::parse(text).unwrap().with_metrics_path().uri().to_string(), expect);
        };
        check("http://h", "http://h/v1/metrics");
        check("HTTP://h/", "http://h/v1/metrics");
        check("http://h?token=x", "http://h/v1/metrics?token=x");
        check("http://h/otlp/?token=/x/", "http://h/otlp/v1/metrics?token=/x/");
        check("http://h/v1/metrics/", "http://h/v1/metrics");
        check("http://h/v1/metrics?a=b", "http://h/v1/metrics?a=b");
        check("http://u:p@h:1/a", "http://h:1/a/v1/metrics");
        check("http://[::1]:4318", "http://[::1]:4318/v1/metrics");
    }

    #[test]
    fn credentials_are_shown_to_no_one() {
        let check = |text: &str, expect: &str| {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.to_string(), expect);
            assert_eq!(format!("{endpoint:?}"), format!("\"{expect}\""));
        };
        check("http://h:1", "http://h:1");
        check("https://user:key@h:1/p?token=x", "https://…@h:1/p?…");
        let endpoint = Endpoint::parse("http://user:k%2Fy@h").unwrap();
        assert_eq!(endpoint.authorization().unwrap().expose(), "Basic dXNlcjprL3k=");
    }

    proptest! {
        #[test]
        fn what_is_accepted_keeps_its_host_and_port(text in "(http|https)://[a-z0-9:@/?#%.\\[\\]-]{0,20}") {
            if let Ok(endpoint) = Endpoint::parse(&text) {
                // The host and the port are there, next to each other, as they were written.
                prop_assert!(text.contains(endpoint.authority()) && !endpoint.host().is_empty());
                let again = Endpoint::parse(&endpoint.uri().to_string()).unwrap();
                prop_assert_eq!((again.host(), again.port()), (endpoint.host(), endpoint.port()));
            }
        }
    }
}
