//! A number of a distribution, whole.

use std::fmt;
use std::marker::PhantomData;
use std::time::SystemTime;

use crate::base::clock;
use crate::model::{MetricData, MetricValue};
use crate::site::Callsite;

/// One number of a [`Distribution`](crate::Distribution), as
/// [`MetricHandler::record_number`](crate::MetricHandler::record_number) receives it.
/// [`into_owned`](Self::into_owned) makes one that can be kept.
#[derive(Clone)]
pub struct RecordedNumber<'a> {
    site: &'static Callsite,
    number: u64,
    /// When it was recorded, if that is not now.
    timestamp: Option<SystemTime>,
    /// Reserves the lifetime for fields that borrow.
    borrows: PhantomData<&'a ()>,
}

impl<'a> RecordedNumber<'a> {
    pub(crate) fn new(site: &'static Callsite, number: u64) -> Self {
        Self { site, number, timestamp: None, borrows: PhantomData }
    }

    /// Returns a record that borrows nothing and keeps its time, which is read here.
    pub fn into_owned(self) -> RecordedNumber<'static> {
        let (site, number, timestamp) = (self.site, self.number, Some(self.timestamp()));
        RecordedNumber { site, number, timestamp, borrows: PhantomData }
    }

    pub(crate) fn site(&self) -> &'static Callsite {
        self.site
    }

    /// Returns the name of the distribution.
    pub fn name(&self) -> &'static str {
        self.site.name()
    }

    /// Returns the group of the distribution.
    pub fn group(&self) -> &'static str {
        self.site.group()
    }

    /// Returns the number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns when the number was recorded, by the wall clock, which is read here and not per number.
    pub fn timestamp(&self) -> SystemTime {
        self.timestamp.unwrap_or_else(clock::wall_time)
    }

    /// Returns the number as a data point: a [gauge](MetricValue::Gauge) with the name of the distribution.
    #[allow(clippy::cast_precision_loss)] // Numbers beyond 2^53 lose their last bits, as any float does.
    pub fn data_point(&self) -> MetricData<'a> {
        MetricData::at(self.timestamp(), self.site.group(), self.site.name(), MetricValue::Gauge(self.number as f64))
    }
}

impl fmt::Debug for RecordedNumber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedNumber")
            .field("name", &self.name())
            .field("group", &self.group())
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
