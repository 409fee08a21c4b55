//! docs/opentelemetry.md

use std::net::TcpListener;

use super::collector::{Collector, Push};
use super::features;
use super::page::{Page, quoted};
use super::service::{FAILURES, Line, REQUESTS};

fn page() -> Page {
    let page = Page::read("docs/opentelemetry.md");
    page.check_languages(&["toml", "sh"]);
    page
}

fn lines() -> [Line; 3] {
    Line::all(&page()).try_into().unwrap()
}

/// Runs a line that pushes to this collector to its end, and returns what arrived.
#[track_caller]
fn pushed(line: &Line, collector: &Collector) -> Push {
    let dir = tempfile::tempdir().unwrap();
    line.run(dir.path());
    collector.push()
}

/// The line that leaves it to variables where to push to, with some set.
fn with(variables: &[(&str, &str)]) -> Line {
    let [_, _, by_variables] = lines();
    variables.iter().fold(by_variables, |line, (name, value)| line.with(name, value))
}

#[test]
fn the_feature_is_there() {
    assert_eq!(features::check(&page()), "otlp");
}

#[test]
fn the_line_with_an_url_pushes_there() {
    let collector = Collector::start();
    let [with_url, _, _] = lines();
    let service = with_url.variable("OTEL_SERVICE_NAME").to_owned();
    let push = pushed(&with_url.instead_of("http://127.0.0.1:4318", &collector.url), &collector);
    assert_eq!(push.path, "/v1/metrics");
    assert_eq!(push.resource()["service.name"], service);
    assert_eq!(push.loads("success"), ((REQUESTS - FAILURES).cast_signed(), false));
    assert_eq!(push.loads("failure"), (FAILURES.cast_signed(), false));
    let durations = push.load_durations();
    assert_eq!(durations.count, REQUESTS);
    let says = format!("exponential histogram of scale {}, {} buckets", durations.scale, 1 << durations.scale);
    assert!(page().contains(&says), "the page does not say: {says}");
}

/// The path of every push over gRPC.
const GRPC: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

#[test]
fn the_line_over_grpc_pushes_there() {
    let collector = Collector::start();
    let [_, over_grpc, _] = lines();
    let push = pushed(&over_grpc.instead_of("http://127.0.0.1:4317", &collector.url), &collector);
    assert_eq!(push.path, GRPC);
    assert_eq!(push.loads("success"), ((REQUESTS - FAILURES).cast_signed(), false));
}

#[test]
fn the_line_without_an_url_pushes_to_where_the_variable_says() {
    let collector = Collector::start();
    let [_, _, by_variables] = lines();
    let variable = by_variables
        .comment
        .split_whitespace()
        .find(|word| word.starts_with("OTEL_"))
        .unwrap()
        .trim_end_matches(',')
        .to_owned();
    let push = pushed(&by_variables.with(&variable, &collector.url), &collector);
    assert_eq!(push.loads("failure"), (FAILURES.cast_signed(), false));
    assert_eq!(push.resource()["service.name"], "unknown_service:observed_service");
}

