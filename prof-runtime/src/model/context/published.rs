//! The record of a context as handlers receive it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::ContextRecord;
use crate::model::{MetricData, MetricValue};

/// A record on its way to the handlers, with the name of its context and a group.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PublishedContext<'a> {
    /// The name of the context, such as `request`.
    pub name: &'a str,
    /// The group of the stream that it is published through.
    pub group_name: &'a str,
    /// The record, whole.
    pub record: &'a ContextRecord,
}

impl<'a> PublishedContext<'a> {
    /// Returns the numbers of the record as data points called `CONTEXT.metric`, with the time of the record's end. A
    /// negative integer becomes a gauge.
    pub fn data_points(&self) -> impl Iterator<Item = MetricData<'a>> {
        let timestamp =
            UNIX_EPOCH.checked_add(Duration::from_nanos(self.record.end_ns)).unwrap_or(SystemTime::UNIX_EPOCH);
        let Self { name, group_name, record } = *self;
        record.numbers().map(move |(metric, number)| {
            let value: MetricValue = number.into();
            MetricData::at(timestamp, group_name, format!("{name}.{metric}"), value)
        })
    }
}
