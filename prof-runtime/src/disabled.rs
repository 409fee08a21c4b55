//! The crate without the feature `enabled`: the names that an annotated library uses, and those that a program starts
//! with. Nothing is counted, printed or sent.
//!
//! Everything here has the signature that it has with the feature.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;

use crate::model::MetricValue;

/// Evaluates its arguments, and does nothing.
#[inline(always)]
pub fn put_metric(_name: &str, _value: impl Into<MetricValue>, _group: &str) {}

/// Evaluates its arguments, and does nothing.
#[macro_export]
macro_rules! put_metric {
    ($name:expr, $value:expr $(,)?) => {
        $crate::put_metric($name, $value, "")
    };
    ($name:expr, $value:expr, $group:expr $(,)?) => {
        $crate::put_metric($name, $value, $group)
    };
}

/// A counter that counts nothing.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    name: &'static str,
    group: &'static str,
}

impl Counter {
    /// Not public API.
    #[doc(hidden)]
    pub const fn at(name: &'static str, group: &'static str) -> Self {
        Self { name, group }
    }

    /// Does nothing.
    #[inline(always)]
    pub fn add(self, _count: u64) {}

    /// Does nothing.
    #[inline(always)]
    pub fn increment(self) {}

    /// Returns the name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the group.
    pub fn group(&self) -> &'static str {
        self.group
    }
}

/// Makes a [`Counter`](crate::Counter) that counts nothing. Without a second argument, its group is empty.
#[macro_export]
macro_rules! counter {
    ($name:expr $(,)?) => {
        $crate::Counter::at($name, "")
    };
    ($name:expr, $group:expr $(,)?) => {
        $crate::Counter::at($name, $group)
    };
}

/// A distribution that records nothing.
#[derive(Clone, Copy, Debug)]
pub struct Distribution {
    name: &'static str,
    group: &'static str,
}

impl Distribution {
    /// Not public API.
    #[doc(hidden)]
    pub const fn at(name: &'static str, group: &'static str) -> Self {
        Self { name, group }
    }

    /// Does nothing.
    #[inline(always)]
    pub fn record(self, _number: u64) {}

    /// Returns the name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the group.
    pub fn group(&self) -> &'static str {
        self.group
    }
}

/// Makes a [`Distribution`](crate::Distribution) that records nothing. Without a second argument, its group is empty.
#[macro_export]
macro_rules! distribution {
    ($name:expr $(,)?) => {
        $crate::Distribution::at($name, "")
    };
    ($name:expr, $group:expr $(,)?) => {
        $crate::Distribution::at($name, $group)
    };
}

/// A gauge that is always 0.
#[derive(Clone, Copy, Debug)]
pub struct Gauge {
    name: &'static str,
    group: &'static str,
}

impl Gauge {
    /// Not public API.
    #[doc(hidden)]
    pub const fn at(name: &'static str, group: &'static str) -> Self {
        Self { name, group }
    }

    /// Does nothing.
    #[inline(always)]
    pub fn set(self, _value: impl Into<MetricValue>) {}

    /// Does nothing.
    #[inline(always)]
    pub fn add(self, _by: i64) {}

    /// Does nothing.
    #[inline(always)]
    pub fn sub(self, _by: i64) {}

    /// Returns 0.
    pub fn value(&self) -> f64 {
        0.0
    }

    /// Returns the name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the group.
    pub fn group(&self) -> &'static str {
        self.group
    }
}

/// Makes a [`Gauge`](crate::Gauge) that is always 0. Without a second argument, its group is empty.
#[macro_export]
macro_rules! gauge {
    ($name:expr $(,)?) => {
        $crate::Gauge::at($name, "")
    };
    ($name:expr, $group:expr $(,)?) => {
        $crate::Gauge::at($name, $group)
    };
}

/// A stream of one group that emits nothing.
#[derive(Clone, Debug)]
pub struct MetricStream {
    group_name: String,
}

impl MetricStream {
    /// Does nothing.
    #[inline(always)]
    pub fn add_value(&self, _name: &str, _value: impl Into<MetricValue>) {}

    /// Returns the group.
    pub fn group_name(&self) -> &str {
        &self.group_name
    }
}

/// Returns a stream that emits nothing.
pub fn stream(group: impl Into<String>) -> MetricStream {
    MetricStream { group_name: group.into() }
}

/// Starts nothing.
///
/// # Errors
///
/// Never.
#[inline(always)]
pub fn init_from_env() -> Result<ProfGuard, InitError> {
    Ok(ProfGuard(()))
}

/// Starts nothing, and does not look at the list.
///
/// # Errors
///
/// Never.
#[inline(always)]
pub fn init(_list: impl AsRef<OsStr>) -> Result<ProfGuard, InitError> {
    Ok(ProfGuard(()))
}

/// Ends nothing when it is dropped.
#[derive(Debug)]
#[must_use = "with the feature `enabled`, everything ends when the guard is dropped: bind it to a variable, such as `_prof`"]
pub struct ProfGuard(());

impl ProfGuard {
    /// Flushes nothing.
    ///
    /// # Errors
    ///
    /// Never.
    #[inline(always)]
    pub fn flush(&self) -> Result<(), FlushError> {
        Ok(())
    }
}

/// Counts nothing, and prints nothing.
#[inline(always)]
pub fn report_at_exit() -> ProfGuard {
    ProfGuard(())
}

/// Flushes nothing.
///
/// # Errors
///
/// Never.
#[inline(always)]
pub fn flush() -> Result<(), FlushError> {
    Ok(())
}

macro_rules! no_error {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum $name {}

        impl fmt::Display for $name {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {}
            }
        }

        impl Error for $name {}
    };
}

no_error!(
    /// Why nothing could be started: it never happens.
    InitError
);
no_error!(
    /// Why nothing could be flushed: it never happens.
    FlushError
);
