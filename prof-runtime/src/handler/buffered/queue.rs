//! The queue of a `BufferedHandler`: how items are put in, and what happens when it is full.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::ThreadId;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded, select};

use super::item::Item;
use super::room::Room;
use super::work::{FlushRequest, Work};
use crate::base::background::BackgroundThread;
use crate::base::exit;
use crate::base::lock;
use crate::handler::GuardedHandler;
use crate::handler::losses::{HandlerLosses, LossUnit};

/// What gives way when the queue of a [`BufferedHandler`](super::BufferedHandler) is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WhenFull {
    /// The annotated function waits for room. Nothing is dropped before the end.
    Block,
    /// The new item is dropped, and the queued items stay.
    DropNewest,
    /// The item that has waited longest is dropped to make room for the new one.
    DropOldest,
}

/// The bounds of the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most items.
    pub(super) capacity: NonZeroUsize,
    /// The most bytes of names and records.
    pub(super) max_bytes: usize,
}

/// The state that both sides of the queue share.
#[derive(Debug)]
pub(super) struct State {
    /// Whether the queue is closed: nothing more is put in.
    is_closed: AtomicBool,
    /// Whether the queue is abandoned: nothing more is passed on. A thread that puts something in after that takes it
    /// out again: the store comes before the closer's last look into the queue, and the load after the putter's send,
    /// all sequentially consistent through the channel's own fences.
    is_abandoned: AtomicBool,
    in_hand: InHand,
    /// How often the inner handler has returned, from an item or from a flush. Guards no other data.
    returns: AtomicU64,
    pub(super) losses: HandlerLosses,
    room: Room,
}

/// The item that the queue's thread is passing on: the number of its unit, or 0.
///
/// The thread that sets it back to 0 decides what becomes of the item. The queue's thread takes an item up before it
/// looks whether the queue is abandoned, and a thread that abandons the queue says so before it looks here. So one of
/// them sees the other.
#[derive(Debug, Default)]
struct InHand(AtomicU8);

impl InHand {
    const UNITS: [LossUnit; 3] = [LossUnit::Calls, LossUnit::DataPoints, LossUnit::Records];

    fn set(&self, unit: LossUnit) {
        let number = Self::UNITS.iter().zip(1..).find(|(known, _)| **known == unit).map_or(0, |(_, number)| number);
        self.0.store(number, Ordering::SeqCst);
    }

    /// `None` if another thread has taken it.
    fn take(&self) -> Option<LossUnit> {
        let number = self.0.swap(0, Ordering::SeqCst);
        Self::UNITS.get(usize::from(number).checked_sub(1)?).copied()
    }
}

impl State {
    /// Counts a return of the inner handler.
    pub(super) fn count_return(&self) {
        self.returns.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes an item up to pass it on. Returns false if the queue is abandoned, so that it must not.
    pub(super) fn take_up(&self, item: &Item) -> bool {
        self.in_hand.set(item.unit());
        if self.is_abandoned() {
            self.put_down(item, false);
            return false;
        }
        true
    }

    /// Puts an item down that was taken up. Counts it as lost unless it was passed on, or is counted already.
    pub(super) fn put_down(&self, item: &Item, was_handed_on: bool) {
        if self.in_hand.take().is_some() && !was_handed_on {
            self.lose(item.unit());
        }
        self.release(item);
    }

    /// Counts one item as lost.
    pub(super) fn lose(&self, unit: LossUnit) {
        self.losses.of_unit(unit).add(1);
    }

    /// Gives back the room of an item that left the queue.
    pub(super) fn release(&self, item: &Item) {
        self.room.release(item.bytes());
    }

    /// Counts an item as lost that has room in the queue already.
    fn drop_item(&self, item: &Item) {
        self.lose(item.unit());
        self.release(item);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::SeqCst)
    }
}

pub(super) struct Queue {
    items: Sender<Item>,
    /// The receiving end, to take out the oldest item.
    others: Receiver<Item>,
    when_full: WhenFull,
    state: Arc<State>,
    /// Dropped when the queue is abandoned, which wakes threads that wait for room.
    abandon: Mutex<Option<Sender<Infallible>>>,
    abandoned: Receiver<Infallible>,
    /// Disconnected once the queue's thread is gone, for any reason.
    thread_done: Receiver<Infallible>,
    thread: Option<ThreadId>,
}

impl Queue {
    pub(super) fn new(limits: Limits, when_full: WhenFull, losses: HandlerLosses) -> Self {
        let (items, others) = bounded(limits.capacity.get());
        let (abandon, abandoned) = bounded(0);
        let (flags, room) = ((AtomicBool::new(false), AtomicBool::new(false)), Room::new(limits.max_bytes));
        Self {
            items,
            others,
            when_full,
            state: Arc::new(State {
                is_closed: flags.0,
                is_abandoned: flags.1,
                in_hand: InHand::default(),
                returns: AtomicU64::new(0),
                losses,
                room,
            }),
            abandon: Mutex::new(Some(abandon)),
            abandoned,
            thread_done: crossbeam_channel::never(),
            thread: None,
        }
    }

