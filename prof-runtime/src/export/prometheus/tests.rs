//! What is served is what was counted, in either format.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::*;
use crate::handler::MetricHandler as _;
use crate::handler::losses::LossUnit;
use crate::model::{MetricData, Outcome};
use crate::site::{CallRecord, Callsite, Instrument};

static LOAD: Callsite = Callsite::new("load", || "shop::store::load::item", "shop::store", file!(), line!());

static SIZES: Callsite = crate::__private::instrument("page_bytes", "g", Instrument::Distribution, "shop::store");

pub(super) fn collector() -> PrometheusCollector {
    let aggregator = Aggregator::new();
    let call = |outcome, ns| aggregator.record_call(&CallRecord::new(&LOAD, outcome, Duration::from_nanos(ns)));
    call(Outcome::Success, 100);
    call(Outcome::Success, 1_500);
    call(Outcome::Panic, 2_000_000_000);
    aggregator.emit(&MetricData::new("g\\1", "quoted \"name\"\n", 2.5));
    aggregator.emit(&MetricData::new("g", "pages", 2));
    aggregator.emit(&MetricData::new("g", "pages", 3));
    aggregator.emit(&MetricData::new("g", "wait", Duration::from_millis(1500)));
    for bytes in [0, 1, 300, 70_000] {
        aggregator.record_call(&CallRecord::new(&SIZES, Outcome::Success, Duration::from_nanos(bytes)));
    }
    let losses = Losses::new();
    losses.counter("statsd", LossUnit::DataPoints).add(7);
    PrometheusCollector::new(aggregator).losses(&losses).build_label("commit", "abc")
}

/// The lines about `load`, and those about no function.
fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.contains("function=") || line.contains("\"store.load\"")).collect()
}

#[track_caller]
fn check(format: TextFormat, expect: &[&str], last: &str) {
    let text = collector().encode(format);
    let lines = lines(&text);
    let mut rest = lines.iter();
    for line in expect {
        assert!(rest.any(|other| other == line), "{line:?} is not in its place in\n{}", lines.join("\n"));
    }
    assert!(text.ends_with(last), "{text}");
}

const SAMPLES: &[&str] = &[
    "prof_calls_total{function=\"store.load\",group=\"shop\",outcome=\"success\"} 2",
    "prof_calls_total{function=\"store.load\",group=\"shop\",outcome=\"failure\"} 0",
    "prof_calls_total{function=\"store.load\",group=\"shop\",outcome=\"panic\"} 1",
    "prof_calls_total{function=\"store.load\",group=\"shop\",outcome=\"cancelled\"} 0",
    "# HELP prof_call_duration_seconds How long finished calls of annotated functions took.",
    "# TYPE prof_call_duration_seconds histogram",
    "prof_call_duration_seconds_sum{function=\"store.load\",group=\"shop\"} 2.0000016",
    "prof_call_duration_seconds_count{function=\"store.load\",group=\"shop\"} 3",
    "prof_call_duration_seconds_bucket{le=\"1.28e-7\",function=\"store.load\",group=\"shop\"} 1",
    "prof_call_duration_seconds_bucket{le=\"0.000001024\",function=\"store.load\",group=\"shop\"} 1",
    "prof_call_duration_seconds_bucket{le=\"0.000002048\",function=\"store.load\",group=\"shop\"} 2",
    "prof_call_duration_seconds_bucket{le=\"1.073741824\",function=\"store.load\",group=\"shop\"} 2",
    "prof_call_duration_seconds_bucket{le=\"2.147483648\",function=\"store.load\",group=\"shop\"} 3",
    "prof_call_duration_seconds_bucket{le=\"+Inf\",function=\"store.load\",group=\"shop\"} 3",
    "# TYPE prof_calls_in_flight gauge",
    "prof_calls_in_flight{function=\"store.load\",group=\"shop\"} 0",
    "# TYPE prof_value gauge",
    "prof_value{name=\"pages\",group=\"g\"} 5.0",
    "prof_value{name=\"wait\",group=\"g\"} 1.5",
    "prof_value{name=\"quoted \\\"name\\\"\\n\",group=\"g\\\\1\"} 2.5",
    "# TYPE prof_distribution histogram",
    "prof_distribution_sum{name=\"page_bytes\",group=\"g\"} 70301.0",
    "prof_distribution_count{name=\"page_bytes\",group=\"g\"} 4",
    "prof_distribution_bucket{le=\"1.0\",name=\"page_bytes\",group=\"g\"} 1",
    "prof_distribution_bucket{le=\"4.0\",name=\"page_bytes\",group=\"g\"} 2",
    "prof_distribution_bucket{le=\"1024.0\",name=\"page_bytes\",group=\"g\"} 3",
    "prof_distribution_bucket{le=\"+Inf\",name=\"page_bytes\",group=\"g\"} 4",
    "prof_lost_total{target=\"statsd\",unit=\"data_points\"} 7",
    concat!("prof_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\",commit=\"abc\"} 1"),
];

