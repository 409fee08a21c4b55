//! One attribute on a function, and you know its **rate, errors and durations**, for the price of two clock reads.
//!
//! ```
//! use prof_runtime::{MemoryHandler, prof, scoped};
//!
//! struct Store;
//!
//! impl Store {
//!     #[prof]
//!     fn load(&self, id: u32) -> Result<String, String> {
//!         if id == 0 { Err("no such row".to_owned()) } else { Ok(format!("row {id}")) }
//!     }
//! }
//!
//! let memory = MemoryHandler::new();
//! let _scope = scoped(memory.clone());
//! Store.load(7).unwrap();
//! Store.load(0).unwrap_err();
//! assert_eq!(
//!     memory.names(),
//!     ["Store.load.success", "Store.load.duration.ms", "Store.load.failure", "Store.load.duration.ms"],
//! );
//! ```
//!
//! # From here
//!
//! - [`prof`] is the attribute: on functions, methods, impls, traits and modules.
//! - [`report_at_exit`] prints a table when the program ends; [`Aggregator`] has its numbers at any time.
//! - [`init_from_env`] has the variable `PROF` choose where numbers go in production; [`export`] has what it chooses
//!   from.
//! - [`configure`], [`configure_group`] and [`register_handler!`] say where metrics go in a program; [`observe`] adds a
//!   handler beside them. In a test, [`scoped`] and [`with_handler`](WithHandlerExt::with_handler) do.
//! - [`MetricHandler`] is what receives them: [`ConsoleHandler`], [`MemoryHandler`], or yours; [`FanoutHandler`],
//!   [`FilterHandler`] and [`PrefixHandler`] nest around them.
//! - [`BufferedHandler`] puts any of them behind a queue and a thread of its own.
//! - [`MetricsContext`] gathers one record over a unit of work; [`context`] has the rest of it.
//! - [`put_metric!`], [`stream`] and [`MetricStream`] emit data points of your own; [`counter!`], [`gauge!`] and
//!   [`distribution!`] make instruments that cost a few nanoseconds.
//! - [`guide`] has a page for each capability, with its limits.
//!
//! # Features
//!
//! | feature | default | what |
//! |---|---|---|
//! | `enabled` | yes | everything but the attribute and what annotated libraries name: [how to leave it out](#libraries) |
//! | `report` | yes | [`report_at_exit`] and tables |
//! | `serde` | no | `Serialize` and `Deserialize` for snapshots and data points |
//! | `auto` | no | the variable `PROF` [starts its parts before `main`](startup#without-a-line-in-main) |
//! | `json` | no | reports and snapshots as JSON, and `JsonLinesHandler` |
//! | `metrics` | no | forwards to the `metrics` facade |
//! | `otlp`, `otlp-tls`, `otlp-grpc`, `otlp-gzip` | no | pushes to an OpenTelemetry collector, over http, https or gRPC |
//! | `prometheus`, `prometheus-native` | no | serves Prometheus, with native histograms if it asks for them |
//! | `prometheus-client` | no | registers the exporter with a registry of that crate, in any version: outside of semantic versioning |
//! | `rules` | no | alert rules for Prometheus and a dashboard for Grafana, of objectives; includes `prometheus` |
//! | `signals` | no | SIGTERM and Ctrl-C end everything in order before they end the program |
//! | `statsd` | no | sends to a `StatsD` or `DogStatsD` daemon |
//! | `tracing` | no | events for `tracing` |
//!
//! # Libraries
//!
//! A library annotates its functions at no cost for those who do not measure: it depends on this crate without default
//! features.
//!
//! ```toml
//! [dependencies]
//! prof-runtime = { version = "0.1", default-features = false }
//!
//! [dev-dependencies]
//! prof-runtime = "0.1" # Its own tests measure.
//! ```
//!
//! Without the feature `enabled`, [`prof`] checks its arguments and returns the item as it came, and the macro crate is
//! the only dependency. A program that depends on this crate with default features turns the feature on for all its
//! libraries, because Cargo builds a dependency once with the features of all that use it. Every other feature turns it
//! on too.
//!
//! Beside [`prof`], these exist without the feature, and do nothing: [`put_metric!`], [`put_metric()`], [`counter!`],
//! [`gauge!`], [`distribution!`], [`stream`], [`MetricStream::add_value`], [`report_at_exit`], [`init`],
//! [`init_from_env`] and [`flush`]. [`Fallible`], [`Outcome`], [`MetricData`] and [`MetricValue`] are the same. So the
//! same program compiles with and without it, unless it names handlers or exporters.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Without the feature, almost nothing is there.
#![cfg_attr(docsrs, doc(auto_cfg(hide(feature = "enabled"))))]
// Tests may use what locks they like.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

