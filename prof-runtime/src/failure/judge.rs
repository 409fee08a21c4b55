//! Whether a returned value is a failure, decided by its type or by the user's predicate.
//!
//! The names of the methods begin with `__prof_`, since a trait of the user's may have a `finish` for every type.
//!
//! The attribute does not know types. It generates `(&&probe(&value)).__prof_judge()`, and method resolution picks the
//! first of several implementations that apply: the more references an implementation's `Self` has, the earlier it is
//! tried ("autoref specialisation", David Tolnay, <https://github.com/dtolnay/case-studies>).

use std::any::type_name;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use super::boxed_future;
use crate::base::failing::{FailingCode, Times};
use crate::base::panics::caught;
use crate::base::stderr;
use crate::call::InProgress;
use crate::model::{Fallible, Outcome};

/// Decides whether values of type `T` are failures.
pub trait Judge<T: ?Sized> {
    /// Returns whether the value is a failure.
    fn is_failure(&self, value: &T) -> bool;

    /// Returns the kind and the name of the code that decides, for the message about its panic.
    fn name() -> (&'static str, &'static str) {
        ("the predicate", type_name::<Self>())
    }
}

/// Decides that no value is a failure.
#[derive(Clone, Copy, Debug)]
pub struct NeverFails;

impl<T: ?Sized> Judge<T> for NeverFails {
    fn is_failure(&self, _: &T) -> bool {
        false
    }
}

/// Decides by [`Fallible::is_failure`].
#[derive(Clone, Copy, Debug)]
pub struct ByValue;

impl<T: Fallible + ?Sized> Judge<T> for ByValue {
    fn is_failure(&self, value: &T) -> bool {
        value.is_failure()
    }

    fn name() -> (&'static str, &'static str) {
        ("`is_failure` of", type_name::<T>())
    }
}

/// Decides by the attribute's `ok` or `err` predicate.
#[derive(Clone, Copy, Debug)]
pub struct Predicate<P> {
    predicate: P,
    /// The result of the predicate for a failure.
    failure: bool,
}

impl<P> Predicate<P> {
    pub(crate) fn new(predicate: P, failure: bool) -> Self {
        Self { predicate, failure }
    }
}

impl<T: ?Sized, P: Fn(&T) -> bool> Judge<T> for Predicate<P> {
    fn is_failure(&self, value: &T) -> bool {
        (self.predicate)(value) == self.failure
    }

    fn name() -> (&'static str, &'static str) {
        let name = type_name::<P>();
        // A closure stands in the annotated function, or in its future.
        match name.trim_end_matches("::{{closure}}") {
            function if function.len() < name.len() => ("the predicate of", function),
            predicate => ("the predicate", predicate),
        }
    }
}

/// Returns the outcome of a call that returned `value`. If the judge panics, the call counts as a success.
pub(crate) fn outcome<T, J: Judge<T>>(value: &T, judge: &J) -> Outcome {
    match caught(|| judge.is_failure(value)) {
        Some(true) => Outcome::Failure,
        Some(false) => Outcome::Success,
        None => {
            tell_of_a_panic(J::name());
            Outcome::Success
        }
    }
}

