//! A slot: the live scopes of one thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::{array, fmt};

use super::domain::Shared;
use super::frame::{Entry, Frame};
use crate::thread::ThreadInfo;

/// The depth to which a thread can nest scopes without another allocation.
const FRAMES: usize = 16;

/// The depth to which a thread can nest scopes. Deeper scopes run unwatched and are counted: the program forgets
/// guards.
const MAX_DEPTH: usize = 4096;

/// A chain of pieces of frames. The next piece is allocated when a thread first nests that deep.
#[derive(Debug)]
struct Frames {
    here: [Frame; FRAMES],
    deeper: OnceLock<Box<Frames>>,
}

impl Frames {
    fn new() -> Self {
        Self { here: array::from_fn(|_| Frame::new()), deeper: OnceLock::new() }
    }
}

/// The scopes of one thread. Written by that thread alone, read by the detector.
///
/// Slots live as long as the program and pass from threads that end to threads that start, so that a guard may
/// outlive its thread's slot: its ticket then fits its frame no more. 128 bytes are two cache lines, which processors
/// fetch in pairs: no two threads write to one pair.
#[repr(align(128))]
pub(crate) struct Slot {
    pub(crate) shared: &'static Shared,
    /// Unlike that of any other slot of the domain, and never zero.
    pub(crate) id: u64,
    /// Frames from this index on are clear. The owner writes it. A reader may see an old value, at most for one pass.
    depth: AtomicUsize,
    frames: Frames,
    /// None while the slot is free.
    owner: Mutex<Option<Arc<ThreadInfo>>>,
}

/// The place of a live scope, which its guard keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    pub(crate) slot: &'static Slot,
    pub(crate) frame: &'static Frame,
    pub(crate) ticket: u64,
    index: usize,
}

impl Slot {
    pub(super) fn new(shared: &'static Shared, id: u64) -> Self {
        Self { shared, id, depth: AtomicUsize::new(0), frames: Frames::new(), owner: Mutex::new(None) }
    }

    /// Adds a scope on top. Returns none if the thread nests too deep. Only the owner calls it.
    #[inline]
    pub(crate) fn acquire(&'static self, entry: &Entry) -> Option<At> {
        let index = self.depth.load(Ordering::Relaxed);
        let frame = if index < FRAMES { &self.frames.here[index] } else { self.deep_frame(index)? };
        let ticket = frame.publish(entry);
        self.depth.store(index + 1, Ordering::Release);
        Some(At { slot: self, frame, ticket, index })
    }

    /// Removes a scope at any depth. Does nothing for a scope that ended with its thread.
    #[inline]
    pub(crate) fn release(&self, at: &At) {
        if !at.frame.has(at.ticket) {
            return;
        }
        at.frame.clear(at.ticket);
        let depth = self.depth.load(Ordering::Relaxed);
        if depth != at.index + 1 {
            self.shared.count_out_of_order();
        } else if at.index == 0 || self.is_live(at.index - 1) {
            self.depth.store(at.index, Ordering::Release);
        } else {
            self.sink(at.index);
        }
    }

    #[inline]
    fn is_live(&self, index: usize) -> bool {
        let frame = if index < FRAMES { Some(&self.frames.here[index]) } else { self.frame(index) };
        frame.is_some_and(|frame| frame.live_ticket().is_some())
    }

    /// Lowers the depth past frames that were cleared out of order.
    #[cold]
    fn sink(&self, mut depth: usize) {
        while depth > 0 && !self.is_live(depth - 1) {
            depth -= 1;
        }
        self.depth.store(depth, Ordering::Release);
    }

    /// Returns a frame beyond the first piece. Allocates its piece at the first use.
    #[cold]
    fn deep_frame(&'static self, index: usize) -> Option<&'static Frame> {
        if index >= MAX_DEPTH {
            self.shared.count_too_deep();
            return None;
        }
        let mut frames = &self.frames;
        for _ in 0..index / FRAMES {
            frames = frames.deeper.get_or_init(|| Box::new(Frames::new()));
        }
        Some(&frames.here[index % FRAMES])
    }

    fn frame(&self, index: usize) -> Option<&Frame> {
        let mut frames = &self.frames;
        for _ in 0..index / FRAMES {
            frames = frames.deeper.get()?;
        }
        frames.here.get(index % FRAMES)
    }

    /// Returns the frames that may be live, outermost first.
    pub(crate) fn frames(&'static self) -> impl Iterator<Item = &'static Frame> {
        let depth = self.depth.load(Ordering::Acquire);
        let pieces = std::iter::successors(Some(&self.frames), |frames| frames.deeper.get().map(|deeper| &**deeper));
        pieces.flat_map(|frames| &frames.here).take(depth)
    }

    /// Gives the slot to the calling thread.
    pub(super) fn occupy(&self) {
        self.set_owner(Some(Arc::new(ThreadInfo::current())));
    }

    /// Takes the slot from the calling thread. Returns how many scopes are live.
    pub(super) fn vacate(&'static self) -> usize {
        let mut leaked = 0;
        for frame in self.frames() {
            if let Some(ticket) = frame.live_ticket() {
                frame.clear(ticket);
                leaked += 1;
            }
        }
        self.depth.store(0, Ordering::Release);
        self.set_owner(None);
        leaked
    }

    fn set_owner(&self, owner: Option<Arc<ThreadInfo>>) {
        *self.owner.lock().unwrap_or_else(PoisonError::into_inner) = owner;
    }

    /// Returns the thread that has the slot.
    pub(crate) fn owner(&self) -> Option<Arc<ThreadInfo>> {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("id", &self.id).finish_non_exhaustive()
    }
}
