//! The trait of handlers, and the error of a flush.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::base::text::Foreign;
use crate::handler::FanoutHandler;
use crate::model::MetricData;
use crate::model::context::PublishedContext;
use crate::site::{CallRecord, RecordedNumber, UntimedCall};

/// Receives metrics: every data point through [`emit`](Self::emit), every finished call through
/// [`record_call`](Self::record_call).
///
/// A handler runs on the thread that emits, at the end of the annotated call, and cannot hurt it:
///
/// - A panic is caught. After the third, the handler is switched off, and a line on stderr names it.
/// - Metrics that a handler itself causes, by calling annotated code or emitting data points, are not delivered, so
///   that it cannot recurse.
/// - No lock of this crate is held while a handler runs, so that a handler that blocks delays its own caller only.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::sync::Arc;
/// use prof_runtime::{MetricData, MetricHandler, put_metric, scoped};
///
/// #[derive(Default)]
/// struct Pages(AtomicU64);
///
/// impl MetricHandler for Pages {
///     fn emit(&self, data: &MetricData<'_>) {
///         if data.name == "pages" {
///             self.0.fetch_add(data.value.as_f64() as u64, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let pages = Arc::new(Pages::default());
/// let _scope = scoped(pages.clone());
/// put_metric("pages", 3, "crawler");
/// put_metric("pages", 4, "crawler");
/// assert_eq!(pages.0.load(Ordering::Relaxed), 7);
/// ```
pub trait MetricHandler: Send + Sync {
    /// Receives one data point.
    fn emit(&self, data: &MetricData<'_>);

    /// Receives one finished call, whole.
    ///
    /// The default emits the call's [two data points](CallRecord::data_points).
    fn record_call(&self, call: &CallRecord<'_>) {
        for data in call.data_points() {
            self.emit(&data);
        }
    }

    /// Receives one finished call that was not timed, because its function is sampled: `#[prof(sample = N)]`. Those of
    /// its calls that were timed come through [`record_call`](Self::record_call).
    ///
    /// The default emits its [data point](UntimedCall::data_point), so that counts are exact either way.
    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        self.emit(&call.data_point());
    }

    /// Receives one number of a [`Distribution`](crate::Distribution).
    ///
    /// The default emits its [data point](RecordedNumber::data_point), a gauge.
    fn record_number(&self, number: &RecordedNumber<'_>) {
        self.emit(&number.data_point());
    }

    /// Receives the record of a context that [is published](crate::context::publish), whole.
    ///
    /// The default emits its numbers as [data points](PublishedContext::data_points).
    fn record_context(&self, context: &PublishedContext<'_>) {
        for data in context.data_points() {
            self.emit(&data);
        }
    }

    /// Writes the metrics out that the handler has buffered.
    ///
    /// # Errors
    ///
    /// If some of them could not be written.
    fn flush(&self) -> Result<(), FlushError> {
        Ok(())
    }

    /// Not public API: the name of the handler in messages.
    #[doc(hidden)]
    fn __prof_type_name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    /// Not public API: what the runtime may do without calling this handler.
    #[doc(hidden)]
    fn fast_path(&self) -> FastPath<'_> {
        FastPath::None
    }
}

/// Not public API: what the runtime may do without calling a handler.
#[doc(hidden)]
#[derive(Debug)]
#[non_exhaustive]
pub enum FastPath<'a> {
    /// Call it.
    None,
    /// Do nothing, as the handler does.
    Off,
    /// Count calls in this aggregator.
    Counts(&'a dyn Any),
    /// Call each of these in turn.
    Fanout(&'a FanoutHandler),
}

/// What can be installed as a handler: a [`MetricHandler`], or one in an [`Arc`] or a [`Box`]. Sealed: no other type
/// can implement it.
pub trait IntoHandler: sealed::Sealed {
    /// Converts into a shared handler.
    fn into_handler(self) -> Arc<dyn MetricHandler>;
}

mod sealed {
    use std::sync::Arc;

    use crate::handler::MetricHandler;

    pub trait Sealed {}

    impl<H: MetricHandler + 'static> Sealed for H {}
    impl<H: MetricHandler + 'static> Sealed for Arc<H> {}
    impl Sealed for Arc<dyn MetricHandler> {}
    impl Sealed for Box<dyn MetricHandler> {}
}

impl<H: MetricHandler + 'static> IntoHandler for H {
    fn into_handler(self) -> Arc<dyn MetricHandler> {
        Arc::new(self)
    }
}