#[test]
fn the_classic_format() {
    check(TextFormat::Classic, SAMPLES, "\"abc\"} 1\n");
    let counter = ["# HELP prof_calls_total Finished calls of annotated functions.", "# TYPE prof_calls_total counter"];
    check(TextFormat::Classic, &[&counter, &SAMPLES[..1]].concat(), "\n");
    check(TextFormat::Classic, &["# TYPE prof_values_dropped_total counter", "prof_values_dropped_total 0"], "\n");
}

#[test]
fn attributes_of_the_program_are_labels_of_target_info() {
    let text = collector().attribute("service.name", "shop").attribute("a\"b", "\n").encode(TextFormat::Classic);
    assert!(text.contains("# TYPE target_info gauge\ntarget_info{service_name=\"shop\",a_b=\"\\n\"} 1\n"), "{text}");
    assert!(!collector().encode(TextFormat::Classic).contains("target_info"), "without attributes, there is none");
}

#[test]
fn the_open_metrics_format() {
    check(TextFormat::OpenMetrics, SAMPLES, "\n# EOF\n");
    let counter = ["# HELP prof_calls Finished calls of annotated functions.", "# TYPE prof_calls counter"];
    check(TextFormat::OpenMetrics, &[&counter, &SAMPLES[..1]].concat(), "\n# EOF\n");
    check(TextFormat::OpenMetrics, &["# UNIT prof_call_duration_seconds seconds"], "\n# EOF\n");
}

#[test]
#[allow(unsafe_code)] // In this crate alone, lints look into the section that an annotated function is listed in.
fn functions_that_were_not_called_are_zero() {
    // The function of a link-time list; it is never called.
    #[prof_macros::prof(name = "never", group = "known")]
    fn never() {}
    let _ = never;
    let text = PrometheusCollector::new(Aggregator::new()).encode(TextFormat::Classic);
    for sample in [
        "prof_calls_total{function=\"never\",group=\"known\",outcome=\"failure\"} 0\n",
        "prof_call_duration_seconds_bucket{le=\"+Inf\",function=\"never\",group=\"known\"} 0\n",
        "prof_call_duration_seconds_sum{function=\"never\",group=\"known\"} 0.0\n",
        "prof_calls_in_flight{function=\"never\",group=\"known\"} 0\n",
    ] {
        assert!(text.contains(sample), "{sample} is not in\n{text}");
    }
}

#[cfg(feature = "prometheus-client")]
#[test]
fn it_can_be_registered_beside_other_metrics() {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector()));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert_eq!(text, collector().encode(TextFormat::OpenMetrics));
}

#[test]
#[should_panic(expected = "\"1st\" is not the name of a label")]
fn a_label_has_a_name() {
    let _ = collector().build_label("1st", "");
}

fn server() -> PrometheusServer {
    PrometheusServer::start("127.0.0.1:0", collector()).unwrap()
}

fn request(server: SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(server).unwrap();
    connection.write_all(format!("{request}\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    io::read_to_string(connection).unwrap()
}

#[test]
fn a_scrape_is_answered_in_the_format_that_it_asks_for() {
    let server = server();
    let classic = request(server.local_addr(), "GET /metrics HTTP/1.1");
    assert!(classic.starts_with("HTTP/1.1 200 OK\r\n"), "{classic}");
    assert!(classic.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{classic}");
    assert!(classic.ends_with("\"abc\"} 1\n"), "{classic}");
    let accept = "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text";
    let open_metrics = request(server.local_addr(), accept);
    assert!(open_metrics.contains("content-type: application/openmetrics-text; version=1.0.0"), "{open_metrics}");
    assert!(open_metrics.ends_with("# EOF\n"), "{open_metrics}");
}

#[test]
fn other_requests_are_told_what_is_there() {
    let server = server();
    let check = |line, status, body| {
        let response = request(server.local_addr(), line);
        assert!(response.starts_with(status) && response.ends_with(body), "{line}: {response}");
    };
    check("GET / HTTP/1.1", "HTTP/1.1 404 Not Found\r\n", "\r\n\r\nmetrics are at /metrics\n");
    check("POST /metrics HTTP/1.1", "HTTP/1.1 405 Method Not Allowed\r\n", "\r\n\r\nonly GET and HEAD are allowed\n");
    check("HEAD /metrics HTTP/1.1", "HTTP/1.1 200 OK\r\n", "\r\n\r\n");
    check("not http", "HTTP/1.1 400 Bad Request\r\n", "");
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = PrometheusServer::start(address, collector()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("could not listen on {address}: ")), "{error}");
    PrometheusServer::start("not an address", collector()).unwrap_err();
}

#[test]
fn it_ends_while_a_client_says_nothing_and_frees_its_port() {
    let server = server();
    let mut silent = TcpStream::connect(server.local_addr()).unwrap();
    silent.write_all(b"GET /metr").unwrap();
    // By now, the silent one was accepted.
    request(server.local_addr(), "GET /metrics HTTP/1.1");
    assert!(server.shutdown(Duration::from_secs(60)));
    assert!(server.shutdown(Duration::ZERO), "it has ended already");
    let mut rest = Vec::new();
    // Closed or reset, but not left waiting.
    let _ = silent.read_to_end(&mut rest);
    assert_eq!(rest, b"");
    assert!(TcpStream::connect(server.local_addr()).is_err());
}

#[test]
fn scrapes_while_threads_record_lose_nothing() {
    let collector = collector();
    let server = PrometheusServer::start("127.0.0.1:0", collector.clone()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    let call = CallRecord::new(&LOAD, Outcome::Cancelled, Duration::from_micros(3));
                    collector.aggregator.record_call(&call);
                }
            });
        }
        let mut before = 0;
        for _ in 0..5 {
            let text = request(server.local_addr(), "GET /metrics HTTP/1.1");
            let sample = "prof_calls_total{function=\"store.load\",group=\"shop\",outcome=\"cancelled\"} ";
            let calls = text.lines().find_map(|line| line.strip_prefix(sample)).unwrap().parse().unwrap();
            assert!(before <= calls && calls <= 40_000);
            before = calls;
        }
    });
    assert!(collector.encode(TextFormat::Classic).contains("outcome=\"cancelled\"} 40000\n"));
}

