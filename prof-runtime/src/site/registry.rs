//! The list of all call sites, which they enter before `main`.
//!
//! The platform runs the functions that a section of the program points to, and each annotated function has one there
//! ([`list!`](crate::__prof_list)), which links its call site into a list (Treiber, "Systems Programming: Coping with
//! Parallelism", 1986, of which only the push is needed). `inventory` does the same with a node and a trait object for
//! each site; here, the call site has the link itself. ARCHITECTURE has the measurement.
#![allow(unsafe_code)]

use std::iter::successors;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use crate::site::Callsite;

/// A call site's place in the list.
pub(crate) struct Link {
    /// Null at the end of the list, and while the site is not listed. Written once, before the site is published.
    next: AtomicPtr<Callsite>,
    /// Set when the site is listed, since a platform may run a constructor twice.
    is_listed: AtomicBool,
}

impl Link {
    pub(crate) const fn new() -> Self {
        Self { next: AtomicPtr::new(ptr::null_mut()), is_listed: AtomicBool::new(false) }
    }
}

/// The latest site. Stored with release and loaded with acquire, so that a reader sees the links behind it.
static FIRST: AtomicPtr<Callsite> = AtomicPtr::new(ptr::null_mut());

/// Enters a site into the list, unless it is listed already.
pub(crate) fn list(site: &'static Callsite) {
    let link = site.link();
    if link.is_listed.swap(true, Ordering::Relaxed) {
        return;
    }
    let new = ptr::from_ref(site).cast_mut();
    let mut first = FIRST.load(Ordering::Relaxed);
    loop {
        link.next.store(first, Ordering::Relaxed);
        // What was published before goes on being acquired through this one: a chain of exchanges is a release
        // sequence.
        match FIRST.compare_exchange_weak(first, new, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(other) => first = other,
        }
    }
}

/// Returns every site in the list, the latest first.
pub(crate) fn listed() -> impl Iterator<Item = &'static Callsite> {
    // SAFETY: a pointer in the list is null, or was made from the `&'static Callsite` given to `list`.
    let site = |pointer: *mut Callsite| unsafe { pointer.as_ref::<'static>() };
    successors(site(FIRST.load(Ordering::Acquire)), move |last| site(last.link().next.load(Ordering::Relaxed)))
}

/// Not public API: declares what enters the static `$site` into the list before `main`.
///
/// Where the platform has no such section, sites list themselves when they are first called.
#[doc(hidden)]
#[macro_export]
macro_rules! __prof_list {
    ($site:ident) => {
        extern "C" fn __prof_list() {
            $crate::__private::list(&$site)
        }
        #[used]
        #[cfg_attr(
            any(target_family = "wasm", all(unix, not(target_vendor = "apple")), target_os = "none",),
            unsafe(link_section = ".init_array")
        )]
        #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func,mod_init_funcs"))]
        #[cfg_attr(windows, unsafe(link_section = ".CRT$XCU"))]
        static __PROF_LISTED: extern "C" fn() = __prof_list;
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(name: &'static str) -> &'static Callsite {
        Box::leak(Box::new(Callsite::new(name, || "app::registry::item", "app", file!(), line!())))
    }

    fn count(of: &'static Callsite) -> usize {
        listed().filter(|site| ptr::eq(*site, of)).count()
    }

    #[test]
    fn a_site_that_is_listed_twice_is_there_once() {
        let site = site("twice");
        assert_eq!(count(site), 0);
        list(site);
        list(site);
        assert_eq!(count(site), 1);
    }

    #[test]
    fn sites_that_are_listed_at_the_same_time_are_all_there() {
        const THREADS: usize = 4;
        let sites: Vec<_> = (0..400).map(|_| site("together")).collect();
        std::thread::scope(|scope| {
            for chunk in sites.chunks(sites.len() / THREADS) {
                scope.spawn(|| chunk.iter().for_each(|site| list(site)));
            }
        });
        assert!(sites.iter().all(|site| count(site) == 1));
    }
}
