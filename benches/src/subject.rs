//! What can be measured: a function, how to call it many times, and what has to be in place meanwhile.

use std::any::Any;

/// Whatever is in place until it is dropped.
pub(crate) type Guard = Box<dyn Any>;

/// The plain function, to which the others are compared unless they say otherwise.
pub(crate) const PLAIN: &str = "plain";
/// The plain `async fn`, polled once.
pub(crate) const PLAIN_ASYNC: &str = "plain async";
/// The plain function that returns a boxed future, polled once.
pub(crate) const PLAIN_BOXED: &str = "plain boxed future";
/// The plain function that returns a `Result`.
pub(crate) const PLAIN_RESULT: &str = "plain Result";
/// The plain function that does nothing but arithmetic, which the compiler may move about.
pub(crate) const PLAIN_ARITHMETIC: &str = "plain, arithmetic only";
/// The plain function that calls itself once.
pub(crate) const PLAIN_NESTED: &str = "plain, one call in another";
/// The limit for all that time calls.
pub(crate) const TSC_PAIR: &str = "limit: two raw TSC reads";

/// The subjects that budgets speak of.
pub(crate) mod ours {
    pub(crate) const OFF: &str = "prof: off";
    pub(crate) const OFF_ARITHMETIC: &str = "prof: off, arithmetic only";
    pub(crate) const AGGREGATOR: &str = "prof: aggregator";
    pub(crate) const SAMPLED: &str = "prof: aggregator, sample = 64";
    pub(crate) const RECORD_CALL: &str = "prof: custom record_call";
    pub(crate) const ASYNC: &str = "prof: async, aggregator";
    pub(crate) const TWO_AGGREGATORS: &str = "prof: two aggregators";
    pub(crate) const THREE_AGGREGATORS: &str = "prof: three aggregators";
    pub(crate) const COUNTER: &str = "prof: counter, aggregator";
    pub(crate) const DISTRIBUTION: &str = "prof: distribution, aggregator";
    pub(crate) const GAUGE_SET: &str = "prof: gauge set, aggregator";
    pub(crate) const GAUGE_ADD: &str = "prof: gauge add, aggregator";
    pub(crate) const OFF_SCOPE_BEFORE: &str = "prof: off, a scope before";
    pub(crate) const OFF_SCOPE_ELSEWHERE: &str = "prof: off, a scope elsewhere";
    pub(crate) const SCOPE: &str = "prof: a scope, opened and closed";
    pub(crate) const WITH_HANDLER: &str = "prof: a future with_handler";
}

/// One thing to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// Makes this many calls. A function of its own for each subject, so that the calls in it are direct ones.
    pub(crate) run: fn(u64),
    /// The name of the plain function that it is compared to.
    pub(crate) baseline: &'static str,
    /// Called once per process, before anything is measured.
    pub(crate) setup: fn(),
    /// What the coordinating thread holds while other threads make the calls.
    pub(crate) meanwhile: fn() -> Guard,
    /// What each calling thread holds.
    pub(crate) on_thread: fn() -> Guard,
    /// Called on the coordinating thread after each measurement: lets threads of the subject's own finish their part,
    /// so that the next subject does not pay for it.
    pub(crate) settle: fn(),
    /// It needs something *not* to be set up that others set up, so it has to have a process to itself.
    pub(crate) is_alone: bool,
    /// It has scopes, or asks what they leave behind, so it has to come after all that have none: a function that is
    /// off costs more from the program's first scope on.
    pub(crate) has_scopes: bool,
}

impl Subject {
    pub(crate) const fn new(name: &'static str, run: fn(u64)) -> Self {
        Self {
            name,
            run,
            baseline: PLAIN,
            setup: || {},
            meanwhile: || Box::new(()),
            on_thread: || Box::new(()),
            settle: || {},
            is_alone: false,
            has_scopes: false,
        }
    }

    pub(crate) const fn baseline(self, baseline: &'static str) -> Self {
        Self { baseline, ..self }
    }

    pub(crate) const fn setup(self, setup: fn()) -> Self {
        Self { setup, ..self }
    }

    pub(crate) const fn meanwhile(self, meanwhile: fn() -> Guard) -> Self {
        Self { meanwhile, ..self }
    }

    #[cfg_attr(not(feature = "peers"), allow(dead_code))]
    pub(crate) const fn settle(self, settle: fn()) -> Self {
        Self { settle, ..self }
    }

    #[cfg_attr(not(feature = "peers"), allow(dead_code))]
    pub(crate) const fn alone(self) -> Self {
        Self { is_alone: true, ..self }
    }

    pub(crate) const fn with_scopes(self) -> Self {
        Self { has_scopes: true, ..self }
    }

    pub(crate) const fn on_thread(self, on_thread: fn() -> Guard) -> Self {
        Self { on_thread, ..self }
    }
}

/// A function that calls another one many times, with arguments that the compiler cannot foresee and results that it
/// cannot leave out.
macro_rules! repeat {
    ($call:path) => {{
        #[inline(never)]
        fn run(calls: u64) {
            for n in 0..calls {
                let _ = std::hint::black_box($call(std::hint::black_box(n)));
            }
        }
        run
    }};
}

pub(crate) use repeat;