impl<H: MetricHandler + 'static> IntoHandler for Arc<H> {
    fn into_handler(self) -> Arc<dyn MetricHandler> {
        self
    }
}

impl IntoHandler for Arc<dyn MetricHandler> {
    fn into_handler(self) -> Arc<dyn MetricHandler> {
        self
    }
}

impl IntoHandler for Box<dyn MetricHandler> {
    fn into_handler(self) -> Arc<dyn MetricHandler> {
        Arc::from(self)
    }
}

/// Why a handler could not write its metrics out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The handler tried to write, and its target refused.
    #[error("could not flush metrics to {target}: {:.1024}", Foreign(cause))]
    Write {
        /// The target, such as a path or an address.
        target: Foreign<String>,
        /// The cause.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The handler did not write all metrics in time. It goes on trying.
    #[error("could not flush metrics to {target} within {timeout:?}")]
    Timeout {
        /// The target, such as a path or an address.
        target: Foreign<String>,
        /// The bound of the wait.
        timeout: Duration,
    },
    /// The handler was stopped before, and wrote its metrics out then.
    #[error("could not flush metrics to {target}: it was stopped")]
    Stopped {
        /// The target, such as a path or an address.
        target: Foreign<String>,
    },
    /// The handler panicked while flushing.
    #[error("a metric handler panicked while flushing: {handler}")]
    Panicked {
        /// Its type, and where it was installed.
        handler: Foreign<String>,
    },
    /// Several handlers failed, or one of them several times.
    #[error("{}", joined(errors, *more))]
    Several {
        /// The first of them; at least one.
        errors: Vec<FlushError>,
        /// The number of further errors.
        more: u64,
    },
}

fn joined(errors: &[FlushError], more: u64) -> String {
    let texts: Vec<_> = errors.iter().map(FlushError::to_string).collect();
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    texts.join("; ") + &more
}

/// Gathers the errors of several flushes, up to a bound.
#[derive(Default)]
pub(crate) struct FlushFailures {
    errors: Vec<FlushError>,
    more: u64,
}

impl FlushFailures {
    /// The most errors that are kept; the others are counted.
    const MAX: usize = 8;

    pub(crate) fn add(&mut self, flushed: Result<(), FlushError>) {
        match flushed {
            Ok(()) => {}
            Err(FlushError::Several { errors, more }) => {
                for error in errors {
                    self.add(Err(error));
                }
                self.more += more;
            }
            Err(error) if self.errors.len() < Self::MAX => self.errors.push(error),
            Err(_) => self.more += 1,
        }
    }

    /// Returns all errors as one, and forgets them.
    pub(crate) fn take(&mut self) -> Result<(), FlushError> {
        let Self { mut errors, more } = std::mem::take(self);
        match errors.pop() {
            None => Ok(()),
            Some(only) if errors.is_empty() && more == 0 => Err(only),
            Some(last) => {
                errors.push(last);
                Err(FlushError::Several { errors, more })
            }
        }
    }
}

/// Receives metrics and does nothing.
///
/// While a group's handler is a `NullHandler`, its annotated functions neither read the clock nor count.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullHandler;

impl MetricHandler for NullHandler {
    fn emit(&self, _: &MetricData<'_>) {}

    fn record_call(&self, _: &CallRecord<'_>) {}

    fn record_untimed_call(&self, _: &UntimedCall<'_>) {}

    fn record_number(&self, _: &RecordedNumber<'_>) {}

    fn fast_path(&self) -> FastPath<'_> {
        FastPath::Off
    }
}
