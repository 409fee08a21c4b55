//! Which contexts the present thread is in.

use std::{cell::RefCell, sync::Arc};

use super::entry::{Entry, Shared};

thread_local! {
    /// The entries that this thread is in, the innermost last. It is borrowed by code of this file only, which runs
    /// nothing of the user's meanwhile (dropping a context would: it drops `on_exit`).
    static ENTERED: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug)]
struct Entered {
    shared: Arc<Shared>,
    is_outermost: bool,
}

/// While it lives, the present thread is in an entry. Bound to its thread by the pointer, which is not `Send`.
#[derive(Debug)]
pub(super) struct Presence {
    /// Which context, for comparison only.
    shared: *const Shared,
    is_outermost: bool,
}

impl Presence {
    /// Puts the thread into the entry. While the thread's locals are being destroyed this does nothing.
    pub(super) fn new(entry: &Entry) -> Self {
        let (shared, is_outermost) = (entry.shared(), entry.is_outermost());
        let entered = Entered { shared: Arc::clone(shared), is_outermost };
        let _ = ENTERED.try_with(|stack| stack.borrow_mut().push(entered));
        Self { shared: Arc::as_ptr(shared), is_outermost }
    }

    fn is(&self, entered: &Entered) -> bool {
        Arc::as_ptr(&entered.shared) == self.shared && entered.is_outermost == self.is_outermost
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Searched from the end, not popped, because guards may be dropped in any order.
        let removed = ENTERED.try_with(|stack| {
            let mut stack = stack.borrow_mut();
            let index = stack.iter().rposition(|entered| self.is(entered))?;
            Some(stack.remove(index))
        });
        drop(removed);
    }
}

/// The entries of one context that the present thread is in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EntriesHere {
    pub(super) count: usize,
    /// Whether the outermost is among them.
    pub(super) is_outermost: bool,
}

pub(super) fn entries_here(shared: &Arc<Shared>) -> EntriesHere {
    let count = |stack: &RefCell<Vec<Entered>>| {
        let stack = stack.borrow();
        let of_context = stack.iter().filter(|entered| Arc::ptr_eq(&entered.shared, shared));
        of_context.fold(EntriesHere::default(), |here, entered| EntriesHere {
            count: here.count + 1,
            is_outermost: here.is_outermost || entered.is_outermost,
        })
    };
    ENTERED.try_with(count).unwrap_or_default()
}

/// Returns the context of the innermost entry of this thread.
pub(super) fn innermost() -> Option<Arc<Shared>> {
    ENTERED.try_with(|stack| stack.borrow().last().map(|entered| Arc::clone(&entered.shared))).ok().flatten()
}
