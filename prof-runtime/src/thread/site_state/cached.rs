//! What a thread caches for one call site: its shares of aggregators, and the handlers of the site's group.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ptr;
use std::sync::Arc;

use super::{Nested, SiteState};
use crate::base::clock::TscScale;
use crate::base::sync::OwnerCell;
use crate::counts::Stats;
use crate::site::Route;
use crate::thread::Handlers;

/// Fields that only the owning thread touches. Plain cells, so that the compiler can use them as memory operands.
pub(super) struct OwnerOnly {
    /// The calls in progress that are not inline, the innermost last.
    pub(super) nested: RefCell<Vec<Nested>>,
    /// The word of the route on which a call [takes the fast path](SiteState::takes_fast_path): `cached_route`, or
    /// [`NO_ROUTE`] while a call is nested, or if the clock is not the time stamp counter.
    fast_route: OwnerCell<u64>,
    /// The same for the cached handlers: `handlers_route`, or [`NO_ROUTE`].
    fast_handlers_route: OwnerCell<u64>,
    /// The length of a tick of the time stamp counter: a copy of the value of the process.
    pub(super) tsc_scale: TscScale,
    /// The word of the route to the aggregator that `stats` belongs to; [`NO_ROUTE`] without stats.
    cached_route: OwnerCell<u64>,
    /// One of `all_stats`.
    stats: OwnerCell<*const Stats>,
    /// The thread's share of each aggregator, as a list through [`Stats::next`]. `Parts::stats` of the thread's state
    /// owns them.
    all_stats: OwnerCell<*const Stats>,
    /// The word of the route to `handlers`; [`NO_ROUTE`] without any.
    handlers_route: OwnerCell<u64>,
    /// Owned by `ThreadState::cached_handlers`.
    handlers: OwnerCell<*const Handlers>,
}

// SAFETY: only the thread that owns the state calls what uses these fields. Other threads, which find the state in
// `all_states::ALL`, call `in_flight`.
unsafe impl Send for OwnerOnly {}
// SAFETY: as above.
unsafe impl Sync for OwnerOnly {}

/// The word of no route.
const NO_ROUTE: u64 = u64::MAX;

impl OwnerOnly {
    pub(super) fn new() -> Self {
        Self {
            nested: RefCell::default(),
            fast_route: OwnerCell::new(NO_ROUTE),
            fast_handlers_route: OwnerCell::new(NO_ROUTE),
            tsc_scale: TscScale::get(),
            cached_route: OwnerCell::new(NO_ROUTE),
            stats: OwnerCell::new(ptr::null()),
            all_stats: OwnerCell::new(ptr::null()),
            handlers_route: OwnerCell::new(NO_ROUTE),
            handlers: OwnerCell::new(ptr::null()),
        }
    }

    /// Sends calls to the slow path, until [`SiteState::set_fast_routes`] is called.
    pub(super) fn clear_fast_routes(&self) {
        self.fast_route.set(NO_ROUTE);
        self.fast_handlers_route.set(NO_ROUTE);
    }
}

/// The owning thread alone calls these.
impl SiteState {
    /// Returns whether a call that ends takes the fast path to an aggregator: this thread's [`stats`](Self::stats) of
    /// the only handler on `route` are cached, and the call is [the outermost](Self::is_outermost).
    #[inline(always)]
    pub(crate) fn takes_fast_path(&self, route: Route) -> bool {
        self.owner_only.fast_route.get() == route.word()
    }

    /// Returns whether a call that ends takes the fast path to handlers: those on `route` are cached, and the call is
    /// [the outermost](Self::is_outermost).
    #[inline(always)]
    pub(crate) fn takes_fast_path_to_handlers(&self, route: Route) -> bool {
        self.owner_only.fast_handlers_route.get() == route.word()
    }

    /// Lets calls that end take the fast path, if the conditions for it hold.
    pub(super) fn set_fast_routes(&self) {
        let own = &self.owner_only;
        let (route, handlers_route) = match self.is_outermost() {
            true => (own.cached_route.get(), own.handlers_route.get()),
            false => (NO_ROUTE, NO_ROUTE),
        };
        own.fast_route.set(route);
        own.fast_handlers_route.set(handlers_route);
    }

