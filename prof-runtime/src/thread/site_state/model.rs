//! The loom models of calls in flight, which other threads look at.

use loom::sync::Arc;

use super::*;

fn check(site: &'static Callsite, calls: fn(&SiteState), seen: std::ops::RangeInclusive<i64>) {
    loom::model(move || {
        let state = Arc::new(SiteState::new(site, ClockKind::Tsc));
        let read = Arc::clone(&state);
        let seen = seen.clone();
        // The reader is the thread that begins later: loom looks for conflicts with the last store, not with loads.
        let reader = loom::thread::spawn(move || assert!(seen.contains(&read.in_flight())));
        calls(&state);
        reader.join().unwrap();
        assert_eq!(state.in_flight(), 0);
    });
}

#[test]
fn loom_calls_in_each_other_are_in_flight_until_they_end() {
    static SITE: Callsite = Callsite::new("f", || "app::f::item", "app", file!(), line!());
    let calls = |state: &SiteState| {
        assert!(state.begin());
        assert!(state.begin());
        state.end(0);
        state.end(0);
    };
    check(&SITE, calls, 0..=2);
}

/// The two counts are read one after the other, each at some recent moment: by the calls that passed meanwhile, a
/// snapshot may say more or less.
#[test]
fn loom_calls_that_are_not_timed_are_in_flight_until_they_end() {
    static SITE: Callsite = Callsite::new("f", || "app::f::item", "app", file!(), line!()).with_sample(u32::MAX);
    let calls = |state: &SiteState| {
        for _ in 0..2 {
            assert!(state.begin_untimed());
            state.end_untimed();
        }
    };
    check(&SITE, calls, -2..=2);
}
