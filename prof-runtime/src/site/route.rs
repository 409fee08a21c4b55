//! The route of a call site: one word, read on every call, that says which handlers receive the call.

/// The handlers that receive the calls of a site, as one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Route(u64);

impl Route {
    /// No handler receives the calls: neither read the clock nor count.
    pub(crate) const OFF: Self = Self(0);
    /// The site was not called yet: the configuration has to find its route.
    pub(crate) const UNRESOLVED: Self = Self(1);
    /// No handler receives the calls but, perhaps, a scoped one of the thread.
    pub(crate) const SCOPED_ONLY: Self = Self(2);

    /// Count the call in this aggregator, which is the only handler.
    pub(crate) const fn to_aggregator(id: u64) -> Self {
        Self(2 * id + 3)
    }

    /// Pass the call's record to the handlers of the group with this number.
    pub(crate) const fn to_handlers(id: u64) -> Self {
        Self(2 * id + 4)
    }

    /// Returns whether the route leads to one aggregator alone.
    #[inline(always)]
    pub(crate) const fn is_to_aggregator(self) -> bool {
        self.0 >= 3 && self.0 % 2 == 1
    }

    #[inline(always)]
    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(crate) const fn from_word(word: u64) -> Self {
        Self(word)
    }
}
