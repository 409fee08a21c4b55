//! Functions that another macro may read later, so that their signatures stay as they are.

use super::*;

/// Declares the same functions plain and annotated, followed by another macro.
macro_rules! twice {
    ($($items:tt)*) => {
        mod plain {
            use super::*;
            $($items)*
        }

        #[prof_runtime::prof]
        #[prof_tests_stand_in::nothing]
        mod annotated {
            use super::*;
            $($items)*
        }
    };
}

twice! {
    pub(super) fn named(a: Noisy, (b, c): (Noisy, Noisy), [d, mut _e]: [Noisy; 2], how: u8) -> Result<Noisy, Noisy> {
        let local = a.log.value("local");
        match how {
            0 => return Ok(a),
            1 => return Err(c),
            2 => drop(b),
            3 => _e = d,
            _ => {}
        }
        Ok(local)
    }

    pub(super) async fn named_later(a: Noisy, (b, _c): (Noisy, Noisy), mut _d: Noisy, how: u8) -> Result<Noisy, Noisy> {
        let local = a.log.value("local");
        yield_now().await;
        match how {
            0 => return Ok(a),
            1 => return Err(b),
            2 => drop(b),
            _ => {}
        }
        yield_now().await;
        Ok(local)
    }

    pub(super) fn question(_a: Noisy, b: Noisy, _c: Noisy, fail: bool) -> Result<(), ()> {
        Some(()).filter(|()| !fail).ok_or(())?;
        drop(b);
        Ok(())
    }

    pub(super) fn asserts(_a: Noisy, b: Noisy, _: Noisy, (_c, _): (Noisy, Noisy)) -> usize {
        let _local = b.log.value("local");
        assert!(!b.name.is_empty());
        b.name.len()
    }

    pub(super) struct Pair {
        first: Noisy,
        _second: Noisy,
    }

    impl Pair {
        pub(super) fn new(log: &Log) -> Self {
            Self { first: log.value("first"), _second: log.value("second") }
        }

        pub(super) fn take(self, a: Noisy, b: Noisy, fail: bool) -> Result<Noisy, ()> {
            if fail {
                return Err(());
            }
            drop(b);
            drop(a);
            Ok(self.first)
        }
    }

    /// What the patterns leave over cannot be named.
    pub(super) fn left_over(a: Noisy, _: Noisy, (b, _): (Noisy, Noisy), ref c: Noisy, d: Noisy) -> Result<usize, ()> {
        let local = a.log.value("local");
        if c.name.is_empty() {
            return Err(());
        }
        Ok(local.name.len() + b.name.len() + d.name.len())
    }
}

#[test]
fn of_parameters_with_names() {
    for how in 0..5 {
        check!(|log| named(log.value("a"), log.pair("b", "c"), [log.value("d"), log.value("e")], how));
        check!(|log| block_on(named_later(log.value("a"), log.pair("b", "c"), log.value("d"), how)));
        check!(|log| named_later(log.value("a"), log.pair("b", "c"), log.value("d"), how));
        check!(|log| {
            let mut future = Box::pin(named_later(log.value("a"), log.pair("b", "c"), log.value("d"), how));
            assert!(poll_once(&mut future).is_pending());
        });
    }
    for fail in [true, false] {
        check!(|log| question(log.value("a"), log.value("b"), log.value("c"), fail));
        check!(|log| Pair::new(&log).take(log.value("a"), log.value("b"), fail));
    }
}

#[test]
fn of_a_function_that_cannot_fail() {
    check!(|log| asserts(log.value("a"), log.value("b"), log.value("c"), log.pair("d", "d2")));
}

/// A limit: see `docs/limits.md`.
#[test]
fn what_a_pattern_leaves_over_is_dropped_last_where_another_macro_follows() {
    let order = |call: fn(Noisy, Noisy, (Noisy, Noisy), Noisy, Noisy) -> Result<usize, ()>| {
        let log = Log::default();
        call(log.value("a"), log.value("b"), log.pair("c", "c2"), log.value("d"), log.value("e")).unwrap();
        let seen = log.0.borrow().clone();
        seen
    };
    assert_eq!(order(plain::left_over), ["local", "e", "d", "c", "c2", "b", "a"]);
    assert_eq!(order(annotated::left_over), ["local", "e", "c", "a", "d", "c2", "b"]);
}
