//! Which proxy a collector is reached by: the standard variables, by the rules that `curl` and others share.

use std::net::IpAddr;

use super::OtlpError;
use super::endpoint::{Endpoint, Fault};
use super::variables::{Variable, Variables};
use crate::export::loopback::is_loopback;

/// How a collector is reached.
#[derive(Clone, Debug)]
pub(super) enum Route {
    Direct,
    /// The proxy is asked for the whole URL, as is usual for http.
    Forward(Endpoint),
    /// The proxy is asked for a connection, over which TLS is spoken.
    Tunnel(Endpoint),
}

impl Route {
    /// What the variables say of an endpoint. Loopback is never behind a proxy.
    pub(super) fn to(endpoint: &Endpoint, is_grpc: bool, variables: Variables<'_>) -> Result<Self, OtlpError> {
        if is_this_machine(endpoint.host()) {
            return Ok(Self::Direct);
        }
        let Some(found) = proxy_of(endpoint.scheme(), variables)? else { return Ok(Self::Direct) };
        let exceptions = variables.first_of(&["no_proxy", "NO_PROXY"])?;
        if exceptions.is_some_and(|list| is_excepted(endpoint, &list.value)) {
            return Ok(Self::Direct);
        }
        let proxy = parse(&found.value).map_err(|Fault(reason)| found.refused(reason))?;
        match (endpoint.scheme(), proxy.scheme()) {
            (_, "http") if is_grpc => Ok(Self::Tunnel(proxy)),
            _ if is_grpc => Err(found.refused("over gRPC, a proxy is an http:// one")),
            ("http", "http") => Ok(Self::Forward(proxy)),
            (_, "https") if !cfg!(feature = "otlp-tls") => {
                Err(found.refused("https needs the feature `otlp-tls` of prof-runtime"))
            }
            (_, "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h") => Ok(Self::Tunnel(proxy)),
            _ => {
                Err(found
                    .refused("a proxy begins with http://, https://, socks4://, socks4a://, socks5:// or socks5h://"))
            }
        }
    }
}

/// The variable that names the proxy of a scheme.
fn proxy_of(scheme: &str, variables: Variables<'_>) -> Result<Option<Variable>, OtlpError> {
    let of_scheme = match scheme {
        "https" => variables.first_of(&["https_proxy", "HTTPS_PROXY"])?,
        // A server may set `HTTP_PROXY` for a CGI program from a header that its client chose.
        _ if variables.get("REQUEST_METHOD")?.is_some() => variables.get("http_proxy")?,
        _ => variables.first_of(&["http_proxy", "HTTP_PROXY"])?,
    };
    match of_scheme {
        Some(found) => Ok(Some(found)),
        None => variables.first_of(&["all_proxy", "ALL_PROXY"]),
    }
}

/// A proxy may be written without a scheme.
fn parse(text: &str) -> Result<Endpoint, Fault> {
    let proxy = match text.contains("://") {
        true => Endpoint::parse(text)?,
        false => Endpoint::parse(&format!("http://{text}"))?,
    };
    match (proxy.uri().path(), proxy.uri().query()) {
        ("/", None) => Ok(proxy),
        _ => Err(Fault("a proxy has neither a path nor a query")),
    }
}

/// Whether a host is this machine, which connects to itself where no address is specified.
fn is_this_machine(host: &str) -> bool {
    is_loopback(host) || host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
}

/// Whether a list of hosts, domains, addresses and networks, each perhaps with a port, has an endpoint in it.
fn is_excepted(endpoint: &Endpoint, list: &str) -> bool {
    let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
    let host = endpoint.host().trim_end_matches('.').to_ascii_lowercase();
    let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    entries.into_iter().any(|entry| {
        let (place, port) = with_port(entry);
        if entry == "*" {
            return true;
        }
        if port.is_some_and(|port| port != endpoint.port()) {
            return false;
        }
        match address {
            Some(address) => is_in_network(address, place),
            None => is_in_domain(&host, &place.to_ascii_lowercase()),
        }
    })
}

