//! What one thread keeps for itself: the state of each call site that it has called, and its share of every aggregator.
//!
//! A thread finds its [`SiteState`] of a call site in an open-addressed table that only it reads and writes (`lookup`).
//! The numbers in it are atomics with a single writer, the thread, which adds by a relaxed load and a relaxed store;
//! snapshots read them from other threads. No instruction here locks the bus.
//!
//! All of them are in the thread's state (`thread_state`). It stays registered when the thread ends, with its numbers
//! in it: the thread gives it to a pool, and the next thread takes it from there (`pool`), so that nothing is added up,
//! freed and allocated again for each thread that comes and goes. The pool is bounded. A state for which it has no room
//! is added to the retired totals of its aggregators, and freed.
//!
//! A thread that is ending can own no state anymore. It borrows one for each outermost annotated call: an annotated
//! allocator that frees the thread's memory would otherwise need a new state for each call inside.
//!
//! Uses the rooms from `base` to `counts`.

mod all_states;
mod handlers;
mod lookup;
mod pool;
mod record;
mod site_state;
mod thread_state;

pub(crate) use self::all_states::{Held, for_each_share, hold, in_flight_by_address};
pub(crate) use self::handlers::Handlers;
pub(crate) use self::lookup::{cached, find, find_unparked, park};
pub(crate) use self::pool::{add, borrow, cache_handlers, end_loan, with_own_or_borrowed};
pub(crate) use self::record::{record, record_by};
pub(crate) use self::site_state::{Ended, SiteState};
