//! Where a thread finds what it keeps: its table, and whether it is inside the runtime.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::Local;
use crate::callsite::Callsite;

/// Where the site with this number is to be looked for first, before the mask: in bytes, to save the hot path the shift.
pub(crate) fn slot(id: usize) -> u32 {
    // The high bits do not matter: a table is not that large.
    #[allow(clippy::cast_possible_truncation)]
    let slot = id.wrapping_mul(size_of::<Entry>()) as u32;
    slot
}

/// A place in a thread's table.
pub(super) struct Entry {
    /// Null in a free entry.
    pub(super) site: Cell<*const Callsite>,
    /// Owned by `owned::Parts::locals` of this thread.
    pub(super) local: Cell<*const Local>,
}

impl Entry {
    pub(super) const fn free() -> Self {
        Self { site: Cell::new(ptr::null()), local: Cell::new(ptr::null()) }
    }
}

/// The table of a thread that has none: one free entry.
struct NoEntries(Entry);

// SAFETY: it is never written to: `Owned::grow` replaces the table before anything is entered into it.
unsafe impl Sync for NoEntries {}

static NO_ENTRIES: NoEntries = NoEntries(Entry::free());

/// The table in `owned::Owned::table`, or [`NO_ENTRIES`].
#[derive(Clone, Copy)]
pub(super) struct Table {
    /// A power of two, of which at least half are free.
    pub(super) entries: *const Entry,
    /// The length in bytes, less one entry: what masks the [slot](Callsite::slot) of a site.
    pub(super) mask: usize,
}

impl Table {
    pub(super) const NONE: Self = Self { entries: &raw const NO_ENTRIES.0, mask: 0 };

    /// The entry at which `site` is looked for first.
    ///
    /// # Safety
    ///
    /// The table is one of this thread's [`Here`].
    #[inline(always)]
    unsafe fn first<'a>(self, site: &Callsite) -> &'a Entry {
        // SAFETY: a slot is a multiple of an entry's size, and so is the mask.
        unsafe { self.entry(site.slot() as usize & self.mask) }
    }

    /// The entry at this place, in bytes.
    ///
    /// # Safety
    ///
    /// The table is one of this thread's [`Here`]; `at` is a multiple of an entry's size, and at most the mask.
    #[inline(always)]
    unsafe fn entry<'a>(self, at: usize) -> &'a Entry {
        // SAFETY: `entries` are those of `Owned::table` of this thread, the last of which is at the mask. `Owned` replaces it
        // only together with `Here`'s, and clears it from there before it is dropped; they then are `NO_ENTRIES`, which is
        // one entry, and 0.
        unsafe { &*self.entries.byte_add(at) }
    }
}

/// The part of a thread's state that needs no destructor, so that it can be reached at any time and at no cost.
pub(super) struct Here {
    /// The thread's table, or none while the thread is inside the runtime: calls then take the long way, on which that is
    /// looked at.
    at_hand: Cell<Table>,
    /// The thread's table, which is changed from inside only.
    pub(super) table: Cell<Table>,
    /// This thread is inside the runtime; annotated code that it reaches from there, such as an allocator, is not
    /// measured.
    is_inside: Cell<bool>,
}

thread_local! {
    pub(super) static HERE: Here = const {
        Here { at_hand: Cell::new(Table::NONE), table: Cell::new(Table::NONE), is_inside: Cell::new(false) }
    };
}

impl Here {
    #[inline(always)]
    fn find(&self, site: &'static Callsite) -> Option<&Local> {
        let table = self.table.get();
        let mut at = site.slot() as usize & table.mask;
        loop {
            // SAFETY: as in `first`, and then the next, from the start again at the end.
            let entry = unsafe { table.entry(at) };
            if ptr::eq(entry.site.get(), site) {
                // SAFETY: the local of a filled entry is kept alive by this thread's `Parts` until its `Owned` is
                // dropped, and that clears the table first.
                return Some(unsafe { &*entry.local.get() });
            }
            if entry.site.get().is_null() {
                return None;
            }
            at = (at + size_of::<Entry>()) & table.mask;
        }
    }

    #[inline(always)]
    fn inside<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Restore<'a> {
            here: &'a Here,
            was_inside: bool,
        }
        impl Drop for Restore<'_> {
            #[inline(always)]
            fn drop(&mut self) {
                if !self.was_inside {
                    self.here.is_inside.set(false);
                    self.here.at_hand.set(self.here.table.get());
                }
            }
        }
        let _restore = Restore { here: self, was_inside: self.is_inside.replace(true) };
        self.at_hand.set(Table::NONE);
        f()
    }
}

/// What this thread keeps for `site`, if that is where it is looked for first.
#[inline(always)]
pub(crate) fn at_hand(site: &'static Callsite) -> Option<NonNull<Local>> {
    HERE.with(|here| {
        // SAFETY: it is.
        let entry = unsafe { here.at_hand.get().first(site) };
        match ptr::eq(entry.site.get(), site) {
            // SAFETY: a filled entry has a local.
            true => Some(unsafe { NonNull::new_unchecked(entry.local.get().cast_mut()) }),
            false => None,
        }
    })
}

/// What this thread keeps for `site`, if it has called it.
pub(crate) fn find<R>(site: &'static Callsite, f: impl FnOnce(Option<&Local>) -> R) -> R {
    HERE.with(|here| f(here.find(site)))
}

/// Runs `f` with this thread marked as inside the runtime.
pub(crate) fn inside<R>(f: impl FnOnce() -> R) -> R {
    HERE.with(|here| here.inside(f))
}

/// Runs `f` with this thread marked as inside the runtime, unless it is already.
#[inline(always)]
pub(crate) fn unless_inside<R>(f: impl FnOnce() -> R) -> Option<R> {
    // What `with` is given may be too much for the compiler to inline `with`.
    let here = HERE.with(ptr::from_ref);
    // SAFETY: a thread-local without a destructor is there as long as its thread, which is this one.
    let here = unsafe { &*here };
    if here.is_inside.get() { None } else { Some(here.inside(f)) }
}

/// Whether this thread is inside the runtime or one of its handlers.
pub(crate) fn is_inside() -> bool {
    HERE.with(|here| here.is_inside.get())
}
