//! A frame: the place of one live scope, which its owner writes and the detector reads.
//!
//! A sequence lock. The ticket only grows. It is odd while there is a scope, and even while there is none; the owner
//! writes the words while it is even. A reader that sees the same odd ticket before and after its reads has read the
//! words of that ticket. (The fences are those of H.-J. Boehm, "Can seqlocks get along with programming language memory
//! models?", MSPC 2012.) Only the deadline may change under a live ticket. It is one word, and each of its values is
//! valid by itself.
#![allow(unsafe_code)]

use std::panic::Location;
use std::ptr;

use crate::report::ScopeState;
use crate::thread::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

/// The name of a scope, for [`watch_in`](crate::hang::watch_in).
///
/// # Examples
///
/// ```
/// use timer_watchdog::hang::Scope;
///
/// static COPY: Scope = Scope::new("copy");
/// assert_eq!(COPY.name(), "copy");
/// ```
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    name: &'static str,
}

impl Scope {
    /// Returns the scope of this name.
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }

    /// Returns the name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// The deadline of a scope that is paused or has no limit.
pub(crate) const NEVER: u64 = u64::MAX;

/// The words of a scope, which its owner sets at the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// In nanoseconds of the domain's time.
    pub(crate) deadline: u64,
    pub(crate) timeout_ns: u64,
    pub(crate) place: &'static Location<'static>,
    pub(crate) scope: Option<&'static Scope>,
}

/// A place for one live scope. One writer at a time, any number of readers.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Odd while there is a scope, else even. Each scope has a ticket of its own.
    ticket: AtomicU64,
    deadline: AtomicU64,
    timeout_ns: AtomicU64,
    /// Null, or from a `&'static Location<'static>`.
    place: AtomicPtr<Location<'static>>,
    /// Null, or from a `&'static Scope`.
    scope: AtomicPtr<Scope>,
}

