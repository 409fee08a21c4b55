//! What a list starts, and what is said of one that starts nothing.

use super::*;

#[track_caller]
fn refused(list: &str, expect: &str) {
    let error = init(list).unwrap_err().to_string();
    assert!(error.starts_with(expect), "{error}");
}

#[test]
fn a_faulty_part_is_named_with_those_that_are_allowed() {
    refused("console, repotr", "`repotr` is not known; allowed are ");
    refused("prom:9464", "`prom:…` is not known; allowed are ");
    let error = init("nonsense").unwrap_err().to_string();
    assert!(error.contains("`console`") && error.ends_with("`off`"), "{error}");
    refused("console:loud", "`console:loud` has to be written as `console`");
    refused("console,console", "`console` is listed twice");
    refused("off,console", "`off` stands alone, and `console` is listed with it");
    refused("Console", "`Console` is not known");
}

#[test]
fn what_a_comma_breaks_off_a_url_is_not_shown() {
    for list in [
        "otlp:http://h:1/?a=1,token=S3CRET",
        "otlp:http://u:pa,S3CRET",
        "otlp:http://u:pa,S3CRET@h:1",
        "otpl:http://u:S3CRET@h",
        "otlp=http://h?S3CRET",
        "statsd:h:1,key:S3CRET",
        "prometheus:h;S3CRET",
        "promtheus:h;S3CRET",
        "otlp:http://h:9;token=S3CRET",
        "otlp:http://h:9&token=S3CRET",
    ] {
        let error = init(list).unwrap_err().to_string();
        assert!(!error.contains("S3CRET"), "{list}: {error}");
    }
    // Without the feature, the part before is refused first.
    #[cfg(feature = "otlp")]
    {
        refused("otlp:http://h:1/?a=1,token=S", "`token=…` is not known");
        refused("otlp:http://h:1,repotr", "`repotr` is not known");
    }
}

#[test]
fn a_long_part_says_how_much_of_it_is_left_out() {
    refused(&"x".repeat(100_000), &format!("`{}…[99900 left out]…", "x".repeat(63)));
}

#[test]
fn nothing_is_started_by_nothing() {
    for list in ["", " , ", "off"] {
        let prof = init(list).unwrap();
        assert!(prof.aggregator().is_none());
        assert_eq!(prof.losses().list().len(), 0);
        prof.flush().unwrap();
    }
}

#[test]
fn a_main_that_returns_the_error_prints_its_sentence() {
    let error = init("console:loud").unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
}

#[cfg(not(feature = "prometheus"))]
#[test]
fn what_is_not_compiled_in_names_its_feature() {
    let expect = "`prometheus:9464` needs the feature `prometheus` of prof-runtime; without it, allowed are ";
    refused("prometheus:9464", expect);
    assert!(!init("prometheus:9464").unwrap_err().to_string().contains("prometheus:ADDR"));
}

#[cfg(feature = "json")]
mod files {
    use std::fs;

    use super::*;
    use crate::counts::Snapshot;
    use crate::stream::put_metric;

    #[test]
    fn a_path_that_cannot_be_written_starts_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("no/such/directory");
        let path = path.display();
        refused(&format!("json:{path}"), &format!("could not start `json:{path}`: No such file"));
        refused(&format!("snapshots:{path}"), &format!("could not start `snapshots:{path}`: No such file"));
        let directory = dir.path().join("no/such").display().to_string();
        let error = init(format!("json:{path}")).unwrap_err().to_string();
        assert!(error.ends_with(&format!("; create the directory `{directory}` first")), "{error}");
        refused("json", "`json` has to be written as `json:PATH`");
        refused("json:", "`json:` has to be written as `json:PATH`");
    }

    #[test]
    fn everything_is_written_when_the_guard_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let (points, snapshots) = (dir.path().join("points"), dir.path().join("snapshots"));
        let prof = ProfBuilder::new().json(&points).snapshots(&snapshots).start().unwrap();
        put_metric("startup files", 3, "startup");
        drop(prof);
        put_metric("startup files", 4, "startup");
        let text = fs::read_to_string(points).unwrap();
        assert_eq!(text.matches("\"name\":\"startup files\",\"count\":3").count(), 1, "{text}");
        assert!(!text.contains("\"count\":4"), "{text}");
        let snapshot: Snapshot = serde_json::from_str(&fs::read_to_string(snapshots).unwrap()).unwrap();
        assert!((snapshot.value("startup files").unwrap().sum - 3.0).abs() < 1e-9);
    }

    /// `/dev/full` takes nothing, as a disk that is full.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_counted() {
        let prof = ProfBuilder::new().json("/dev/full").start().unwrap();
        put_metric("startup full", 1, "startup");
        prof.flush().unwrap_err();
        assert!(prof.losses().get("json:/dev/full") >= 1);
    }
}

