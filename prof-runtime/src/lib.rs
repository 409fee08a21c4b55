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
//! - [`init_from_env`] has the variable `PROF` choose where numbers go in production; [`export`] has what it chooses from.
//! - [`configure`], [`configure_group`] and [`register_handler!`] say where metrics go in a program, [`scoped`] and
//!   [`with_handler`](WithHandlerExt::with_handler) where they go in a test.
//! - [`MetricHandler`] is what receives them: [`ConsoleHandler`], [`MemoryHandler`], [`FanoutHandler`], or yours.
//! - [`BufferedHandler`] puts any of them behind a queue and a thread of its own.
//! - [`MetricsContext`] gathers one record over a unit of work; [`context`] has the rest of it.
//! - [`put_metric!`], [`stream`] and [`MetricStream`] emit data points of your own.
//!
//! # Features
//!
//! | feature | default | what |
//! |---|---|---|
//! | `report` | yes | [`report_at_exit`] and tables |
//! | `serde` | no | `Serialize` and `Deserialize` for snapshots and data points |
//! | `json` | no | reports and snapshots as JSON, and `JsonLinesHandler` |
//! | `metrics` | no | forwards to the `metrics` facade |
//! | `otlp`, `otlp-tls`, `otlp-grpc`, `otlp-gzip` | no | pushes to an OpenTelemetry collector, over http, https or gRPC |
//! | `prometheus`, `prometheus-native` | no | serves Prometheus, with native histograms if it asks for them |
//! | `rules` | no | alert rules for Prometheus and a dashboard for Grafana, of objectives; includes `prometheus` |
//! | `signals` | no | SIGTERM and Ctrl-C end everything in order before they end the program |
//! | `statsd` | no | sends to a `StatsD` or `DogStatsD` daemon |
//! | `tracing` | no | events for `tracing` |
// Tests may use what locks they like.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

extern crate self as prof_runtime;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod aggregator;
mod bound;
mod buffered;
mod call;
mod callsite;
mod clock;
mod console;
pub mod context;
mod culprit;
mod data;
mod dispatch;
mod exit;
pub mod export;
mod fanout;
mod forks;
mod handler;
mod histogram;
#[cfg(feature = "json")]
mod json_lines;
mod judge;
mod lines;
mod link;
mod local;
mod memory;
mod name;
mod objective;
mod outcome;
mod panics;
mod record;
mod registry;
#[cfg(feature = "report")]
mod report;
mod route;
mod scope;
#[cfg(feature = "serde")]
mod serialized;
pub mod startup;
mod stderr;
mod stream;
mod sync;
mod sys;
pub mod text;
mod timed;
mod worker;

pub use self::aggregator::{Aggregator, FunctionStats, Snapshot, ValueStats};
pub use self::buffered::{BufferedHandler, Builder as BufferedBuilder, WhenFull};
pub use self::callsite::{Callsite, callsites};
pub use self::console::ConsoleHandler;
pub use self::context::{
    ContextError, ContextGuard, ContextRecord, ContextValue, MetricsContext, RuntimeMetricsContext, TopN,
};
pub use self::data::{MetricData, MetricValue};
pub use self::fanout::FanoutHandler;
#[doc(hidden)]
pub use self::handler::Shortcut;
pub use self::handler::{FlushError, IntoHandler, MetricHandler, NullHandler};
pub use self::histogram::{Bucket, Histogram};
#[cfg(feature = "json")]
pub use self::json_lines::JsonLinesHandler;
pub use self::memory::MemoryHandler;
pub use self::objective::Objective;
pub use self::outcome::{Fallible, Outcome};
pub use self::record::{CallRecord, UntimedCall};
#[cfg(feature = "report")]
pub use self::report::{Report, report_at_exit};
pub use self::route::{configure, configure_group, flush};
pub use self::scope::{ScopedHandler, WithHandler, WithHandlerExt, scoped};
pub use self::startup::{InitError, ProfBuilder, ProfGuard, init, init_from_env};
pub use self::stream::{MetricStream, put_metric, stream};
#[doc = include_str!("prof.md")]
pub use prof_macros::prof;
