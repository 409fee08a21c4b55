//! `#[prof]` on functions of the shapes that programs have: what surrounds the attribute decides what it costs.
//!
//! Each shape has a plain function and one for each mode, all with the same body, made by one macro.
#![allow(clippy::unused_async)] // As ready as a future can be.

use prof_runtime::{NullHandler, configure_group};

use super::ours::{AGGREGATOR, TakesCalls};
use crate::subject::Subject;

/// What the name of a shape's subject ends with. Macros, since only these can be part of `concat!`.
macro_rules! shape {
    (result) => {
        "Result and a local"
    };
    (arguments) => {
        "five arguments"
    };
    (generic) => {
        "generic"
    };
    (add) => {
        "&mut self"
    };
    (early) => {
        "early return by ?"
    };
}

/// What the name of a shape's subject begins with, by the module that the subjects of a mode are in.
macro_rules! mode {
    (plain) => {
        "plain"
    };
    (plain_async) => {
        "plain async"
    };
    (off) => {
        "prof: off"
    };
    (aggregated) => {
        "prof: aggregator"
    };
    (sampled) => {
        "prof: aggregator, sample = 64"
    };
    (recorded) => {
        "prof: custom record_call"
    };
    (asynchronous) => {
        "prof: async, aggregator"
    };
}

/// The names of what one shape has a subject for.
#[cfg_attr(not(unix), allow(dead_code))] // The budgets are for Unix.
pub(crate) struct Shape {
    pub(crate) off: &'static str,
    pub(crate) aggregated: &'static str,
    pub(crate) sampled: &'static str,
    pub(crate) recorded: &'static str,
    pub(crate) asynchronous: &'static str,
    pub(crate) prologue: Prologue,
}

/// What the compiler lays before the test whether a handler receives calls, and undoes at the end of the function, for
/// the sake of the calls that are made if something does.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(unix), allow(dead_code))] // The budgets are for Unix.
pub(crate) enum Prologue {
    /// Nothing: the function does no more than compute with one argument.
    None,
    /// It moves the stack for memory that functions which call nothing have without, and saves a register.
    Memory,
    /// It saves registers, for what it needs after the call: several arguments, or one that it tests first.
    Registers,
}

macro_rules! shape_names {
    ($shape:ident, $prologue:expr) => {
        Shape {
            off: name!(off, $shape),
            aggregated: name!(aggregated, $shape),
            sampled: name!(sampled, $shape),
            recorded: name!(recorded, $shape),
            asynchronous: name!(asynchronous, $shape),
            prologue: $prologue,
        }
    };
}

macro_rules! name {
    ($mode:ident, $shape:ident) => {
        concat!(mode!($mode), ", ", shape!($shape))
    };
}

/// All of them.
#[cfg_attr(not(unix), allow(dead_code))] // The budgets are for Unix.
pub(crate) const SHAPES: [Shape; 5] = [
    shape_names!(result, Prologue::Memory),
    shape_names!(arguments, Prologue::Memory),
    shape_names!(generic, Prologue::None),
    shape_names!(add, Prologue::Registers),
    shape_names!(early, Prologue::Registers),
];

/// Every shape in every mode, the plain ones first.
pub(super) fn subjects() -> Vec<Subject> {
    [
        plain::SUBJECTS,
        plain_async::SUBJECTS,
        off::SUBJECTS,
        aggregated::SUBJECTS,
        sampled::SUBJECTS,
        recorded::SUBJECTS,
        asynchronous::SUBJECTS,
    ]
    .concat()
}

fn nothing() {}

fn switch_off() {
    configure_group("bench.off", NullHandler);
}

fn aggregate() {
    configure_group("bench.aggregated", AGGREGATOR.clone());
}

fn record() {
    configure_group("bench.recorded", TakesCalls);
}

