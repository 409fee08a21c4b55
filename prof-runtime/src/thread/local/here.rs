//! The thread-local fast state: a thread's table of call sites, and whether it is inside the runtime or has scoped
//! handlers.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Local;
use crate::base::sync::OwnerCell;
use crate::site::Callsite;

/// Home slot of the site with this number, as an unmasked byte offset: a multiple of an entry's size, which saves the hot
/// path a shift.
pub(crate) fn slot(id: usize) -> u32 {
    // The mask drops the high bits anyway.
    #[allow(clippy::cast_possible_truncation)]
    let slot = id.wrapping_mul(size_of::<Entry>()) as u32;
    slot
}

/// An entry of a thread's table.
pub(super) struct Entry {
    /// The address of the site, [parked](PARKED) or not; null in a free entry.
    pub(super) site: OwnerCell<*const Callsite>,
    /// Owned by `state::Parts::locals` of this thread.
    pub(super) local: OwnerCell<*const Local>,
}

/// Tag bit on the address of a site in a table: no handler outside of scopes receives its calls. [`cached`] does not
/// find such a site, so that the next call takes the slow path and is not measured in vain.
const PARKED: usize = 1;

const _: () = assert!(align_of::<Callsite>() > PARKED);

impl Entry {
    pub(super) const fn free() -> Self {
        Self { site: OwnerCell::new(ptr::null()), local: OwnerCell::new(ptr::null()) }
    }

    fn swap(&self, other: &Self) {
        let (site, local) = (self.site.get(), self.local.get());
        self.site.set(other.site.get());
        self.local.set(other.local.get());
        other.site.set(site);
        other.local.set(local);
    }

    /// The site of the entry, parked or not; null if it is free.
    pub(super) fn unparked(&self) -> *const Callsite {
        self.site.get().map_addr(|address| address & !PARKED)
    }
}

/// The table of a thread before its first entry: one free entry.
struct NoEntries(Entry);

// SAFETY: it is never written to: `ThreadState::grow` replaces the table before anything is entered into it.
unsafe impl Sync for NoEntries {}

static NO_ENTRIES: NoEntries = NoEntries(Entry::free());

/// The table in `state::ThreadState::table`, or [`NO_ENTRIES`].
#[derive(Clone, Copy)]
pub(super) struct Table {
    /// A power of two, of which at least half are free.
    pub(super) entries: *const Entry,
    /// The length in bytes minus one entry; masks the [slot](Callsite::slot) of a site.
    pub(super) mask: usize,
}

impl Table {
    pub(super) const NONE: Self = Self { entries: &raw const NO_ENTRIES.0, mask: 0 };

    /// The entry at the byte offset `at`.
    ///
    /// # Safety
    ///
    /// The table is one of this thread's [`Here`]; `at` is a multiple of an entry's size, and at most the mask.
    #[inline(always)]
    unsafe fn entry<'a>(self, at: usize) -> &'a Entry {
        // SAFETY: `entries` are those of the state of this thread, the last of which is at the mask. The state replaces its
        // table only together with `Here`'s, and is taken from there before another thread gets it; they then are
        // `NO_ENTRIES`, which is one entry, and 0.
        unsafe { &*self.entries.wrapping_byte_add(at) }
    }

    /// The entry of `site`, parked or not.
    ///
    /// # Safety
    ///
    /// The table is one of this thread's [`Here`].
    unsafe fn find<'a>(self, site: &'static Callsite) -> Option<&'a Entry> {
        let mut at = site.slot() as usize & self.mask;
        loop {
            // SAFETY: a slot is a multiple of an entry's size, and so is the mask.
            let entry = unsafe { self.entry(at) };
            let found = entry.unparked();
            if ptr::eq(found, site) {
                return Some(entry);
            }
            if found.is_null() {
                return None;
            }
            at = (at + size_of::<Entry>()) & self.mask;
        }
    }
}

/// The part of a thread's state without a destructor: reachable also while the thread ends, and without a check.
struct Here {
    /// `table`, or [`Table::NONE`] while the thread is inside the runtime or has a scoped handler. Calls then miss and
    /// take the slow path, which checks for both.
    cached: OwnerCell<Table>,
    /// The thread's table. Changed only while `is_inside`, when `cached` is empty.
    table: OwnerCell<Table>,
    /// This thread is inside the runtime; annotated code that it reaches from there, such as an allocator, is not
    /// measured.
    is_inside: OwnerCell<bool>,
    /// How many scoped handlers this thread has.
    scopes: OwnerCell<u32>,
    /// How many calls did not find their site in its home slot. Wraps.
    misses: OwnerCell<u32>,
}