#[cfg(feature = "prometheus-native")]
mod protobuf {
    use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{Metric, MetricFamily, MetricType};
    use prost::Message as _;

    use super::*;

    fn families(mut body: &[u8]) -> Vec<MetricFamily> {
        std::iter::from_fn(|| (!body.is_empty()).then(|| MetricFamily::decode_length_delimited(&mut body).unwrap()))
            .collect()
    }

    fn has(metric: &Metric, name: &str, value: &str) -> bool {
        metric.label.iter().any(|label| label.name == name && label.value == value)
    }

    #[test]
    fn a_scrape_that_asks_for_it_is_given_the_same_families() {
        let accept =
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,*/*;q=0.1";
        let (content_type, body) = collector().respond(Some(accept));
        assert!(content_type.starts_with("application/vnd.google.protobuf; proto="), "{content_type}");
        let names: Vec<String> = families(&body).into_iter().map(|family| family.name).collect();
        let text = collector().encode(TextFormat::Classic);
        let expect: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        assert_eq!(names, expect);
    }

    #[test]
    fn durations_have_native_and_classic_buckets() {
        let families = families(&collector().encode_protobuf());
        let durations = families.iter().find(|family| family.name == "prof_call_duration_seconds").unwrap();
        assert_eq!(durations.r#type(), MetricType::Histogram);
        let load = durations.metric.iter().find(|metric| has(metric, "function", "store.load")).unwrap();
        let histogram = load.histogram.as_ref().unwrap();
        assert_eq!((histogram.sample_count, histogram.schema, histogram.zero_count), (3, 3, 0));
        assert!((histogram.sample_sum - 2.000_001_6).abs() < 1e-9);
        let counts = histogram.positive_delta.iter().scan(0, |count, delta| {
            *count += delta;
            Some(*count)
        });
        assert_eq!(counts.filter(|count| *count > 0).collect::<Vec<_>>(), [1, 1, 1]);
        // The last ends at 2^(8/8) s, and 2 s are in it.
        let end: i64 = histogram.positive_span.iter().map(|span| i64::from(span.offset) + i64::from(span.length)).sum();
        assert_eq!(end - 1, 8);
        let classic = histogram.bucket.iter().find(|bucket| (bucket.upper_bound - 0.000_002_048).abs() < 1e-12);
        assert_eq!(classic.unwrap().cumulative_count, 2);
        assert_eq!(histogram.bucket.last().unwrap().cumulative_count, 3);
        // Of those that were never called, an empty one that is seen to be native.
        assert!(durations.metric.iter().all(|metric| metric.histogram.as_ref().unwrap().zero_threshold > 0.0));
    }

    #[test]
    fn counters_and_gauges_have_their_values() {
        let families = families(&collector().encode_protobuf());
        let find = |name: &str| families.iter().find(|family| family.name == name).unwrap();
        let calls = find("prof_calls_total").metric.iter().filter(|metric| has(metric, "function", "store.load"));
        let calls: Vec<f64> = calls.map(|metric| metric.counter.as_ref().unwrap().value).collect();
        assert_eq!(calls, [2.0, 0.0, 1.0, 0.0]);
        let sizes = find("prof_distribution").metric[0].histogram.as_ref().unwrap();
        assert_eq!((sizes.sample_count, sizes.zero_count), (4, 1));
        // The last ends at 2^(k/8) above 70 000, within the width of a bucket.
        let last: i64 = sizes.positive_span.iter().map(|span| i64::from(span.offset) + i64::from(span.length)).sum();
        let end = (f64::from(i32::try_from(last - 1).unwrap()) / 8.0).exp2();
        assert!((70_000.0..80_000.0).contains(&end), "{end}");
        let pages = find("prof_value").metric.iter().find(|metric| has(metric, "name", "pages")).unwrap();
        assert_eq!(pages.gauge.as_ref().unwrap().value.to_string(), "5");
    }
}

#[tokio::test]
async fn it_is_started_and_ended_by_a_program_that_has_a_runtime_itself() {
    let server = server();
    assert!(request(server.local_addr(), "GET /metrics HTTP/1.1").starts_with("HTTP/1.1 200 OK\r\n"));
}