/// The port of an entry, if it has one. What has several colons and no brackets is an IPv6 address.
fn with_port(entry: &str) -> (&str, Option<u16>) {
    if let Some(rest) = entry.strip_prefix('[') {
        let (place, rest) = rest.split_once(']').unwrap_or((rest, ""));
        // A network may be in brackets, too: `[fd00::]/8`.
        let port = rest.strip_prefix(':').and_then(|port| port.parse().ok());
        return if rest.starts_with('/') { (entry, None) } else { (place, port) };
    }
    match entry.split_once(':') {
        Some((place, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (place, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

/// Whether an address is this one, or in this network, such as `10.0.0.0/8`.
fn is_in_network(address: IpAddr, network: &str) -> bool {
    let (base, prefix) = match network.split_once('/') {
        Some((base, prefix)) => (base, prefix.parse::<u32>().ok()),
        None => (network, Some(u128::BITS)),
    };
    let base = base.trim_matches(['[', ']']).parse::<IpAddr>();
    let (Ok(base), Some(prefix)) = (base, prefix) else { return false };
    // Both as one number, of which the last bits do not matter.
    let (bits, length, address) = match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            (u128::from(base.to_bits()), u32::BITS, u128::from(address.to_bits()))
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), u128::BITS, address.to_bits()),
        _ => return false,
    };
    let free = length.saturating_sub(prefix);
    bits.checked_shr(free).unwrap_or(0) == address.checked_shr(free).unwrap_or(0)
}

/// Whether a host is this domain, or below it. Whether the domain begins with a dot does not matter; `*.` is only what
/// is below it.
fn is_in_domain(host: &str, domain: &str) -> bool {
    let is_only_below = domain.starts_with("*.");
    let domain = domain.trim_start_matches("*.").trim_start_matches('.').trim_end_matches('.');
    if domain.is_empty() {
        return false;
    }
    match host.strip_suffix(domain) {
        Some("") => !is_only_below,
        Some(rest) => rest.ends_with('.'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn route(endpoint: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let read =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        let endpoint = Endpoint::parse(endpoint).unwrap();
        match Route::to(&endpoint, false, Variables::new(&read)) {
            Ok(Route::Direct) => Ok("direct".to_owned()),
            Ok(Route::Forward(proxy)) => Ok(format!("forward by {proxy}")),
            Ok(Route::Tunnel(proxy)) => Ok(format!("tunnel by {proxy}")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn each_scheme_has_its_variables() {
        let check = |endpoint: &str, variables: &[(&str, &str)], expect: &str| {
            assert_eq!(route(endpoint, variables).unwrap(), expect, "{endpoint} {variables:?}");
        };
        let (lower, upper, https) =
            (("http_proxy", "http://l:1"), ("HTTP_PROXY", "u:2"), ("HTTPS_PROXY", "http://s:3"));
        check("http://h", &[], "direct");
        check("http://h", &[https], "direct");
        check("http://h", &[upper, https], "forward by http://u:2");
        check("http://h", &[upper, lower], "forward by http://l:1");
        check("http://h", &[upper, ("REQUEST_METHOD", "GET")], "direct");
        check("http://h", &[lower, ("REQUEST_METHOD", "GET")], "forward by http://l:1");
        check("https://h", &[upper, https], "tunnel by http://s:3");
        check("https://h", &[https, ("https_proxy", "http://z:4")], "tunnel by http://z:4");
        check("https://h", &[https, ("https_proxy", "")], "tunnel by http://s:3");
        check("https://h", &[("ALL_PROXY", "socks5://u:p@a:5")], "tunnel by socks5://…@a:5");
        check("http://h", &[("ALL_PROXY", "a:5"), upper], "forward by http://u:2");
        check("http://h", &[("all_proxy", "a:5")], "forward by http://a:5");
    }

    #[test]
    fn loopback_is_behind_no_proxy() {
        for host in
            ["localhost", "LOCALHOST.", "api.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"]
        {
            let all = [("http_proxy", "http://p:1"), ("ALL_PROXY", "http://p:1")];
            assert_eq!(route(&format!("http://{host}:4318"), &all).unwrap(), "direct", "{host}");
        }
        assert_ne!(route("http://localhost.example", &[("http_proxy", "p:1")]).unwrap(), "direct");
    }

    #[test]
    fn exceptions_are_hosts_domains_networks_and_ports() {
        let check = |endpoint: &str, list: &str, is_direct: bool| {
            let variables = [("ALL_PROXY", "http://p:1"), ("NO_PROXY", list)];
            assert_eq!(route(endpoint, &variables).unwrap() == "direct", is_direct, "{endpoint} but for {list}");
        };
        check("http://a.b", "a.b", true);
        check("http://A.b.", "a.B", true);
        check("http://x.a.b", "a.b", true);
        check("http://xa.b", "a.b", false);
        check("http://a.b", ".a.b", true);
        check("http://x.a.b", ".a.b", true);
        check("http://x.a.b", "*.a.b", true);
        check("http://a.b", "*.a.b", false);
        check("http://a.b", "*", true);
        check("http://a.b", "q, * ,r", true);
        check("http://a.b", "q a.b\tr", true);
        check("http://a.b", "q,,.,*.", false);
        check("http://a.b:4318", "a.b:4318", true);
        check("http://a.b:4318", "a.b:4319", false);
        check("http://a.b", "a.b:80", true);
        check("http://10.1.2.3", "10.0.0.0/8", true);
        check("http://11.1.2.3", "10.0.0.0/8", false);
        check("http://11.1.2.3", "0.0.0.0/0", true);
        check("http://10.1.2.3", "10.1.2.3", true);
        check("http://10.1.2.3:4318", "10.1.2.3:4318", true);
        check("http://10.1.2.3", "2.3", false);
        check("http://10.1.2.3", "10.1.2.0/nonsense", false);
        check("http://[fd00::1]", "fd00::/8", true);
        check("http://[fd00::1]", "[fd00::1]", true);
        check("http://[fd00::1]:1", "[fd00::1]:1", true);
        check("http://[fd00::1]:1", "[fd00::1]:2", false);
        check("http://[fd00::1]", "fd00::1", true);
        check("http://[fe00::1]", "fd00::/8", false);
    }

    #[test]
    fn a_proxy_that_is_none_names_its_variable_and_no_secret() {
        let refused = |variable: (&str, &str), expect: &str| {
            let error = route("https://h", &[variable]).unwrap_err();
            assert!(error.starts_with(expect), "{error}");
        };
        refused(
            ("HTTPS_PROXY", "http://u:S3CRET@p:x"),
            "HTTPS_PROXY=\"http://…@p:x\" is not possible; its port is not",
        );
        refused(("ALL_PROXY", "ftp://p"), "ALL_PROXY=\"ftp://p\" is not possible; a proxy begins with http://, ");
        refused(("https_proxy", "http://p/path"), "https_proxy=\"http://p/path\" is not possible; a proxy has neither");
    }
}
