//! Tells loopback hosts from others.

use std::net::IpAddr;

/// Returns whether a host name or IP address (without brackets) is loopback. Looks no name up.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_of_loopback() {
        for host in
            ["localhost", "LocalHost", "localhost.", "a.localhost", "127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "localhost.example", "127.0.0.1.example", "0.0.0.0", "10.0.0.1", "::2", "[::1]", "127.1"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
