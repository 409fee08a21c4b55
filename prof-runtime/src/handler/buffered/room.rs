//! Room in the queue, in bytes: how much what is queued takes, and how much there is.

use std::collections::BTreeMap;
use std::mem::size_of;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::model::context::{ContextFailure, ContextRecord, ContextValue, Scalar};

/// The bytes that queued items take beside their places in the queue: the names of data points, and records. Calls take
/// none, so that they do not touch what all threads share here.
#[derive(Debug)]
pub(super) struct Room {
    /// Sequentially consistent with `waiting`: a thread that waits sees what is released later, or is seen by the
    /// thread that releases it.
    used: AtomicUsize,
    max: usize,
    /// How many threads wait for room.
    waiting: AtomicUsize,
    /// A token that wakes one of them.
    wake: Sender<()>,
    woken: Receiver<()>,
}

impl Room {
    pub(super) fn new(max: usize) -> Self {
        let (wake, woken) = bounded(1);
        Self { used: AtomicUsize::new(0), max, waiting: AtomicUsize::new(0), wake, woken }
    }

    /// Takes so many bytes, if they are there.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let taken = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.max);
        bytes == 0 || self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken).is_ok()
    }

    /// Gives them back.
    pub(super) fn release(&self, bytes: usize) {
        if bytes > 0 {
            self.used.fetch_sub(bytes, Ordering::SeqCst);
            self.wake_one();
        }
    }

    /// Whether so many bytes will ever be there.
    pub(super) fn can_hold(&self, bytes: usize) -> bool {
        bytes <= self.max
    }

    /// How many bytes are taken.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }

    /// Announces a thread that waits, before its last look whether there is room. It ends with
    /// [`end_waiting`](Self::end_waiting).
    pub(super) fn begin_waiting(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn end_waiting(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        // There may be room for another one.
        self.wake_one();
    }

    /// What a thread that waits receives when it is worth another look.
    pub(super) fn woken(&self) -> &Receiver<()> {
        &self.woken
    }

    fn wake_one(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            // One token is enough: who is woken by it passes it on.
            let _ = self.wake.try_send(());
        }
    }
}

/// About how many bytes a record takes on the heap.
pub(super) fn bytes_of(record: &ContextRecord) -> usize {
    let error = match &record.error {
        Some(ContextFailure::Error { message, .. } | ContextFailure::Panic { message: Some(message) }) => message.len(),
        _ => 0,
    };
    size_of::<ContextRecord>() + error + bytes_of_map(&record.metrics)
}

fn bytes_of_map(map: &BTreeMap<String, ContextValue>) -> usize {
    map.iter().map(|(name, value)| size_of::<(String, ContextValue)>() + name.len() + bytes_of_value(value)).sum()
}

fn bytes_of_value(value: &ContextValue) -> usize {
    match value {
        ContextValue::Text(text) => text.len(),
        ContextValue::Set(set) => set.iter().map(bytes_of_scalar).sum(),
        ContextValue::Map(map) => bytes_of_map(map),
        ContextValue::TopN(top) => top.iter().map(|(key, number)| bytes_of_scalar(key) + size_of_val(number)).sum(),
        _ => 0,
    }
}

fn bytes_of_scalar(scalar: &Scalar) -> usize {
    size_of::<Scalar>() + if let Scalar::Text(text) = scalar { text.len() } else { 0 }
}
