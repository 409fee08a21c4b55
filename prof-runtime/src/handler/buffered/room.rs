//! Room in the queue, in bytes: how much is taken, and how much there is.

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
    /// The number of threads that wait for room.
    waiting: AtomicUsize,
    /// A token that wakes one of these threads.
    wake: Sender<()>,
    woken: Receiver<()>,
}

impl Room {
    pub(super) fn new(max: usize) -> Self {
        let (wake, woken) = bounded(1);
        Self { used: AtomicUsize::new(0), max, waiting: AtomicUsize::new(0), wake, woken }
    }

    /// Takes `bytes`, if that many are free.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let taken = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.max);
        bytes == 0 || self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken).is_ok()
    }

    /// Gives `bytes` back.
    pub(super) fn release(&self, bytes: usize) {
        if bytes > 0 {
            self.used.fetch_sub(bytes, Ordering::SeqCst);
            self.wake_one();
        }
    }

    /// Returns whether `bytes` can ever be free.
    pub(super) fn can_hold(&self, bytes: usize) -> bool {
        bytes <= self.max
    }

    /// Returns how many bytes are taken.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }

    /// Announces a thread that waits, before it checks a last time whether there is room. The wait ends with
    /// [`end_waiting`](Self::end_waiting).
    pub(super) fn begin_waiting(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn end_waiting(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        // There may be room for another thread.
        self.wake_one();
    }

    /// Returns the receiver of tokens, one of which says that there may be room.
    pub(super) fn woken(&self) -> &Receiver<()> {
        &self.woken
    }

    fn wake_one(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            // One token is enough: the thread that it wakes passes it on.
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