/// After so many misses, the site that was missed takes its home slot from the one that is there. Not each time: two sites
/// that are called in turn would take it from each other for ever.
const MISSES_PER_MOVE: u32 = 16;

thread_local! {
    static HERE: Here = const {
        Here {
            cached: OwnerCell::new(Table::NONE),
            table: OwnerCell::new(Table::NONE),
            is_inside: OwnerCell::new(false),
            scopes: OwnerCell::new(0),
            misses: OwnerCell::new(0),
        }
    };
}

/// This thread's [`Here`].
#[inline(always)]
fn here<'a>() -> &'a Here {
    // Passes `with` as little as possible: a larger closure may keep it from being inlined.
    let here = HERE.with(ptr::from_ref);
    // SAFETY: a thread-local without a destructor is there as long as its thread, which is this one.
    unsafe { &*here }
}

impl Here {
    fn find(&self, site: &'static Callsite) -> Option<&Entry> {
        // SAFETY: it is this thread's table.
        unsafe { self.table.get().find(site) }
    }

    /// Counts a call that did not find `site` in its home slot but at `entry`, and moves the site there now and then: a state
    /// that was another thread's has sites in its table that this one may never call.
    fn count_miss(&self, site: &'static Callsite, entry: &Entry) {
        let misses = self.misses.get().wrapping_add(1);
        self.misses.set(misses);
        if misses.is_multiple_of(MISSES_PER_MOVE) {
            let table = self.table.get();
            // SAFETY: the table is this thread's; a slot is a multiple of an entry's size, and so is the mask.
            let home = unsafe { table.entry(site.slot() as usize & table.mask) };
            // The site in the home slot is still found: between its own home slot and `entry`, no entry is free.
            entry.swap(home);
        }
    }

    /// Marks the thread as inside the runtime; returns whether it was.
    #[inline(always)]
    fn enter(&self) -> bool {
        let was_inside = self.is_inside.get();
        self.is_inside.set(true);
        self.cached.set(Table::NONE);
        was_inside
    }

    /// Marks the thread as outside of the runtime again, unless it `was_inside`.
    #[inline(always)]
    fn leave(&self, was_inside: bool) {
        if !was_inside {
            self.is_inside.set(false);
            self.cache();
        }
    }

    #[inline(always)]
    fn cache(&self) {
        if self.scopes.get() == 0 {
            self.cached.set(self.table.get());
        }
    }
}

/// Replaces this thread's table, from inside.
pub(super) fn set_table(table: Table) {
    here().table.set(table);
}

/// Marks this thread as inside the runtime until it is dropped.
pub(crate) struct Inside {
    was_inside: bool,
    /// Of the thread that made it; as a raw pointer, it keeps `Inside` from being `Send`.
    here: *const Here,
}

impl Inside {
    #[inline(always)]
    pub(crate) fn enter() -> Self {
        let here = here();
        Self { was_inside: here.enter(), here }
    }
}

impl Drop for Inside {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: as in `here`: this is the thread that it came from, as it is not `Send`.
        unsafe { &*self.here }.leave(self.was_inside);
    }
}

/// Runs `f` with this thread marked as inside the runtime.
#[inline(always)]
pub(crate) fn inside<R>(f: impl FnOnce() -> R) -> R {
    let _inside = Inside::enter();
    f()
}

/// Runs `f` with this thread marked as inside the runtime, unless it is already.
#[inline(always)]
pub(crate) fn unless_inside<R>(f: impl FnOnce() -> R) -> Option<R> {
    let here = here();
    if here.is_inside.get() {
        return None;
    }
    let _inside = Inside { was_inside: here.enter(), here };
    Some(f())
}

/// Whether this thread is inside the runtime or one of its handlers.
#[inline(always)]
pub(crate) fn is_inside() -> bool {
    here().is_inside.get()
}

/// Whether this thread has a scoped handler.
#[inline(always)]
pub(crate) fn is_scoped() -> bool {
    here().scopes.get() != 0
}

/// Records that this thread has one scoped handler more.
pub(crate) fn enter_scope() {
    let here = here();
    here.scopes.set(here.scopes.get() + 1);
    here.cached.set(Table::NONE);
}

