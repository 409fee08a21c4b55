//! Boxes a boxed future again, measured.
//!
//! `dyn Future<Output = T> + 'a` is a valid type also where `T` does not outlive `'a`, and functions return such
//! futures. To box one anew, the compiler asks for `T: 'a`, which an annotated function does not promise.

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
            // SAFETY: the two types differ in one lifetime, which bounds what the hidden value borrows. The value holds
            // `future`, of which its type says that it may live for `'a`, and otherwise only what is `'static`: the
            // call, which refers to a static, and the judge. It holds no `T`; one is made by `future` and handed out.
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
