//! All that is printed is given names, addresses and answers that act on a terminal, and credentials.
#![cfg(all(feature = "json", feature = "otlp", feature = "prometheus", feature = "report", feature = "statsd"))]

use std::error::Error as _;
use std::time::Duration;

use super::hostile::{TEXT, check};
use crate::context::MetricsContext;
use crate::export::otlp::OtlpExporter;
use crate::export::prometheus::{PrometheusCollector, PrometheusServer};
use crate::export::{ExportError, StatsdHandler};
use crate::startup::ProfBuilder;
use crate::{Aggregator, ConsoleHandler, FlushError, MetricData, MetricHandler as _, init};

const SECRET: &str = "S3CRET";

/// An error, or anything else that is printed, in each way.
#[track_caller]
fn is_clean(printed: impl std::fmt::Debug, shown: Option<String>) {
    for text in shown.into_iter().chain([format!("{printed:?}")]) {
        check(&text, 0);
        assert!(!text.contains(SECRET), "{text}");
        assert!(text.chars().count() < 3000, "{} characters", text.chars().count());
    }
    check(&format!("{printed:#?}").replace('\n', " "), 0);
}

/// An error's own text names the cause, so `source()` has none: what prints a chain of errors would print it twice.
#[track_caller]
fn error_is_clean(error: impl std::error::Error) {
    assert!(error.source().is_none(), "{error}");
    is_clean(&error, Some(error.to_string()));
}

#[test]
fn errors_of_the_start() {
    let long = "x".repeat(100_000);
    let parts = [
        format!("{TEXT}:{TEXT}"),
        long.clone(),
        format!("otpl:http://user:{SECRET}@h:1/?{SECRET}"),
        format!("json:/no/such/{TEXT}{long}"),
        format!("console:{TEXT}"),
        format!("otlp:http://user:{SECRET}@h:notaport/{TEXT}"),
        format!("otlp:http://user:{SECRET}@h:1/?token={SECRET}{TEXT}"),
        format!("otlp:user:{SECRET}@h"),
        format!("otlp:http://h:1,otlp:ftp://u:{SECRET}@h"),
        format!("off,otlp:http://user:{SECRET}@h"),
        format!("otlp:http://u:{SECRET}@h,otlp:http://u:{SECRET}@h"),
        format!("statsd:{SECRET}@{TEXT}:8125"),
        format!("prometheus:{SECRET}@{TEXT}"),
    ];
    for part in &parts {
        error_is_clean(init(part).map(|_| ()).unwrap_err());
    }
}

#[test]
fn errors_of_handlers_and_exporters() {
    error_is_clean(StatsdHandler::to(format!("{SECRET}@{TEXT}:1")).unwrap_err());
    let collector = PrometheusCollector::new(Aggregator::new());
    error_is_clean(PrometheusServer::start(format!("{SECRET}@{TEXT}:1"), collector).unwrap_err());
    error_is_clean(OtlpExporter::to(&format!("http://{SECRET}@{TEXT}")).unwrap_err());
    let source = || std::io::Error::other(format!("{TEXT}{}", "x".repeat(10_000)));
    error_is_clean(FlushError::Timeout { target: TEXT.into(), timeout: Duration::ZERO });
    error_is_clean(FlushError::Stopped { target: TEXT.into() });
    error_is_clean(ExportError::Timeout { target: TEXT.into(), timeout: Duration::ZERO });
    error_is_clean(ExportError::Refused { target: TEXT.into(), reason: TEXT.into() });
    // `Debug` has the cause as it is.
    let flush = FlushError::Write { target: TEXT.into(), cause: source().into() };
    check(&flush.to_string(), 0);
    assert!(flush.source().is_none());
    let export = ExportError::Unreachable { target: TEXT.into(), cause: source().into(), retry_after: None };
    check(&export.to_string(), 0);
    assert!(export.source().is_none());
    assert!(export.to_string().chars().count() < 2000);
}

#[test]
fn errors_of_contexts() {
    let ctx = MetricsContext::new(|_| {});
    error_is_clean(ctx.increment(TEXT, 1).unwrap_err());
    let entered = ctx.enter();
    entered.set(TEXT, "text").unwrap();
    error_is_clean(entered.set(TEXT, 2).unwrap_err());
    error_is_clean(entered.increment(TEXT, 2).unwrap_err());
}

#[test]
fn names_on_the_console_and_in_tables() {
    let (reader, writer) = std::io::pipe().unwrap();
    let console = ConsoleHandler::to(writer);
    let data = MetricData::new(TEXT, TEXT, 1);
    console.emit(&data);
    is_clean(&data, None);
    drop(console);
    check(&std::io::read_to_string(reader).unwrap(), 1);

    let aggregator = Aggregator::new();
    aggregator.emit(&data);
    let table = aggregator.snapshot().to_table();
    check(&table, table.lines().count());
    is_clean(aggregator.snapshot().values, None);
}

#[test]
fn what_is_printed_for_debugging() {
    let url = format!("http://user:{SECRET}@127.0.0.1:1/?token={SECRET}");
    let builder = ProfBuilder::new().otlp(&url).json(TEXT);
    is_clean(&builder, None);
    is_clean(OtlpExporter::to(&url).unwrap(), None);
    is_clean(ProfBuilder::new().otlp(&url).timeout(Duration::ZERO).start().unwrap(), None);
}