/// Records that this thread has one scoped handler less.
pub(crate) fn leave_scope() {
    let here = here();
    here.scopes.set(here.scopes.get() - 1);
    if !here.is_inside.get() {
        here.cache();
    }
}

/// This thread's local of `site`, if it is in its home slot and not parked, and the thread is neither inside the
/// runtime nor scoped.
#[inline(always)]
pub(crate) fn cached(site: &'static Callsite) -> Option<NonNull<Local>> {
    let table = here().cached.get();
    // SAFETY: the table is this thread's; a slot is a multiple of an entry's size, and so is the mask.
    let entry = unsafe { table.entry(site.slot() as usize & table.mask) };
    match ptr::eq(entry.site.get(), site) {
        // SAFETY: a filled entry has a local, which is kept alive by the state of this thread.
        true => Some(NonNull::from(unsafe { &*entry.local.get() })),
        false => None,
    }
}

/// Runs `f` on this thread's local of `site`, which is `None` before the thread's first measured call.
pub(crate) fn find<R>(site: &'static Callsite, f: impl FnOnce(Option<&Local>) -> R) -> R {
    // SAFETY: as in `cached`.
    f(here().find(site).map(|entry| unsafe { &*entry.local.get() }))
}

/// Unparks the site and runs `f` on its local, for a call that a handler receives: [`cached`] may find the next one.
pub(crate) fn find_unparked<R>(site: &'static Callsite, f: impl FnOnce(&Local) -> R) -> Option<R> {
    let here = here();
    let entry = here.find(site)?;
    entry.site.set(site);
    // SAFETY: as in `cached`.
    let local = unsafe { &*entry.local.get() };
    if here.scopes.get() == 0 {
        here.count_miss(site, entry);
    }
    Some(f(local))
}

/// Parks the site in this thread's table, if the thread has called it.
pub(crate) fn park(site: &'static Callsite) {
    if let Some(entry) = here().find(site) {
        entry.site.set(ptr::from_ref(site).map_addr(|address| address | PARKED));
    }
}

/// A locked mutex. The thread is inside the runtime while it holds the lock: annotated code that runs meanwhile, such
/// as an allocator, is not measured and takes no lock.
pub(crate) struct Locked<'a, T> {
    // Unlocked before the thread leaves the runtime.
    value: MutexGuard<'a, T>,
    _inside: Inside,
}

impl<T> std::ops::Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> std::ops::DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// Locks a mutex and ignores poisoning: this crate leaves no data half-changed when it panics.
///
/// All locks of this crate are taken by this, since what is done under them may allocate. No code of the user's is to be called
/// under one: a handler would not be measured, but could wait for the same lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Locked<'_, T> {
    // Before the wait, which may allocate as well.
    let inside = Inside::enter();
    #[allow(clippy::disallowed_methods)] // This is the one place.
    let value = mutex.lock();
    Locked { value: value.unwrap_or_else(PoisonError::into_inner), _inside: inside }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::thread::local::add;

    #[test]
    fn every_site_is_found_whichever_took_the_home_slot_of_another() {
        const SITES: usize = 40;
        // Three of each four share a home slot with others, in a table of any size up to 64.
        let id = |n: usize| if n.is_multiple_of(4) { n } else { 64 * n + n % 3 };
        let sites: Vec<&'static Callsite> = (0..SITES)
            .map(|n| {
                let site = Box::leak(Box::new(Callsite::new("f", || "app::f::item", "app", file!(), line!())));
                site.introduce(id(n), 0);
                &*site
            })
            .collect();
        for site in &sites {
            assert!(add(site, |local| ptr::eq(local.site(), *site)).unwrap());
        }
        let mut random = 1_usize;
        for round in 0..10_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // More often than not one of a few, which end up in their home slots.
            let chosen = if round % 4 == 0 { random >> 33 } else { (random >> 33) % 5 };
            let site = sites[chosen % SITES];
            if round % 7 == 0 {
                park(site);
            }
            assert!(find_unparked(site, |local| ptr::eq(local.site(), site)).unwrap());
        }
        // One that is called alone is in its home slot before long.
        for _ in 0..MISSES_PER_MOVE {
            find_unparked(sites[1], |_| ()).unwrap();
        }
        assert!(cached(sites[1]).is_some());
    }
}