extern crate self as prof_runtime;

#[cfg(feature = "enabled")]
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(feature = "enabled")]
mod aggregate;
#[cfg(feature = "enabled")]
mod base;
#[cfg(feature = "enabled")]
mod call;
#[cfg(feature = "enabled")]
mod config;
#[cfg(feature = "enabled")]
pub mod context;
#[cfg(feature = "enabled")]
mod counts;
#[cfg(not(feature = "enabled"))]
mod disabled;
#[cfg(feature = "enabled")]
pub mod export;
#[cfg(feature = "enabled")]
mod failure;
// Tests compile and run its examples, with what a page leaves out.
#[cfg(all(doc, not(doctest)))]
pub mod guide;
#[cfg(feature = "enabled")]
mod handler;
#[cfg(feature = "enabled")]
mod instrument;
mod model;
#[cfg(feature = "report")]
mod report;
#[cfg(feature = "enabled")]
pub mod service;
#[cfg(feature = "enabled")]
mod site;
#[cfg(feature = "enabled")]
pub mod startup;
#[cfg(feature = "enabled")]
mod stream;
#[cfg(feature = "enabled")]
mod thread;

#[cfg(not(feature = "enabled"))]
pub use self::disabled::{
    Counter, Distribution, FlushError, Gauge, InitError, MetricStream, ProfGuard, flush, init, init_from_env,
    put_metric, report_at_exit, stream,
};
#[cfg(feature = "enabled")]
#[doc(hidden)]
pub use self::handler::FastPath;
#[cfg(feature = "json")]
pub use self::handler::JsonLinesHandler;
pub use self::model::{Fallible, MetricData, MetricValue, Outcome};
#[cfg(feature = "report")]
pub use self::report::Report;
#[cfg(feature = "report")]
pub use self::startup::report_at_exit;
#[cfg(feature = "enabled")]
pub use self::{
    aggregate::Aggregator,
    base::text,
    config::install::{configure, configure_group, unconfigure, unconfigure_group},
    config::observer::{Observer, observe},
    config::scope::{ScopeHandle, ScopedHandler, WithHandler, WithHandlerExt, scoped},
    context::{ContextError, ContextGuard, ContextRecord, ContextValue, MetricsContext, RuntimeMetricsContext, TopN},
    counts::histogram::{Bucket, Histogram},
    counts::{FunctionStats, Snapshot, ValueStats},
    handler::buffered::{BufferedHandler, Builder as BufferedBuilder, WhenFull},
    handler::{
        ConsoleHandler, FanoutHandler, FilterHandler, FlushError, IntoHandler, MemoryHandler, MetricHandler,
        NullHandler, PrefixHandler,
    },
    instrument::{Counter, Distribution, Gauge},
    model::Objective,
    site::{CallRecord, Callsite, RecordedNumber, UntimedCall, callsites},
    startup::{InitError, ProfBuilder, ProfGuard, flush, init, init_from_env},
    stream::{MetricStream, put_metric, stream},
};
#[doc = include_str!("prof.md")]
#[cfg(feature = "enabled")]
pub use prof_macros::prof;
/// Checks its arguments, and returns the item as it came.
#[cfg(not(feature = "enabled"))]
pub use prof_macros::prof_disabled as prof;
