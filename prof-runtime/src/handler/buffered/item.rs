//! What waits in the queue of a `BufferedHandler`.

use super::room;
use crate::handler::losses::LossUnit;
use crate::model::MetricData;
use crate::model::context::{ContextRecord, PublishedContext};
use crate::site::{CallRecord, RecordedNumber, UntimedCall};

/// What waits in the queue.
#[derive(Debug)]
pub(super) enum Item {
    Call(CallRecord<'static>),
    UntimedCall(UntimedCall<'static>),
    Number(RecordedNumber<'static>),
    Data(MetricData<'static>),
    Context(Box<OwnedContext>),
}

#[derive(Debug)]
pub(super) struct OwnedContext {
    pub(super) name: String,
    pub(super) group_name: String,
    pub(super) record: ContextRecord,
    /// The bytes that it takes of the queue's room.
    bytes: usize,
}

impl Item {
    /// The unit that its loss is counted in.
    pub(super) const fn unit(&self) -> LossUnit {
        match self {
            Self::Call(_) | Self::UntimedCall(_) => LossUnit::Calls,
            Self::Number(_) | Self::Data(_) => LossUnit::DataPoints,
            Self::Context(_) => LossUnit::Records,
        }
    }

    pub(super) fn context(context: &PublishedContext<'_>, bytes: usize) -> Self {
        let PublishedContext { name, group_name, record } = *context;
        let (name, group_name, record) = (name.to_owned(), group_name.to_owned(), record.clone());
        Self::Context(Box::new(OwnedContext { name, group_name, record, bytes }))
    }

    pub(super) fn bytes_of_context(context: &PublishedContext<'_>) -> usize {
        context.name.len() + context.group_name.len() + room::bytes_of(context.record)
    }

    /// The bytes that it takes of the queue's room.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Call(_) | Self::UntimedCall(_) | Self::Number(_) => 0,
            Self::Data(data) => data.group_name.len() + data.name.len(),
            Self::Context(context) => context.bytes,
        }
    }
}
