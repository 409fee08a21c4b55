//! Finds this thread's state of a call site, in the table of [`reentrancy`].
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use super::SiteState;
use crate::base::reentrancy::{self, is_scoped};
use crate::base::table::{Entry, PARKED};
use crate::site::Callsite;

// A site is parked if no handler outside of scopes receives its calls. `cached` does not find it, so that the next call
// takes the slow path, which does not measure it.
const _: () = assert!(align_of::<Callsite>() > PARKED);

/// The number of misses after which the missed site takes its home slot from the site in it. Not at each miss: two
/// sites that are called in turn would move at each call.
const MISSES_PER_MOVE: u32 = 16;

/// Returns the key of a site in a table.
#[inline(always)]
pub(super) fn key(site: &'static Callsite) -> *const () {
    ptr::from_ref(site).cast()
}

fn entry(site: &'static Callsite) -> Option<&'static Entry> {
    // SAFETY: the table is this thread's, and is replaced here before it is freed.
    unsafe { reentrancy::table().find(key(site), site.slot()) }
}

/// Returns the site state of a filled entry.
///
/// # Safety
///
/// The entry is in this thread's table. The reference is not used after the state of the thread is freed.
#[inline(always)]
unsafe fn state_at<'a>(entry: &Entry) -> &'a SiteState {
    // SAFETY: a filled entry leads to a state.
    unsafe { &*entry.value.get().cast::<SiteState>() }
}

/// Counts a call that found `site` at `entry` and not in its home slot. Moves the site to its home slot from time to
/// time: a table from the pool contains sites that this thread may never call.
fn count_miss(site: &'static Callsite, entry: &Entry) {
    if reentrancy::count_miss().is_multiple_of(MISSES_PER_MOVE) {
        // SAFETY: the table is this thread's; a site's slot is a multiple of the size of an entry.
        let home = unsafe { reentrancy::table().home(site.slot()) };
        // The site in the home slot is still found: between its own home slot and `entry`, no entry is free.
        entry.swap(home);
    }
}

/// Returns this thread's state of `site`, if it is in its home slot and not parked, and the thread is neither inside
/// the runtime nor scoped.
#[inline(always)]
pub(crate) fn cached(site: &'static Callsite) -> Option<NonNull<SiteState>> {
    // SAFETY: the table is this thread's; a site's slot is a multiple of the size of an entry.
    let entry = unsafe { reentrancy::cached_table().home(site.slot()) };
    match ptr::eq(entry.key.get(), key(site)) {
        // SAFETY: the entry is filled, and one of this thread's table.
        true => Some(NonNull::from(unsafe { state_at(entry) })),
        false => None,
    }
}

/// Runs `f` on this thread's state of `site`, which is `None` before the thread's first measured call.
pub(crate) fn find<R>(site: &'static Callsite, f: impl FnOnce(Option<&SiteState>) -> R) -> R {
    // SAFETY: as in `cached`.
    f(entry(site).map(|entry| unsafe { state_at(entry) }))
}

/// Unparks the site and runs `f` on its state, for a call that a handler receives: [`cached`] may find the next one.
pub(crate) fn find_unparked<R>(site: &'static Callsite, f: impl FnOnce(&SiteState) -> R) -> Option<R> {
    let entry = entry(site)?;
    entry.key.set(key(site));
    // SAFETY: as in `cached`.
    let state = unsafe { state_at(entry) };
    if !is_scoped() {
        count_miss(site, entry);
    }
    Some(f(state))
}

/// Parks the site in this thread's table, if the thread has called it.
pub(crate) fn park(site: &'static Callsite) {
    if let Some(entry) = entry(site) {
        entry.park();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::thread::add;

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
            assert!(add(site, |state| ptr::eq(state.site(), *site)).unwrap());
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
            assert!(find_unparked(site, |state| ptr::eq(state.site(), site)).unwrap());
        }
        // One that is called alone is in its home slot before long.
        for _ in 0..MISSES_PER_MOVE {
            find_unparked(sites[1], |_| ()).unwrap();
        }
        assert!(cached(sites[1]).is_some());
    }
}