/// The functions of all shapes, `async` or not, with this attribute or none.
macro_rules! functions {
    ([$($async:tt)?] $(#[$attribute:meta])?) => {
        $(#[$attribute])?
        #[inline(never)]
        pub(super) $($async)? fn result(x: u64) -> Result<u64, Refused> {
            let local = x;
            Ok(black_box(local))
        }

        $(#[$attribute])?
        #[inline(never)]
        pub(super) $($async)? fn arguments(x: u64, step: u32, name: &str, into: &mut Vec<u64>, is_last: bool) -> u64 {
            let value = work(x.wrapping_add(u64::from(step)).wrapping_add(name.len() as u64));
            into.clear();
            into.push(value);
            if is_last { 0 } else { value }
        }

        $(#[$attribute])?
        #[inline(never)]
        pub(super) $($async)? fn generic<T: Into<u64> + From<u64>>(x: T) -> T {
            T::from(arithmetic(x.into()))
        }

        #[derive(Default)]
        pub(super) struct Sum(u64);

        impl Sum {
            $(#[$attribute])?
            #[inline(never)]
            pub(super) $($async)? fn add(&mut self, x: u64) -> u64 {
                self.0 = self.0.wrapping_add(arithmetic(x));
                self.0
            }
        }

        $(#[$attribute])?
        #[inline(never)]
        pub(super) $($async)? fn early(x: u64) -> Result<u64, Refused> {
            let accepted = accept(x)?;
            Ok(arithmetic(accepted))
        }
    };
}

/// A module with the subjects of one mode, which are compared to those of another.
macro_rules! shapes {
    ($mode:ident above $baseline:ident, $setup:ident, [] $(#[$attribute:meta])?) => {
        mod $mode {
            use std::hint::black_box;

            #[allow(unused_imports)] // There is one without the attribute.
            use prof_runtime::prof;

            use crate::subject::{Subject, repeat};
            use crate::work::{Refused, accept, arithmetic, work};

            functions!([] $(#[$attribute])?);
            subjects!($mode above $baseline, $setup, Sum::add);
        }
    };
    ($mode:ident above $baseline:ident, $setup:ident, [async] $(#[$attribute:meta])?) => {
        mod $mode {
            use std::hint::black_box;

            use self::futures::Sum;
            use crate::subject::{Subject, repeat};
            use crate::work::{Refused, ready};

            mod futures {
                use std::hint::black_box;

                #[allow(unused_imports)] // There is one without the attribute.
                use prof_runtime::prof;

                use crate::work::{Refused, accept, arithmetic, work};

                functions!([async] $(#[$attribute])?);
            }

            #[inline(never)]
            fn result(x: u64) -> Result<u64, Refused> {
                ready(futures::result(x))
            }

            #[inline(never)]
            fn arguments(x: u64, step: u32, name: &str, into: &mut Vec<u64>, is_last: bool) -> u64 {
                ready(futures::arguments(x, step, name, into, is_last))
            }

            #[inline(never)]
            fn generic<T: Into<u64> + From<u64>>(x: T) -> T {
                ready(futures::generic(x))
            }

            #[inline(never)]
            fn add(sum: &mut Sum, x: u64) -> u64 {
                ready(sum.add(x))
            }

            #[inline(never)]
            fn early(x: u64) -> Result<u64, Refused> {
                ready(futures::early(x))
            }

            subjects!($mode above $baseline, $setup, add);
        }
    };
}

/// The subjects of one mode, whose functions are in scope.
macro_rules! subjects {
    ($mode:ident above $baseline:ident, $setup:ident, $add:path) => {
        pub(super) const SUBJECTS: &[Subject] = &[
    subject!($mode above $baseline, result, repeat!(result)).setup(super::$setup),
    subject!($mode above $baseline, arguments, run_arguments).setup(super::$setup),
    subject!($mode above $baseline, generic, repeat!(generic::<u64>)).setup(super::$setup),
    subject!($mode above $baseline, add, run_add).setup(super::$setup),
    subject!($mode above $baseline, early, repeat!(early)).setup(super::$setup),
        ];

        #[inline(never)]
        fn run_arguments(calls: u64) {
            let mut into = Vec::with_capacity(1);
            for n in 0..calls {
                let (name, into) = (black_box("name"), black_box(&mut into));
                black_box(arguments(black_box(n), 7, name, into, black_box(false)));
            }
        }

        #[inline(never)]
        fn run_add(calls: u64) {
            let mut sum = Sum::default();
            for n in 0..calls {
                black_box($add(black_box(&mut sum), black_box(n)));
            }
        }
    };
}

macro_rules! subject {
    ($mode:ident above $baseline:ident, $shape:ident, $run:expr) => {
        Subject::new(name!($mode, $shape), $run).baseline(name!($baseline, $shape))
    };
}

shapes!(plain above plain, nothing, []);
shapes!(plain_async above plain_async, nothing, [async]);
shapes!(off above plain, switch_off, [] #[prof(group = "bench.off")]);
shapes!(aggregated above plain, aggregate, [] #[prof(group = "bench.aggregated")]);
shapes!(sampled above plain, aggregate, [] #[prof(group = "bench.aggregated", sample = 64)]);
shapes!(recorded above plain, record, [] #[prof(group = "bench.recorded")]);
shapes!(asynchronous above plain_async, aggregate, [async] #[prof(group = "bench.aggregated")]);