#[cfg(feature = "prometheus")]
mod prometheus {
    use std::net::TcpListener;

    use super::*;
    use crate::startup::ready::loopback;

    #[test]
    fn a_port_alone_is_one_of_loopback() {
        assert_eq!(loopback("9464"), "127.0.0.1:9464");
        assert_eq!(loopback(":9464"), "127.0.0.1:9464");
        assert_eq!(loopback("0.0.0.0:9464"), "0.0.0.0:9464");
        assert_eq!(loopback("[::]:9464"), "[::]:9464");
        assert_eq!(init("prometheus:0").unwrap().prometheus_addr().unwrap().ip().to_string(), "127.0.0.1");
    }

    #[test]
    fn what_an_address_lacks_is_named() {
        let check = |address: &str, expect: &str| {
            let (expect, part) = (format!("could not listen on {expect}"), format!("prometheus:{address}"));
            refused(&part, &format!("could not start `{part}`: {expect}"));
        };
        check("localhost", "localhost: it has no port; write it as in `127.0.0.1:9464`");
        check("99999", "127.0.0.1:99999: its port is not a number up to 65535");
        check("+9464", "+9464: it has no port");
        check("::1:9464", "::1:9464: ");
        check("http://localhost:9464", "http://localhost:9464: it is a URL");
    }

    #[test]
    fn a_server_on_loopback_may_be_told_of_other_hosts() {
        use std::io::{Read as _, Write as _};

        let prof = ProfBuilder::new().prometheus("0").prometheus_host("metrics.example").start().unwrap();
        let mut client = std::net::TcpStream::connect(prof.prometheus_addr().unwrap()).unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nhost: metrics.example\r\nconnection: close\r\n\r\n";
        client.write_all(request).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }

    #[test]
    fn a_port_that_is_taken_starts_nothing() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let expect = format!("could not start `prometheus:{address}`: could not listen on {address}: ");
        refused(&format!("prometheus:{address}"), &expect);
        let error = init(format!("prometheus:{address}")).unwrap_err().to_string();
        assert!(error.ends_with("; another program listens there: end it, or choose another port"), "{error}");
    }
}

#[cfg(feature = "statsd")]
mod statsd {
    use std::net::UdpSocket;

    use super::*;
    use crate::stream::put_metric;

    #[test]
    fn what_is_sent_arrives_before_the_guard_is_gone() {
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = daemon.local_addr().unwrap();
        let prof = init(format!("dogstatsd:{address}")).unwrap();
        put_metric("startup sent", 3, "startup");
        drop(prof);
        // Other tests may send as well.
        let mut datagram = [0; 1024];
        loop {
            let length = daemon.recv(&mut datagram).unwrap();
            let text = str::from_utf8(&datagram[..length]).unwrap();
            if text.contains("startup_sent:3|c|#group:startup\n") {
                return;
            }
        }
    }

    #[test]
    fn an_unknown_name_starts_nothing() {
        refused("statsd:no such host:8125", "could not start `statsd:no such host:8125`: no such host:8125 is not ");
        refused("statsd", "`statsd` has to be written as `statsd:ADDR`");
        let no_port =
            "could not start `statsd:localhost`: localhost is not the address of a StatsD daemon: it has no port; ";
        refused("statsd:localhost", no_port);
        refused("dogstatsd:localhost:0", "could not start `dogstatsd:localhost:0`: localhost:0 is not ");
    }
}
