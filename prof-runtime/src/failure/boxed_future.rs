//! Boxes a boxed future again, measured.
//!
//! `dyn Future<Output = T> + 'a` is a valid type even if `T` does not outlive `'a`, and functions return such futures.
//! Boxing one again needs `T: 'a`, which an annotated function does not guarantee.

#![allow(unsafe_code)]

use std::future::Future;
use std::mem::transmute;
use std::pin::Pin;

use super::Judge;
use crate::call::InProgress;
use crate::failure::lazy;

macro_rules! rebox {
    ($($name:ident: $($bound:ident),*;)*) => {$(
        /// Measures `future` when it is awaited.
        pub(super) fn $name<'a, T, J: Judge<T> $(+ $bound)* + 'static>(
            call: impl InProgress,
            future: Pin<Box<dyn Future<Output = T> $(+ $bound)* + 'a>>,
            judge: J,
        ) -> Pin<Box<dyn Future<Output = T> $(+ $bound)* + 'a>> {
            let measured: Pin<Box<dyn Future<Output = T> $(+ $bound)* + '_>> = Box::pin(lazy(call, future, judge));
            // SAFETY: the two types differ in one lifetime, which bounds the borrows of the hidden value. That value
            // consists of `future`, whose type guarantees that it may live for `'a`, and of the call and the judge,
            // which are `'static`. It contains no `T`: `future` makes one and `poll` returns it.
            unsafe { transmute::<Pin<Box<dyn Future<Output = T> $(+ $bound)* + '_>>, _>(measured) }
        }
    )*};
}

rebox! {
    local: ;
    send: Send;
    sync: Sync;
    send_sync: Send, Sync;
}
