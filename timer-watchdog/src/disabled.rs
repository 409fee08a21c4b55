//! The crate without the feature `enabled`: the guards that a watched library names. Nothing is watched.
//!
//! Everything here has the signature that it has with the feature.

use std::marker::PhantomData;
use std::time::Duration;

/// Returns a guard that holds no timer.
#[inline(always)]
pub fn expires_or_noop(_after: Duration) -> Expires<'static> {
    Expires(PhantomData)
}

/// Holds no timer.
#[derive(Debug)]
#[must_use = "with the feature `enabled`, the timer is released when this value is dropped"]
pub struct Expires<'c>(PhantomData<&'c ()>);

impl Expires<'_> {
    /// Returns false.
    pub fn is_held(&self) -> bool {
        false
    }
}

/// Scopes that are not watched.
pub mod hang {
    use std::marker::PhantomData;
    use std::time::Duration;

    /// Returns a guard that watches nothing.
    #[inline(always)]
    pub fn watch(_timeout: Duration) -> Watch {
        Watch(PhantomData)
    }

    /// Watches nothing.
    #[derive(Debug)]
    #[must_use = "with the feature `enabled`, the scope is watched until this value is dropped"]
    pub struct Watch(PhantomData<*const ()>);

    impl Watch {
        /// Does nothing.
        #[inline(always)]
        pub fn pet(&self) {}

        /// Does nothing.
        #[inline(always)]
        pub fn pause(&self) {}

        /// Does nothing.
        #[inline(always)]
        pub fn resume(&self) {}

        /// Returns false.
        pub fn is_live(&self) -> bool {
            false
        }
    }
}