    /// Returns the thread's share of the aggregator that `route` leads to, if it is cached.
    #[inline(always)]
    pub(crate) fn stats_on(&self, route: Route) -> Option<&Stats> {
        if self.owner_only.cached_route.get() != route.word() {
            return None;
        }
        // SAFETY: `cached_route` is the word of a route only while there are stats.
        Some(unsafe { self.stats() })
    }

    /// Returns the thread's share of the aggregator that is cached.
    ///
    /// # Safety
    ///
    /// The calling thread owns this state, and has stats cached, as where a call
    /// [takes the fast path](Self::takes_fast_path). The reference is not kept while anything runs but code that
    /// records a call.
    #[inline(always)]
    pub(crate) unsafe fn stats(&self) -> &Stats {
        // SAFETY: `cached_route` is set with stats, after them. `Parts::stats` of the thread's state keeps them alive:
        // `forget_dropped_aggregators` clears the route before it releases them, and when a state is freed, no call is
        // in progress and no table leads to it. Neither can happen while the reference is in use.
        unsafe { &*self.owner_only.stats.get() }
    }

    /// Returns the thread's share of an aggregator, cached or not, if there is one.
    #[inline]
    pub(crate) fn stats_of(&self, aggregator: Route) -> Option<&Stats> {
        let mut next = self.owner_only.all_stats.get();
        // SAFETY: as in `stats`: `forget_dropped_aggregators` takes a share out of the list before it releases it.
        while let Some(stats) = unsafe { next.as_ref() } {
            if stats.aggregator_route() == aggregator {
                return Some(stats);
            }
            next = stats.next();
        }
        None
    }

    /// Adds the thread's share of an aggregator to the list.
    pub(in crate::thread) fn add_stats(&self, stats: &Arc<Stats>) {
        stats.set_next(self.owner_only.all_stats.get());
        self.owner_only.all_stats.set(Arc::as_ptr(stats));
    }

    /// Caches the thread's share of an aggregator that is the only handler on `route`, if there is one.
    pub(crate) fn cache_stats(&self, route: Route) {
        if let Some(stats) = self.stats_of(route) {
            self.owner_only.stats.set(stats);
            self.owner_only.cached_route.set(route.word());
            self.set_fast_routes();
        }
    }

    /// Takes the shares of dropped aggregators out of the list.
    pub(in crate::thread) fn forget_stats(&self, is_gone: impl Fn(&Stats) -> bool) {
        self.owner_only.cached_route.set(NO_ROUTE);
        self.owner_only.stats.set(ptr::null());
        self.set_fast_routes();
        let mut kept = ptr::null();
        let mut next = self.owner_only.all_stats.get();
        // SAFETY: as in `stats_of`.
        while let Some(stats) = unsafe { next.as_ref() } {
            next = stats.next();
            if !is_gone(stats) {
                stats.set_next(kept);
                kept = stats;
            }
        }
        self.owner_only.all_stats.set(kept);
    }

    /// Returns the handlers that `route` leads to, if they are cached. Not to be called from within a handler.
    #[inline(always)]
    pub(crate) fn handlers_on(&self, route: Route) -> Option<&Handlers> {
        if self.owner_only.handlers_route.get() != route.word() {
            return None;
        }
        // SAFETY: no route has the word `NO_ROUTE`, and any other word is set together with handlers that
        // `ThreadState::cached_handlers` keeps alive until `cache_handlers` puts others in their place here first. This
        // thread calls that at the end of a call only, and while one of these handlers runs, no end of a call comes
        // this far.
        Some(unsafe { &*self.owner_only.handlers.get() })
    }

    pub(in crate::thread) fn set_handlers(&self, handlers: &Arc<Handlers>) {
        self.owner_only.handlers.set(Arc::as_ptr(handlers));
        self.owner_only.handlers_route.set(handlers.route().word());
        self.set_fast_routes();
    }

    pub(in crate::thread) fn forget_handlers(&self) {
        self.owner_only.handlers_route.set(NO_ROUTE);
        self.set_fast_routes();
    }
}
