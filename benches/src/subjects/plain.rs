//! The functions without anything on them.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;

use crate::subject::{PLAIN, PLAIN_ARITHMETIC, PLAIN_ASYNC, PLAIN_BOXED, PLAIN_NESTED, PLAIN_RESULT, Subject, repeat};
use crate::work::{Refused, arithmetic, fallible_work, ready, work};

pub(crate) const SUBJECTS: &[Subject] = &[
    Subject::new(PLAIN, repeat!(plain)),
    Subject::new(PLAIN_ARITHMETIC, repeat!(plain_arithmetic)).baseline(PLAIN_ARITHMETIC),
    Subject::new(PLAIN_RESULT, repeat!(plain_result)).baseline(PLAIN_RESULT),
    Subject::new(PLAIN_ASYNC, repeat!(poll_plain)).baseline(PLAIN_ASYNC),
    Subject::new(PLAIN_BOXED, repeat!(poll_boxed)).baseline(PLAIN_BOXED),
    Subject::new(PLAIN_NESTED, repeat!(twice)).baseline(PLAIN_NESTED),
];

#[inline(never)]
fn plain(x: u64) -> u64 {
    work(x)
}

#[inline(never)]
fn plain_arithmetic(x: u64) -> u64 {
    arithmetic(x)
}

#[inline(never)]
fn plain_result(x: u64) -> Result<u64, Refused> {
    fallible_work(x)
}

#[allow(clippy::unused_async)]
async fn plain_async(x: u64) -> u64 {
    work(x)
}

#[inline(never)]
fn poll_plain(x: u64) -> u64 {
    ready(plain_async(x))
}

#[inline(never)]
fn plain_boxed(x: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move { work(x) })
}

#[inline(never)]
fn poll_boxed(x: u64) -> u64 {
    ready(plain_boxed(x))
}

#[inline(never)]
fn nested(x: u64, again: bool) -> u64 {
    work(if again { nested(x, false) } else { x })
}

#[inline(never)]
fn twice(x: u64) -> u64 {
    nested(x, black_box(true))
}