#[cold]
fn tell_of_a_panic((what, name): (&str, &'static str)) {
    match FailingCode::named(name).count() {
        None => {}
        Some(Times(1)) => {
            stderr::line(format_args!("prof: {what} `{name}` panicked; the call counts as a success"));
        }
        Some(times) => {
            stderr::line(format_args!("prof: {what} `{name}` panicked{times}; each call counts as a success"));
        }
    }
}

/// Finishes a call by the outcome that `judge` decides on, and returns the value.
#[allow(clippy::needless_pass_by_value)] // A judge decides once.
#[inline]
pub fn finish_judged<T>(call: impl InProgress, value: T, judge: impl Judge<T>) -> T {
    call.finish(|| outcome(&value, &judge));
    value
}

/// The type of a value, without the value.
#[derive(Debug)]
pub struct Probe<T: ?Sized>(PhantomData<fn(&T)>);

/// Returns the type of a value.
#[inline]
pub fn probe<T>(_: &T) -> Probe<T> {
    Probe(PhantomData)
}

/// Returns the type of a future's output.
#[inline]
pub fn probe_output<F: Future>(_: &F) -> Probe<F::Output> {
    Probe(PhantomData)
}

// The macros import the traits below, whose methods are found only where they are in scope. The attribute cannot
// generate the `use` itself: in edition 2015, a `use` reads a path of the user's (`crate = …`) as one from the root of
// the crate.

/// Finishes a call by the type of its value.
#[doc(hidden)]
#[macro_export]
macro_rules! __prof_finish_by_type {
    ($call:ident, $value:ident) => {{
        use $crate::__private::Finish as _;
        // Checked before the call of the function: without optimization, it would copy the value in and out.
        if $crate::__private::is_measured(&$call) {
            (&&&&$crate::__private::probe(&$value)).__prof_finish($call, $value)
        } else {
            $crate::__private::forget($call);
            $value
        }
    }};
}

/// Finishes a call of an `async fn` by the type of its value. Unlike for other functions, a boxed future is a plain
/// value.
#[doc(hidden)]
#[macro_export]
macro_rules! __prof_finish_value_by_type {
    ($call:ident, $value:ident) => {{
        use $crate::__private::Judging as _;
        let __prof_judge = (&&$crate::__private::probe(&$value)).__prof_judge();
        $crate::__private::finish_judged($call, $value, __prof_judge)
    }};
}

/// Measures a future by the type of its output.
#[doc(hidden)]
#[macro_export]
macro_rules! __prof_lazy_by_type {
    ($call:ident, $future:ident) => {{
        use $crate::__private::Judging as _;
        let __prof_judge = (&&$crate::__private::probe_output(&$future)).__prof_judge();
        $crate::__private::lazy($call, $future, __prof_judge)
    }};
}

/// Finds the judge for a type.
pub trait Judging {
    /// The judge.
    type Judge;

    /// Returns the judge.
    fn __prof_judge(&self) -> Self::Judge;
}

impl<T: Fallible> Judging for &Probe<T> {
    type Judge = ByValue;

    #[inline]
    fn __prof_judge(&self) -> ByValue {
        ByValue
    }
}

impl<T> Judging for Probe<T> {
    type Judge = NeverFails;

    #[inline]
    fn __prof_judge(&self) -> NeverFails {
        NeverFails
    }
}

/// Finishes a call by the type of its value. A boxed future is measured when it is awaited, a [`Fallible`] value
/// decides on the outcome, and any other value is a success.
pub trait Finish {
    /// The type of the value.
    type Value;

    /// Finishes a measured call, and returns the value, or the measured future in its place.
    fn __prof_finish<C: InProgress>(&self, call: C, value: Self::Value) -> Self::Value;
}

impl<T: Fallible> Finish for &&Probe<T> {
    type Value = T;

    #[inline]
    fn __prof_finish<C: InProgress>(&self, call: C, value: T) -> T {
        call.finish(|| outcome(&value, &ByValue));
        value
    }
}

impl<T> Finish for Probe<T> {
    type Value = T;

    #[inline]
    fn __prof_finish<C: InProgress>(&self, call: C, value: T) -> T {
        call.finish(|| Outcome::Success);
        value
    }
}

macro_rules! finish_boxed_futures {
    ($($rebox:ident: $future:ty),*) => {$(
        impl<'a, T: Fallible> Finish for &&&Probe<Pin<Box<$future>>> {
            type Value = Pin<Box<$future>>;

            fn __prof_finish<C: InProgress>(&self, call: C, future: Self::Value) -> Self::Value {
                boxed_future::$rebox(call, future, ByValue)
            }
        }

        impl<'a, T> Finish for &Probe<Pin<Box<$future>>> {
            type Value = Pin<Box<$future>>;

            fn __prof_finish<C: InProgress>(&self, call: C, future: Self::Value) -> Self::Value {
                boxed_future::$rebox(call, future, NeverFails)
            }
        }
    )*};
}

finish_boxed_futures!(
    local: dyn Future<Output = T> + 'a,
    send: dyn Future<Output = T> + Send + 'a,
    sync: dyn Future<Output = T> + Sync + 'a,
    send_sync: dyn Future<Output = T> + Send + Sync + 'a
);
