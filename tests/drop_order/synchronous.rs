//! r02: plain functions.

use super::*;

twice! {
    pub(super) fn unit(_a: Noisy, _: Noisy, (_c, _): (Noisy, Noisy), mut _d: Noisy) {
        let _local = _a.log.value("local");
    }

    pub(super) fn value(a: Noisy, _: Noisy, (c, _): (Noisy, Noisy), mut _d: Noisy) -> usize {
        let _local = a.log.value("local");
        c.name.len()
    }

    pub(super) fn question(a: Noisy, _: Noisy, (_c, _): (Noisy, Noisy), fail: bool, _e: Noisy) -> Result<usize, ()> {
        let _local = a.log.value("local");
        let value = if fail { None } else { Some(1) };
        let value = value.ok_or(())?;
        let _later = a.log.value("later");
        Ok(value)
    }

    pub(super) fn early(a: Noisy, b: Noisy, _: Noisy, how: u8) -> Result<Noisy, Noisy> {
        let local = a.log.value("local");
        match how {
            0 => return Ok(a),
            1 => return Err(b),
            2 => drop(b),
            _ => {}
        }
        Ok(local)
    }

    pub(super) fn unused(_a: Noisy, b: Noisy, _c: Noisy, fail: bool) -> Result<(), ()> {
        if fail {
            return Err(());
        }
        drop(b);
        Ok(())
    }

    pub(super) fn tail_temporary(a: Noisy, b: Noisy) -> Result<usize, ()> {
        let local = a.log.value("local");
        if b.name.is_empty() {
            return Err(());
        }
        Ok(local.log.value("temporary").name.len())
    }

    pub(super) fn plain_tail_temporary(a: Noisy, b: Noisy) -> usize {
        let local = a.log.value("local");
        b.name.len() + local.log.value("temporary").name.len()
    }

    pub(super) fn opaque(a: Noisy, b: Noisy) -> impl Sized {
        let _local = a.log.value("local");
        if b.name.is_empty() {
            return a;
        }
        b
    }

    pub(super) fn bindings(whole @ (_, _): (Noisy, Noisy), ref r: Noisy, [_, b, ..]: [Noisy; 3]) -> Result<(), ()> {
        if r.name.is_empty() {
            return Err(());
        }
        drop(b);
        drop(whole.0);
        Ok(())
    }

    pub(super) fn panics(a: Noisy, _: Noisy, (_c, _): (Noisy, Noisy)) -> Result<(), ()> {
        let _local = a.log.value("local");
        if a.name.len() < 100 {
            panic!("on purpose");
        }
        Err(())?
    }

    /// A `self` whose fields are moved one by one.
    pub(super) struct Pair {
        first: Noisy,
        _second: Noisy,
    }

    impl Pair {
        pub(super) fn new(log: &Log) -> Self {
            Self { first: log.value("first"), _second: log.value("second") }
        }

        pub(super) fn take(self, a: Noisy, fail: bool) -> Result<Noisy, ()> {
            let _local = a.log.value("local");
            if fail {
                return Err(());
            }
            Ok(self.first)
        }

        pub(super) fn ignore(self, _: Noisy, b: Noisy, fail: bool) -> Result<usize, ()> {
            if fail {
                return Err(());
            }
            Ok(b.name.len())
        }

        pub(super) async fn take_later(self, a: Noisy, _: Noisy, fail: bool) -> Result<Noisy, ()> {
            yield_now().await;
            if fail {
                return Err(());
            }
            drop(a);
            Ok(self.first)
        }

        pub(super) async fn ignore_later(self, _: Noisy, b: Noisy, fail: bool) -> Result<usize, ()> {
            yield_now().await;
            if fail {
                return Err(());
            }
            Ok(b.name.len())
        }
    }
}

#[test]
fn of_a_self_that_is_moved_in_part() {
    for fail in [true, false] {
        check!(|log| Pair::new(&log).take(log.value("a"), fail));
        check!(|log| Pair::new(&log).ignore(log.value("a"), log.value("b"), fail));
        check!(|log| block_on(Pair::new(&log).take_later(log.value("a"), log.value("b"), fail)));
        check!(|log| block_on(Pair::new(&log).ignore_later(log.value("a"), log.value("b"), fail)));
        check!(|log| Pair::new(&log).ignore_later(log.value("a"), log.value("b"), fail));
        check!(|log| {
            let mut future = Box::pin(Pair::new(&log).ignore_later(log.value("a"), log.value("b"), fail));
            assert!(poll_once(&mut future).is_pending());
        });
    }
}

#[test]
fn of_all_parameters() {
    check!(|log| unit(log.value("a"), log.value("b"), log.pair("c", "c2"), log.value("d")));
    check!(|log| value(log.value("a"), log.value("b"), log.pair("c", "c2"), log.value("d")));
}

#[test]
fn after_an_early_exit() {
    for fail in [true, false] {
        check!(|log| question(log.value("a"), log.value("b"), log.pair("c", "c2"), fail, log.value("e")));
        check!(|log| unused(log.value("a"), log.value("b"), log.value("c"), fail));
    }
}

#[test]
fn when_some_parameters_are_moved_on_some_paths() {
    for how in 0..4 {
        check!(|log| early(log.value("a"), log.value("b"), log.value("c"), how));
    }
}

#[test]
fn of_temporaries_in_the_tail() {
    check!(|log| tail_temporary(log.value("a"), log.value("b")));
    check!(|log| plain_tail_temporary(log.value("a"), log.value("b")));
    check!(|log| opaque(log.value("a"), log.value("b")));
}

#[test]
fn of_patterns() {
    check!(|log| bindings(log.pair("a", "b"), log.value("c"), [log.value("d"), log.value("e"), log.value("f")]));
}

#[test]
fn while_unwinding() {
    check!(|log| {
        let values = (log.value("a"), log.value("b"), log.pair("c", "c2"));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| panics(values.0, values.1, values.2)))
    });
}
