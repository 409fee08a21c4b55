//! An open-addressed table from addresses to addresses, which one thread reads and writes.
#![allow(unsafe_code)]

use std::ptr;

use crate::base::sync::OwnerCell;

/// Returns the home slot of the key with this number, as an unmasked byte offset: a multiple of the size of an entry,
/// which saves the hot path a shift.
pub(crate) fn home_slot(id: usize) -> u32 {
    // The mask drops the high bits anyway.
    #[allow(clippy::cast_possible_truncation)]
    let slot = id.wrapping_mul(size_of::<Entry>()) as u32;
    slot
}

/// An entry of a table.
pub(crate) struct Entry {
    /// The address of the key, [parked](PARKED) or not; null in a free entry.
    pub(crate) key: OwnerCell<*const ()>,
    pub(crate) value: OwnerCell<*const ()>,
}

/// The tag bit of a parked key. A lookup that compares whole keys misses a parked one; [`Table::find`] finds it.
pub(crate) const PARKED: usize = 1;

impl Entry {
    pub(crate) const fn free() -> Self {
        Self { key: OwnerCell::new(ptr::null()), value: OwnerCell::new(ptr::null()) }
    }

    /// Exchanges the contents of two entries.
    pub(crate) fn swap(&self, other: &Self) {
        let (key, value) = (self.key.get(), self.value.get());
        self.key.set(other.key.get());
        self.value.set(other.value.get());
        other.key.set(key);
        other.value.set(value);
    }

    /// Returns the key of the entry without its tag; null if the entry is free.
    pub(crate) fn unparked(&self) -> *const () {
        self.key.get().map_addr(|address| address & !PARKED)
    }

    /// Parks the key.
    pub(crate) fn park(&self) {
        self.key.set(self.key.get().map_addr(|address| address | PARKED));
    }
}

/// The table without entries in use: one free entry.
struct NoEntries(Entry);

// SAFETY: no thread writes to it: a thread makes a larger table before it adds an entry.
unsafe impl Sync for NoEntries {}

static NO_ENTRIES: NoEntries = NoEntries(Entry::free());

/// A pointer to a table of the thread, or to [`NO_ENTRIES`].
#[derive(Clone, Copy)]
pub(crate) struct Table {
    /// The first entry. Their number is a power of two, and at least half of them are free.
    entries: *const Entry,
    /// The length in bytes minus one entry; masks a home slot.
    mask: usize,
}

impl Table {
    pub(crate) const NONE: Self = Self { entries: &raw const NO_ENTRIES.0, mask: 0 };

    /// Points to `entries`, whose number is a power of two, or to none.
    pub(crate) fn of(entries: &[Entry]) -> Self {
        match entries.len() {
            0 => Self::NONE,
            len => Self { entries: entries.as_ptr(), mask: (len - 1) * size_of::<Entry>() },
        }
    }

    /// The entry in the home slot `slot`.
    ///
    /// # Safety
    ///
    /// The table is alive and this thread's; `slot` is a multiple of the size of an entry.
    #[inline(always)]
    pub(crate) unsafe fn home<'a>(self, slot: u32) -> &'a Entry {
        // SAFETY: the mask is a multiple of the size of an entry, too.
        unsafe { self.entry(slot as usize & self.mask) }
    }

    /// The entry at the byte offset `at`.
    ///
    /// # Safety
    ///
    /// The table is alive and this thread's; `at` is a multiple of the size of an entry, and at most the mask.
    #[inline(always)]
    unsafe fn entry<'a>(self, at: usize) -> &'a Entry {
        // SAFETY: the last entry is at the mask.
        unsafe { &*self.entries.wrapping_byte_add(at) }
    }

    /// The entry of `key`, parked or not.
    ///
    /// # Safety
    ///
    /// The table is alive and this thread's; `slot` is the home slot of `key`.
    pub(crate) unsafe fn find<'a>(self, key: *const (), slot: u32) -> Option<&'a Entry> {
        let mut at = slot as usize & self.mask;
        loop {
            // SAFETY: a slot is a multiple of the size of an entry, and so is the mask.
            let entry = unsafe { self.entry(at) };
            let found = entry.unparked();
            if ptr::eq(found, key) {
                return Some(entry);
            }
            if found.is_null() {
                return None;
            }
            at = (at + size_of::<Entry>()) & self.mask;
        }
    }
}