    /// Returns the work of the queue's thread.
    pub(super) fn work(
        &self,
        handler: Arc<GuardedHandler>,
        flushes: Receiver<FlushRequest>,
        flush_every: Option<Duration>,
    ) -> Work {
        Work::new(self.others.clone(), flushes, handler, Arc::clone(&self.state), flush_every)
    }

    pub(super) fn with_thread(mut self, thread: &BackgroundThread) -> Self {
        self.thread_done = thread.done().clone();
        self.thread = Some(thread.thread());
        self
    }

    /// Returns how often the inner handler has returned.
    pub(super) fn returns(&self) -> u64 {
        self.state.returns.load(Ordering::Relaxed)
    }

    pub(super) fn losses(&self) -> &HandlerLosses {
        &self.state.losses
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns how many bytes the names and records in the queue take.
    pub(super) fn bytes(&self) -> usize {
        self.state.room.used()
    }

    /// Returns whether a thread takes items out: one that exits the process does not come back.
    pub(super) fn is_alive(&self) -> bool {
        !self.thread.is_some_and(exit::is_exiting) && self.thread_done.try_recv() != Err(TryRecvError::Disconnected)
    }

    /// Puts an item of a unit in that takes `bytes` of the room, or counts it as dropped.
    pub(super) fn put(&self, unit: LossUnit, bytes: usize, item: impl FnOnce() -> Item) {
        if self.state.is_closed.load(Ordering::Relaxed) {
            return self.state.lose(unit);
        }
        if !self.state.room.take(bytes) && !self.make_room(bytes) {
            return self.state.lose(unit);
        }
        match self.items.try_send(item()) {
            Ok(()) => {}
            Err(TrySendError::Full(item)) => self.put_into_full(item),
            Err(TrySendError::Disconnected(item)) => self.state.drop_item(&item),
        }
        if self.state.is_abandoned() {
            self.drop_queued();
        }
    }

    /// Reserves `bytes` of the room, and makes room first as [`WhenFull`] says. Returns whether it did.
    #[cold]
    fn make_room(&self, bytes: usize) -> bool {
        match self.when_full {
            _ if !self.state.room.can_hold(bytes) => false,
            WhenFull::DropNewest => false,
            WhenFull::DropOldest => self.drop_oldest_for(bytes),
            WhenFull::Block => {
                self.state.room.begin_waiting();
                let is_taken = self.wait_for(bytes);
                self.state.room.end_waiting();
                is_taken
            }
        }
    }

    fn drop_oldest_for(&self, bytes: usize) -> bool {
        loop {
            match self.others.try_recv() {
                Ok(oldest) => self.state.drop_item(&oldest),
                // What has room and is not queued is about to be, by another thread, or is just being handed on.
                Err(_) => return self.state.room.take(bytes),
            }
            if self.state.room.take(bytes) {
                return true;
            }
        }
    }

    fn wait_for(&self, bytes: usize) -> bool {
        loop {
            if self.state.room.take(bytes) {
                return true;
            }
            if !self.is_alive() {
                // Nothing would ever make room.
                return false;
            }
            select! {
                recv(self.state.room.woken()) -> _ => {}
                recv(self.abandoned) -> _ => return false,
                recv(self.thread_done) -> _ => return false,
            }
        }
    }

    #[cold]
    fn put_into_full(&self, item: Item) {
        let (unit, bytes) = (item.unit(), item.bytes());
        let drop_it = || {
            self.state.lose(unit);
            self.state.room.release(bytes);
        };
        match self.when_full {
            WhenFull::DropNewest => drop_it(),
            WhenFull::DropOldest => self.put_for_oldest(item),
            // Nothing would ever make room.
            WhenFull::Block if !self.is_alive() => drop_it(),
            WhenFull::Block => select! {
                send(self.items, item) -> sent => if sent.is_err() { drop_it() },
                recv(self.abandoned) -> _ => drop_it(),
                recv(self.thread_done) -> _ => drop_it(),
            },
        }
    }

    fn put_for_oldest(&self, mut item: Item) {
        loop {
            // The queue's thread may have taken the oldest item meanwhile.
            if let Ok(oldest) = self.others.try_recv() {
                self.state.drop_item(&oldest);
            }
            item = match self.items.try_send(item) {
                Ok(()) => return,
                Err(TrySendError::Full(item)) => item,
                Err(TrySendError::Disconnected(item)) => return self.state.drop_item(&item),
            };
        }
    }

    /// Closes the queue.
    pub(super) fn close(&self) {
        self.state.is_closed.store(true, Ordering::SeqCst);
    }

    /// Abandons the queued items and the one that is being passed on, and wakes threads that wait for room.
    pub(super) fn abandon(&self) {
        self.state.is_abandoned.store(true, Ordering::SeqCst);
        if let Some(unit) = self.state.in_hand.take() {
            self.state.lose(unit);
        }
        drop(lock(&self.abandon).take());
        self.drop_queued();
    }

    fn drop_queued(&self) {
        self.others.try_iter().for_each(|item| self.state.drop_item(&item));
    }
}
