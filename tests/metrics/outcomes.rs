//! How calls end, by type, by predicate, by panic.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use prof_runtime::Outcome::{Failure, Panic, Success};
use prof_runtime::{Fallible, MemoryHandler, Outcome, prof, scoped};

/// The outcomes of `name` while `run` runs.
fn outcomes(name: &str, run: impl FnOnce()) -> Vec<Outcome> {
    let memory = MemoryHandler::new();
    let _scope = scoped(memory.clone());
    run();
    memory.outcomes(name)
}

type Alias<T> = Result<T, u8>;
type Hidden = Alias<()>;

#[prof(name = "io")]
fn io(fails: bool) -> io::Result<()> {
    if fails { Err(io::Error::other("no")) } else { Ok(()) }
}

#[prof(name = "hidden")]
fn hidden(fails: bool) -> Hidden {
    if fails {
        return Err(3);
    }
    Ok(())
}

#[prof(name = "question")]
fn question(text: &str) -> Result<u8, std::num::ParseIntError> {
    let number: u8 = text.parse()?;
    Ok(number)
}

#[test]
fn results_are_recognised_by_type() {
    assert_eq!(
        outcomes("io", || {
            io(false).unwrap();
            io(true).unwrap_err();
        }),
        [Success, Failure]
    );
    assert_eq!(
        outcomes("hidden", || {
            hidden(false).unwrap();
            hidden(true).unwrap_err();
        }),
        [Success, Failure]
    );
    assert_eq!(
        outcomes("question", || {
            question("3").unwrap();
            question("x").unwrap_err();
        }),
        [Success, Failure]
    );
}

struct Response(u16);

impl Fallible for Response {
    fn is_failure(&self) -> bool {
        assert!(self.0 != 999, "no such status");
        self.0 >= 500
    }
}

impl Response {
    #[prof(name = "respond")]
    fn new(status: u16) -> Self {
        if status == 404 {
            return Self(404);
        }
        Self(status)
    }
}

#[test]
fn a_type_can_take_part() {
    assert_eq!(
        outcomes("respond", || {
            Response::new(200);
            Response::new(404);
            Response::new(503);
        }),
        [Success, Success, Failure]
    );
}

#[test]
fn a_panicking_is_failure_does_no_harm() {
    assert_eq!(outcomes("respond", || assert_eq!(Response::new(999).0, 999)), [Success]);
}

#[prof(name = "even", ok = |n: &u32| n.is_multiple_of(2))]
fn even(n: u32) -> u32 {
    if n > 100 {
        return n;
    }
    n
}

#[prof(name = "found", err = Option::is_none)]
fn found(n: Option<u32>) -> Option<u32> {
    Some(n? + 1)
}

#[prof(name = "explode", ok = |_| panic!("in the predicate"))]
fn explode() -> u8 {
    7
}

/// For an `Err` that is not a failure.
#[prof(name = "not_found_is_fine", err = |r| matches!(r, Err(code) if *code != 404))]
fn not_found_is_fine(code: u16) -> Result<(), u16> {
    Err(code)
}

#[test]
fn predicates_decide() {
    assert_eq!(outcomes("even", || assert_eq!([2, 3, 101].map(even), [2, 3, 101])), [Success, Failure, Failure]);
    assert_eq!(outcomes("found", || assert_eq!([Some(1), None].map(found), [Some(2), None])), [Success, Failure]);
    assert_eq!(outcomes("explode", || assert_eq!(explode(), 7)), [Success]);
    assert_eq!(
        outcomes("not_found_is_fine", || assert_eq!([404, 500].map(not_found_is_fine), [Err(404), Err(500)])),
        [Success, Failure]
    );
}

#[prof(name = "unwind")]
fn unwind(how: u8) -> Result<u8, u8> {
    match how {
        0 => Ok(0),
        1 => Err(1),
        _ => std::panic::panic_any(how),
    }
}

#[test]
fn a_panic_goes_on_unchanged() {
    let seen = outcomes("unwind", || {
        let payload = catch_unwind(|| unwind(9)).unwrap_err();
        assert_eq!(payload.downcast_ref::<u8>(), Some(&9));
        unwind(1).unwrap_err();
    });
    assert_eq!(seen, [Panic, Failure]);
}

#[prof(name = "early")]
fn early(n: u8) -> u8 {
    if n == 0 {
        return 1;
    }
    n
}

struct CallsWhileUnwinding;

impl Drop for CallsWhileUnwinding {
    fn drop(&mut self) {
        early(0);
        early(1);
    }
}

#[test]
fn a_call_that_returns_while_the_thread_unwinds_is_a_success() {
    let seen = outcomes("early", || {
        let panicked = catch_unwind(|| {
            let _calls = CallsWhileUnwinding;
            panic!("outside");
        });
        panicked.unwrap_err();
    });
    assert_eq!(seen, [Success, Success]);
}

#[prof(name = "never")]
fn never() -> ! {
    panic!("never")
}

#[test]
fn a_function_that_never_returns_panics_at_most() {
    assert_eq!(outcomes("never", || drop(catch_unwind(AssertUnwindSafe(|| never())))), [Panic]);
}

#[prof(name = "factorial")]
fn factorial(n: u64) -> u64 {
    if n == 0 { 1 } else { n * factorial(n - 1) }
}

#[test]
fn recursion_counts_every_call() {
    assert_eq!(outcomes("factorial", || assert_eq!(factorial(4), 24)).len(), 5);
    assert_eq!(outcomes("factorial", || assert_eq!(factorial(20), 2_432_902_008_176_640_000)).len(), 21);
}
