//! The slot that a thread writes to.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ptr;

use super::domain::{Domain, Shared};
use super::slot::Slot;

thread_local! {
    /// The slot that guards of this thread use. Without a destructor, so it can be read until the thread has ended.
    static CURRENT: Cell<Option<&'static Slot>> = const { Cell::new(None) };

    /// All slots of this thread, one for each domain that it has been in.
    static OWNED: RefCell<Owned> = const { RefCell::new(Owned(Vec::new())) };
}

/// Returns the slots when the thread ends.
struct Owned(Vec<&'static Slot>);

impl Drop for Owned {
    fn drop(&mut self) {
        CURRENT.set(None);
        for slot in self.0.drain(..) {
            slot.shared.give_slot_back(slot);
        }
    }
}

/// Returns the calling thread's slot in its present domain. None once its thread-local values are destroyed.
#[inline]
pub(super) fn current() -> Option<&'static Slot> {
    match CURRENT.get() {
        None => attach(),
        some => some,
    }
}

/// Gives the thread a slot in the global domain, at its first guard.
#[cold]
fn attach() -> Option<&'static Slot> {
    let slot = in_domain(Domain::global().shared())?;
    CURRENT.set(Some(slot));
    Some(slot)
}

/// Returns the calling thread's slot in a domain.
pub(super) fn in_domain(shared: &'static Shared) -> Option<&'static Slot> {
    if let Some(slot) = CURRENT.get().filter(|slot| ptr::eq(slot.shared, shared)) {
        return Some(slot);
    }
    let slot = OWNED.try_with(|owned| {
        let mut owned = owned.borrow_mut();
        let known = owned.0.iter().find(|slot| ptr::eq(slot.shared, shared));
        if let Some(slot) = known {
            return *slot;
        }
        let slot = shared.take_slot();
        owned.0.push(slot);
        slot
    });
    slot.ok()
}

/// Puts the calling thread into a domain.
pub(super) fn enter(shared: &'static Shared) -> Entered {
    let before = CURRENT.get();
    CURRENT.set(in_domain(shared));
    Entered { before, stays_on_thread: PhantomData }
}

/// Keeps a thread in a [`Domain`].
#[derive(Debug)]
#[must_use = "the thread leaves the domain when this value is dropped"]
pub struct Entered {
    before: Option<&'static Slot>,
    stays_on_thread: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Once the slots are returned, the thread is in no domain.
        if OWNED.try_with(|_| ()).is_ok() {
            CURRENT.set(self.before);
        }
    }
}
