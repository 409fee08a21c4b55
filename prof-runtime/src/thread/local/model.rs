//! The loom models of calls in flight, which other threads look at.

use loom::sync::Arc;

use super::*;

fn check(site: &'static Callsite, calls: fn(&Local), seen: std::ops::RangeInclusive<i64>) {
    loom::model(move || {
        let local = Arc::new(Local::new(site, Kind::Fast));
        let read = Arc::clone(&local);
        let seen = seen.clone();
        // The reader is the thread that begins later: loom looks for conflicts with the last store, not with loads.
        let reader = loom::thread::spawn(move || assert!(seen.contains(&read.in_flight())));
        calls(&local);
        reader.join().unwrap();
        assert_eq!(local.in_flight(), 0);
    });
}

#[test]
fn loom_calls_in_each_other_are_in_flight_until_they_end() {
    static SITE: Callsite = Callsite::new("f", || "app::f::item", "app", file!(), line!());
    let calls = |local: &Local| {
        assert!(local.begin());
        assert!(local.begin());
        local.end(0);
        local.end(0);
    };
    check(&SITE, calls, 0..=2);
}

/// The two counts are read one after the other, each at some recent moment: by the calls that passed meanwhile, a
/// snapshot may say more or less.
#[test]
fn loom_calls_that_are_not_timed_are_in_flight_until_they_end() {
    static SITE: Callsite = Callsite::new("f", || "app::f::item", "app", file!(), line!()).with_sample(u32::MAX);
    let calls = |local: &Local| {
        for _ in 0..2 {
            assert!(local.begin_untimed());
            local.end_untimed();
        }
    };
    check(&SITE, calls, -2..=2);
}
