//! Handlers: the trait, those that come with the crate, and what they have in common. Uses `base`, `model` and `site`.

pub(crate) mod buffered;
mod console;
pub(crate) mod failures;
mod fanout;
mod filter;
mod guarded_handler;
#[cfg(feature = "json")]
mod json_lines;
pub(crate) mod lines;
pub(crate) mod losses;
mod memory;
mod metric_handler;
#[cfg(all(test, not(loom)))]
mod nested;
mod pattern;
mod prefix;
mod register_handler;

pub use self::console::ConsoleHandler;
pub use self::fanout::FanoutHandler;
pub use self::filter::FilterHandler;
pub(crate) use self::guarded_handler::{Failed, GuardedHandler, Place};
#[cfg(feature = "json")]
pub use self::json_lines::JsonLinesHandler;
pub use self::memory::MemoryHandler;
pub(crate) use self::metric_handler::FlushFailures;
pub use self::metric_handler::{FastPath, FlushError, IntoHandler, MetricHandler, NullHandler};
pub use self::prefix::PrefixHandler;
pub use self::register_handler::LinkedHandler;