/// Sets a variable, and sees what becomes of it. `others` is what the page says of its values.
fn check_effect(variable: &str, others: &str) {
    const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let collector = Collector::start();
    let url = &*collector.url;
    match variable.replace("OTLP_METRICS_", "OTLP_").as_str() {
        ENDPOINT => {
            let push = pushed(&with(&[(variable, &format!("{url}/a/b"))]), &collector);
            // That of metrics is taken as it is.
            let expect = if variable == ENDPOINT { "/a/b/v1/metrics" } else { "/a/b" };
            assert_eq!(push.path, expect);
        }
        "OTEL_EXPORTER_OTLP_PROTOCOL" => {
            for value in quoted(others) {
                let push = pushed(&with(&[(ENDPOINT, url), (variable, value)]), &collector);
                assert_eq!(push.path, if value == "grpc" { GRPC } else { "/v1/metrics" });
            }
        }
        "OTEL_EXPORTER_OTLP_COMPRESSION" => {
            for value in quoted(others) {
                let push = pushed(&with(&[(ENDPOINT, url), (variable, value)]), &collector);
                let encoding = push.headers.get("content-encoding").map_or("none", |value| value.to_str().unwrap());
                assert_eq!(encoding, value);
            }
        }
        "OTEL_EXPORTER_OTLP_HEADERS" => {
            let push = pushed(&with(&[(ENDPOINT, url), (variable, "api-key=secret%21")]), &collector);
            assert_eq!(push.headers["api-key"], "secret!");
        }
        "OTEL_EXPORTER_OTLP_TIMEOUT" | "OTEL_METRIC_EXPORT_TIMEOUT" => check_timeout(variable),
        "OTEL_EXPORTER_OTLP_TEMPORALITY_PREFERENCE" => {
            assert!(!pushed(&with(&[(ENDPOINT, url)]), &collector).loads("success").1, "cumulative is the default");
            for value in quoted(others) {
                let push = pushed(&with(&[(ENDPOINT, url), (variable, value)]), &collector);
                assert_eq!(push.loads("success").1, value != "cumulative", "{value}");
            }
        }
        "OTEL_METRIC_EXPORT_INTERVAL" => {
            let dir = tempfile::tempdir().unwrap();
            let service = with(&[(ENDPOINT, url), (variable, "1")]).serve(dir.path());
            // Without being asked.
            collector.push();
            collector.push();
            service.end();
        }
        "OTEL_SERVICE_NAME" => {
            let push = pushed(&with(&[(ENDPOINT, url), (variable, "shop")]), &collector);
            assert_eq!(push.resource()["service.name"], "shop");
        }
        "OTEL_RESOURCE_ATTRIBUTES" => {
            let push = pushed(&with(&[(ENDPOINT, url), (variable, "deployment.environment.name=test")]), &collector);
            assert_eq!(push.resource()["deployment.environment.name"], "test");
        }
        "OTEL_SDK_DISABLED" => {
            let dir = tempfile::tempdir().unwrap();
            with(&[(ENDPOINT, url), (variable, "TRUE")]).run(dir.path());
            assert!(collector.is_idle());
            for value in quoted(others).into_iter().filter(|value| *value == "false") {
                pushed(&with(&[(ENDPOINT, url), (variable, value)]), &collector);
            }
        }
        "OTEL_METRICS_EXPORTER" => {
            let dir = tempfile::tempdir().unwrap();
            with(&[(ENDPOINT, url), (variable, "none")]).run(dir.path());
            assert!(collector.is_idle());
            pushed(&with(&[(ENDPOINT, url), (variable, "prometheus")]), &collector);
        }
        "HTTP_PROXY" | "ALL_PROXY" => {
            let push = pushed(&with(&[(ENDPOINT, ELSEWHERE), (variable, url)]), &collector);
            assert_eq!(push.path, "/v1/metrics");
            pushed(&with(&[(ENDPOINT, url), (variable, "http://no-such-proxy.invalid")]), &collector);
        }
        // That of https is none for http.
        "HTTPS_PROXY" => check_not_pushed(&[(ENDPOINT, ELSEWHERE), (variable, url)], &collector),
        "NO_PROXY" => {
            let variables = [(ENDPOINT, ELSEWHERE), ("HTTP_PROXY", url), (variable, "127.0.0.0/8, collector.invalid")];
            check_not_pushed(&variables, &collector);
        }
        _ => panic!("the page names {variable}, and nothing here says what it does"),
    }
}

/// A collector that only a proxy could find.
const ELSEWHERE: &str = "http://collector.invalid";

fn check_not_pushed(variables: &[(&str, &str)], collector: &Collector) {
    let dir = tempfile::tempdir().unwrap();
    let output = with(variables).run(dir.path());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(&format!("prof: could not export metrics to {ELSEWHERE}/v1/metrics: ")), "{stderr}");
    assert!(collector.is_idle());
}

/// A collector that takes connections and never answers is given up on: without the variable after 10 s, which is
/// longer than the service takes for its end.
fn check_timeout(variable: &str) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let output = with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &url), (variable, "1")]).run(dir.path());
    let stderr = String::from_utf8(output.stderr).unwrap();
    // Whichever notices first: what connects, or what waits for it.
    let expect = ["timeout", "it took longer than 1ms"];
    let expect = expect.map(|reason| format!("prof: could not export metrics to {url}/v1/metrics: {reason}"));
    let is_there = expect.iter().any(|expect| stderr.contains(expect));
    assert!(is_there && !stderr.contains("did not end"), "{stderr}");
}

#[test]
fn every_variable_does_something() {
    let rows = page().rows();
    let mut variables = 0;
    for row in rows {
        let [names, values] = <[String; 2]>::try_from(row).unwrap();
        for name in quoted(&names) {
            check_effect(name, &values);
            variables += 1;
        }
    }
    assert!(variables >= 21, "the page names {variables}");
}

#[test]
fn the_defaults_are_those_of_the_page() {
    let set = std::env::vars_os().find(|(name, _)| name.to_string_lossy().starts_with("OTEL_"));
    assert_eq!(set, None, "variables of your own would be taken for defaults");
    let exporter = format!("{:?}", prof_runtime::export::otlp::OtlpExporter::from_env().unwrap());
    for row in page().rows() {
        let [names, default] = <[String; 2]>::try_from(row).unwrap();
        let first = quoted(&default).first().map_or(&*default, |quoted| *quoted).to_owned();
        let expect = match quoted(&names)[0] {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => format!("protocol: Http, endpoint: \"{first}/v1/metrics\""),
            "OTEL_EXPORTER_OTLP_PROTOCOL" => {
                assert_eq!(first, "http/protobuf");
                continue;
            }
            "OTEL_EXPORTER_OTLP_TIMEOUT" => format!("timeout: {}s", milliseconds(&first) / 1000),
            "OTEL_METRIC_EXPORT_INTERVAL" => format!("interval: {}s", milliseconds(&first) / 1000),
            "OTEL_METRIC_EXPORT_TIMEOUT" => format!("push_timeout: {}s", milliseconds(&first) / 1000),
            // Seen by what arrives.
            _ => continue,
        };
        assert!(exporter.contains(&expect), "{expect} is not in {exporter}");
    }
}

fn milliseconds(text: &str) -> u64 {
    text.strip_suffix(" ms").expect("it is in milliseconds").parse().unwrap()
}