impl Frame {
    pub(crate) fn new() -> Self {
        Self {
            ticket: AtomicU64::new(0),
            deadline: AtomicU64::new(NEVER),
            timeout_ns: AtomicU64::new(0),
            place: AtomicPtr::new(ptr::null_mut()),
            scope: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Publishes a scope. Returns its ticket. Only the owner calls it, while the frame is not live.
    #[inline]
    pub(crate) fn publish(&self, entry: &Entry) -> u64 {
        let ticket = self.ticket.load(Ordering::Relaxed) + 1;
        // A reader that sees one of the words below, and then passes its own fence, also sees the clear of the ticket
        // before.
        fence(Ordering::Release);
        self.deadline.store(entry.deadline, Ordering::Relaxed);
        self.timeout_ns.store(entry.timeout_ns, Ordering::Relaxed);
        let place = ptr::from_ref(entry.place).cast_mut();
        self.place.store(place, Ordering::Relaxed);
        let scope = entry.scope.map_or(ptr::null(), ptr::from_ref).cast_mut();
        self.scope.store(scope, Ordering::Relaxed);
        // A reader that sees the ticket sees the words.
        self.ticket.store(ticket, Ordering::Release);
        ticket
    }

    /// Clears the scope of this ticket, which must be the live one. Only the owner calls it.
    #[inline]
    pub(crate) fn clear(&self, ticket: u64) {
        self.ticket.store(ticket + 1, Ordering::Release);
    }

    /// Returns whether the scope of this ticket is live.
    #[inline]
    pub(crate) fn has(&self, ticket: u64) -> bool {
        self.ticket.load(Ordering::Relaxed) == ticket
    }

    /// Returns the ticket of the live scope.
    #[inline]
    pub(crate) fn live_ticket(&self) -> Option<u64> {
        Some(self.ticket.load(Ordering::Relaxed)).filter(|ticket| !ticket.is_multiple_of(2))
    }

    #[inline]
    pub(crate) fn deadline(&self) -> u64 {
        self.deadline.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn timeout_ns(&self) -> u64 {
        self.timeout_ns.load(Ordering::Relaxed)
    }

    /// Sets the deadline of the live scope. Only the owner calls it.
    #[inline]
    pub(crate) fn set_deadline(&self, deadline: u64) {
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    /// Returns the live scope and its ticket. None if there is no scope, or if it changes during the read.
    pub(crate) fn read(&self) -> Option<(u64, Entry)> {
        let ticket = self.ticket.load(Ordering::Acquire);
        if ticket.is_multiple_of(2) {
            return None;
        }
        let deadline = self.deadline.load(Ordering::Relaxed);
        let timeout_ns = self.timeout_ns.load(Ordering::Relaxed);
        let place = self.place.load(Ordering::Relaxed);
        let scope = self.scope.load(Ordering::Relaxed);
        // Orders the loads above before the load below: with the writer's fence, a word of a later scope means that
        // the ticket below differs.
        fence(Ordering::Acquire);
        if self.ticket.load(Ordering::Relaxed) != ticket {
            return None;
        }
        // SAFETY: the pointer is null or was made from a `&'static Location<'static>`: nothing else is ever stored in
        // this word, whole and by one atomic store. So it is valid for reads for the rest of the program.
        let place = unsafe { place.as_ref() }?;
        // SAFETY: the same holds for this word and `&'static Scope`.
        let scope = unsafe { scope.as_ref() };
        let entry = Entry { deadline, timeout_ns, place, scope };
        Some((ticket, entry))
    }
}

impl ScopeState for Frame {
    fn is_unchanged(&self, ticket: u64, deadline: u64) -> bool {
        self.has(ticket) && self.deadline() == deadline
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Entry, Frame, NEVER, Scope};
    use std::panic::Location;

    static NAMED: Scope = Scope::new("named");

    #[test]
    fn a_frame_shows_what_was_published_until_cleared() {
        let frame = Frame::new();
        assert!(frame.read().is_none());
        let place = Location::caller();
        let mut entry = Entry { deadline: 5, timeout_ns: 3, place, scope: Some(&NAMED) };
        let first = frame.publish(&entry);
        let (ticket, seen) = frame.read().unwrap();
        assert_eq!((ticket, seen.deadline, seen.timeout_ns), (first, 5, 3));
        assert_eq!((seen.place, seen.scope), (place, Some(&NAMED)));
        frame.set_deadline(NEVER);
        assert_eq!(frame.read().unwrap().1.deadline, NEVER);
        frame.clear(first);
        assert!(frame.read().is_none());
        assert!(!frame.has(first) && frame.live_ticket().is_none());
        entry.scope = None;
        let second = frame.publish(&entry);
        assert_ne!(first, second);
        assert!(frame.read().unwrap().1.scope.is_none());
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::{Entry, Frame};
    use loom::sync::Arc;
    use std::panic::Location;

    /// An entry whose words all say `n`, which is to be its ticket.
    fn entry(n: u64, place: &'static Location<'static>) -> Entry {
        Entry { deadline: n, timeout_ns: n, place, scope: None }
    }

    #[test]
    fn a_reader_never_mixes_two_scopes() {
        loom::model(|| {
            let first = Location::caller();
            let second = Location::caller();
            let frame = Arc::new(Frame::new());
            let writer = Arc::clone(&frame);
            let thread = loom::thread::spawn(move || {
                let ticket = writer.publish(&entry(1, first));
                writer.clear(ticket);
                assert_eq!(writer.publish(&entry(3, second)), 3);
            });
            if let Some((ticket, seen)) = frame.read() {
                assert_eq!((seen.deadline, seen.timeout_ns), (ticket, ticket));
                let place = if ticket == 1 { first } else { second };
                assert!(std::ptr::eq(seen.place, place));
            }
            thread.join().unwrap();
            assert_eq!(frame.read().map(|(ticket, _)| ticket), Some(3));
        });
    }

    #[test]
    fn a_new_deadline_is_seen_whole_under_its_own_ticket() {
        loom::model(|| {
            let place = Location::caller();
            let frame = Arc::new(Frame::new());
            let ticket = frame.publish(&entry(1, place));
            let writer = Arc::clone(&frame);
            let thread = loom::thread::spawn(move || {
                writer.set_deadline(10);
                writer.clear(ticket);
                writer.publish(&entry(3, place));
            });
            if let Some((ticket, seen)) = frame.read() {
                let allowed: &[u64] = if ticket == 1 { &[1, 10] } else { &[3] };
                assert!(allowed.contains(&seen.deadline), "{ticket} {}", seen.deadline);
            }
            thread.join().unwrap();
        });
    }
}
