//! Makes calls of functions with an attribute and of plain ones in turns, and prints what a call costs above a plain
//! one: one line for each body, of its name and the nanoseconds.
//!
//! Its arguments are the mode, how many rounds to take, and how many calls to make in each.

use std::any::Any;
use std::hint::black_box;
use std::time::Instant;

use prof_runtime::{Aggregator, FanoutHandler, MemoryHandler, configure, scoped};

/// The same two functions for all.
macro_rules! functions {
    ($module:ident $(, #[$attribute:meta])?) => {
        mod $module {
            $(#[$attribute])?
            pub fn value(x: u64) -> u64 {
                (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd)
            }

            $(#[$attribute])?
            pub fn result(x: u64) -> Result<u64, String> {
                let mixed = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
                if mixed == 1 { Err("refused".to_owned()) } else { Ok(mixed) }
            }
        }
    };
}

functions!(plain);
functions!(ours, #[prof_runtime::prof]);
#[cfg(feature = "peers")]
functions!(traced, #[tracing::instrument(skip_all)]);
#[cfg(feature = "peers")]
functions!(fast, #[fastrace::trace]);
#[cfg(feature = "peers")]
functions!(hot, #[hotpath::measure]);

/// 52 functions that the program has called as well.
mod others {
    macro_rules! others {
        ($($module:ident)*) => {
            $(mod $module {
                others!([a b c d e f g h i j k l m]);
            })*

            pub fn call_all() {
                $($module::call_all();)*
            }
        };
        ([$($name:ident)*]) => {
            $(#[prof_runtime::prof]
            fn $name() {})*

            pub fn call_all() {
                $($name();)*
            }
        };
    }

    others!(first second third fourth);
}

type Guard = Box<dyn Any>;

/// What is measured.
struct Mode {
    value: fn(u64) -> u64,
    result: fn(u64) -> Result<u64, String>,
    /// Held while the program runs.
    program: fn() -> Guard,
    /// Held in each round, around the calls.
    round: fn() -> Guard,
    /// After each round: lets threads of the mode's own finish.
    settle: fn(),
}

fn nothing() -> Guard {
    Box::new(())
}

const OURS: Mode = Mode { value: ours::value, result: ours::result, program: nothing, round: nothing, settle: || {} };

fn mode(name: &str) -> Option<Mode> {
    let mode = match name {
        "prof: off" => OURS,
        "prof: aggregator" => Mode { program: || aggregate(1), ..OURS },
        "prof: two aggregators" => Mode { program: || aggregate(2), ..OURS },
        "prof: a scope, opened and closed" => {
            Mode { value: scope_value, result: scope_result, program: || aggregate(1), ..OURS }
        }
        "prof: scoped MemoryHandler" => Mode { round: || Box::new(scoped(MemoryHandler::new())), ..OURS },
        #[cfg(feature = "peers")]
        _ => return peers::mode(name),
        #[cfg(not(feature = "peers"))]
        _ => return None,
    };
    Some(mode)
}

/// In a program that has called 54 functions.
fn aggregate(count: usize) -> Guard {
    configure((0..count).fold(FanoutHandler::new(), |fanout, _| fanout.with(Aggregator::new())));
    others::call_all();
    black_box((ours::value(0), ours::result(0).is_ok()));
    nothing()
}

fn scope_value(x: u64) -> u64 {
    let _scope = scoped(Aggregator::clone(&SCOPED));
    plain::value(x)
}

fn scope_result(x: u64) -> Result<u64, String> {
    let _scope = scoped(Aggregator::clone(&SCOPED));
    plain::result(x)
}

static SCOPED: std::sync::LazyLock<Aggregator> = std::sync::LazyLock::new(Aggregator::new);

#[cfg(feature = "peers")]
mod peers {
    use std::hint::black_box;
    use std::thread;
    use std::time::Duration;

    use fastrace::Span;
    use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};
    use hotpath::{Format, HotpathGuardBuilder};

    use super::{Guard, Mode, OURS, fast, hot, nothing, traced};

    pub fn mode(name: &str) -> Option<Mode> {
        let fastrace = Mode { value: fast::value, result: fast::result, round: trace, settle: fastrace::flush, ..OURS };
        let hotpath = Mode { value: hot::value, result: hot::result, settle: || thread::sleep(BACKLOG), ..OURS };
        Some(match name {
            "tracing, no subscriber" => Mode { value: traced::value, result: traced::result, ..OURS },
            "fastrace, no reporter" => fastrace,
            "fastrace, a reporter" => Mode { program: report, ..fastrace },
            "hotpath, no guard" => hotpath,
            "hotpath, a guard" => Mode { program: guard, ..hotpath },
            _ => return None,
        })
    }

    /// How long hotpath's thread is given for what the calls of a round have sent.
    const BACKLOG: Duration = Duration::from_millis(10);

    struct Dropped;

    impl Reporter for Dropped {
        fn report(&mut self, spans: Vec<SpanRecord>) {
            black_box(spans);
        }
    }

    fn report() -> Guard {
        fastrace::set_reporter(Dropped, Config::default());
        nothing()
    }

    /// A trace for the calls of a round.
    fn trace() -> Guard {
        let root = Span::root("root", SpanContext::random());
        let parent = root.set_local_parent();
        Box::new((parent, root))
    }

    fn guard() -> Guard {
        Box::new(HotpathGuardBuilder::new("main").format(Format::None).build())
    }
}

/// The nanoseconds that each of so many calls takes.
fn ns_per_call<T>(call: fn(u64) -> T, calls: u32) -> f64 {
    let start = Instant::now();
    for n in 0..u64::from(calls) {
        black_box(call(black_box(n)));
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

/// The median, over so many rounds, of what a call takes above a plain one.
fn ns_above_plain<T>(mode: &Mode, call: fn(u64) -> T, plain: fn(u64) -> T, rounds: usize, calls: u32) -> f64 {
    let mut differences = Vec::new();
    // The first round warms up.
    for round in 0..=rounds {
        let guard = (mode.round)();
        let above = ns_per_call(call, calls);
        drop(guard);
        (mode.settle)();
        let difference = above - ns_per_call(plain, calls);
        if round > 0 {
            differences.push(difference);
        }
    }
    differences.sort_by(f64::total_cmp);
    differences[differences.len() / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, rounds, calls] = &arguments[..] else { panic!("not MODE ROUNDS CALLS: {arguments:?}") };
    let (rounds, calls) = (rounds.parse().expect("rounds are a number"), calls.parse().expect("calls are a number"));
    let mode = mode(name).expect("the mode is known");
    let _program = (mode.program)();
    println!("value {}", ns_above_plain(&mode, mode.value, plain::value, rounds, calls));
    println!("Result {}", ns_above_plain(&mode, mode.result, plain::result, rounds, calls));
}
