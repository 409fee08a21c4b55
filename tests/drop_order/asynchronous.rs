//! r03, r04: `async` functions, finished, dropped half-way, and never polled.

use super::*;

twice! {
    pub(super) async fn plain_body(_a: Noisy, _: Noisy, (_c, _): (Noisy, Noisy), mut _d: Noisy) {
        let _local = _a.log.value("local");
        yield_now().await;
        let _later = _a.log.value("later");
    }

    pub(super) async fn unused(_a: Noisy, _: Noisy, _c: Noisy) -> Result<(), ()> {
        yield_now().await;
        Some(()).ok_or(())?;
        Ok(())
    }

    pub(super) async fn early(a: Noisy, b: Noisy, _: Noisy, (c, _): (Noisy, Noisy), how: u8) -> Result<Noisy, Noisy> {
        let local = a.log.value("local");
        yield_now().await;
        match how {
            0 => return Ok(a),
            1 => return Err(b),
            2 => drop(c),
            _ => {}
        }
        yield_now().await;
        Ok(local)
    }

    pub(super) async fn tail_temporary(a: Noisy, b: Noisy) -> Result<usize, ()> {
        let local = a.log.value("local");
        if b.name.is_empty() {
            return Err(());
        }
        yield_now().await;
        Ok(local.log.value("temporary").name.len())
    }

    pub(super) async fn panics(a: Noisy, _: Noisy, (_c, _): (Noisy, Noisy)) -> Result<(), ()> {
        let _local = a.log.value("local");
        yield_now().await;
        if a.name.len() < 100 {
            panic!("on purpose");
        }
        Err(())?
    }
}

#[test]
fn of_a_finished_future() {
    check!(|log| block_on(plain_body(log.value("a"), log.value("b"), log.pair("c", "c2"), log.value("d"))));
    check!(|log| block_on(unused(log.value("a"), log.value("b"), log.value("c"))));
    check!(|log| block_on(tail_temporary(log.value("a"), log.value("b"))));
    for how in 0..4 {
        check!(|log| block_on(early(log.value("a"), log.value("b"), log.value("c"), log.pair("d", "d2"), how)));
    }
}

#[test]
fn of_a_future_dropped_half_way() {
    check!(|log| {
        let mut future = Box::pin(plain_body(log.value("a"), log.value("b"), log.pair("c", "c2"), log.value("d")));
        assert!(poll_once(&mut future).is_pending());
    });
    check!(|log| {
        let mut future = Box::pin(unused(log.value("a"), log.value("b"), log.value("c")));
        assert!(poll_once(&mut future).is_pending());
    });
    for how in 2..4 {
        check!(|log| {
            let mut future = Box::pin(early(log.value("a"), log.value("b"), log.value("c"), log.pair("d", "d2"), how));
            assert!(poll_once(&mut future).is_pending());
            assert!(poll_once(&mut future).is_pending());
        });
    }
}

#[test]
fn of_a_future_never_polled() {
    check!(|log| plain_body(log.value("a"), log.value("b"), log.pair("c", "c2"), log.value("d")));
    check!(|log| unused(log.value("a"), log.value("b"), log.value("c")));
    check!(|log| early(log.value("a"), log.value("b"), log.value("c"), log.pair("d", "d2"), 0));
}

#[test]
fn of_a_future_that_panics() {
    check!(|log| {
        let mut future = Box::pin(panics(log.value("a"), log.value("b"), log.pair("c", "c2")));
        assert!(poll_once(&mut future).is_pending());
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll_once(&mut future)));
        assert!(unwound.is_err());
    });
}
