//! The in-process guard: scopes and limits; on a mock clock, with passes by hand.

use std::panic::Location;
use std::thread;
use std::time::Duration;

use timer_watchdog::Event;
use timer_watchdog::hang::{
    Activity, Detector, Domain, Entered, HangConfig, Level, Recovery, Scope, Stall, watch, watch_in, watch_owned,
};
use timer_watchdog::{MockClock, StartError};

use crate::support::ms;

/// A domain of the test's own, which the test's thread is in.
pub(crate) struct Lab {
    pub(crate) mock: MockClock,
    pub(crate) domain: Domain,
    detector: Detector,
    _entered: Entered,
}

impl Lab {
    pub(crate) fn new(config: &HangConfig) -> Self {
        let mock = MockClock::new();
        let domain = Domain::new(mock.clock());
        Self { detector: config.detector(&domain).unwrap(), _entered: domain.enter(), mock, domain }
    }

    /// Without a soft limit, and with a look at least every 10 ms.
    pub(crate) fn hard_only() -> Self {
        Self::new(&HangConfig::new().soft_fraction(f64::NAN))
    }

    /// Lets this much time pass, with a pass whenever one is due, and returns what they tell.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<Event> {
        let clock = self.mock.clock();
        let end = clock.now().after(time);
        let mut events = Vec::new();
        while self.detector.due() <= end {
            self.mock.advance(self.detector.due().since(clock.now()));
            events.extend(self.detector.pass());
        }
        self.mock.advance(end.since(clock.now()));
        events
    }

    /// Lets no time pass and returns what a look tells.
    pub(crate) fn look(&mut self) -> Vec<Event> {
        self.detector.pass()
    }
}

pub(crate) fn stalls(events: &[Event]) -> Vec<&Stall> {
    let mut stalls = Vec::new();
    for event in events {
        if let Event::Stalled(stall) = event {
            stalls.push(stall);
        }
    }
    stalls
}

pub(crate) fn only_stall(events: &[Event]) -> &Stall {
    match events {
        [Event::Stalled(stall)] => stall,
        other => panic!("one stall expected: {other:?}"),
    }
}

pub(crate) fn only_recovery(events: &[Event]) -> &Recovery {
    match events {
        [Event::Recovered(recovery)] => recovery,
        other => panic!("one recovery expected: {other:?}"),
    }
}

pub(crate) static COPY: Scope = Scope::new("copy");

#[test]
fn a_stall_names_the_scope_its_place_its_thread_and_how_long() {
    let mut lab = Lab::hard_only();
    let line = Location::caller().line() + 1;
    let scope = watch_in(&COPY, ms(100));
    assert!(lab.pass(ms(99)).is_empty(), "never early");
    let events = lab.pass(ms(1));
    let stall = only_stall(&events);
    assert_eq!((stall.level, stall.scope), (Level::Hard, Some("copy")));
    assert!(stall.place.file().ends_with("hang.rs"));
    assert_eq!(stall.place.line(), line);
    assert_eq!((stall.elapsed, stall.timeout), (ms(100), ms(100)));
    let Activity::InScope { thread } = &stall.activity else {
        panic!("{:?}", stall.activity);
    };
    assert_eq!(thread.id, thread::current().id());
    assert_eq!(thread.name.as_deref(), thread::current().name());
    assert_eq!(thread.os_id.is_some(), cfg!(target_os = "linux"));
    let text = events[0].to_string();
    assert!(text.starts_with(r#"stalled: scope "copy" at "#), "{text}");
    assert!(text.contains("has taken 100ms of 100ms (hard limit), on thread"), "{text}");
    drop(scope);
}

#[test]
fn soft_then_hard_then_recovered_each_once() {
    let mut lab = Lab::new(&HangConfig::new());
    let scope = watch(ms(100));
    assert!(lab.pass(ms(49)).is_empty());
    let events = lab.pass(ms(1));
    assert_eq!(only_stall(&events).level, Level::Soft);
    assert!(lab.pass(ms(49)).is_empty(), "told once");
    let events = lab.pass(ms(1));
    assert_eq!(only_stall(&events).level, Level::Hard);
    assert!(lab.pass(ms(500)).is_empty(), "told once");
    drop(scope);
    let events = lab.look();
    let recovery = only_recovery(&events);
    assert_eq!((recovery.has_ended, recovery.elapsed), (true, ms(600)));
    assert!(events[0].to_string().ends_with("ended after 600ms"));
    assert!(lab.pass(ms(500)).is_empty());
}

#[test]
fn the_soft_limit_is_a_part_of_the_timeout_that_one_chooses() {
    let mut lab = Lab::new(&HangConfig::new().soft_fraction(0.9));
    let _scope = watch(ms(100));
    assert!(lab.pass(ms(89)).is_empty());
    let events = lab.pass(ms(1));
    assert_eq!(only_stall(&events).level, Level::Soft);
}

#[test]
fn an_inner_scope_never_hides_an_expired_outer_one() {
    let mut lab = Lab::hard_only();
    let _outer = watch_in(&COPY, ms(100));
    for _ in 0..9 {
        let _inner = watch(ms(1000));
        assert!(lab.pass(ms(10)).is_empty());
    }
    let _inner = watch(ms(1000));
    let events = lab.pass(ms(10));
    assert_eq!(only_stall(&events).scope, Some("copy"));
}

#[test]
fn an_inner_scope_expires_before_its_outer_one() {
    let mut lab = Lab::hard_only();
    let outer = watch_in(&COPY, ms(100));
    let inner = watch(ms(20));
    let events = lab.pass(ms(20));
    assert_eq!(only_stall(&events).scope, None);
    let events = lab.pass(ms(80));
    assert_eq!(only_stall(&events).scope, Some("copy"));
    drop(inner);
    assert_eq!(only_recovery(&lab.look()).stall.scope, None);
    drop(outer);
    assert_eq!(only_recovery(&lab.look()).stall.scope, Some("copy"));
}

#[test]
fn a_petted_scope_is_well_and_recovers() {
    let mut lab = Lab::hard_only();
    let scope = watch(ms(100));
    for _ in 0..5 {
        assert!(lab.pass(ms(99)).is_empty());
        scope.pet();
    }
    let events = lab.pass(ms(100));
    let stall = only_stall(&events).clone();
    assert!(!stall.is_over());
    scope.pet();
    assert!(stall.is_over());
    let events = lab.look();
    assert!(!only_recovery(&events).has_ended);
    // A new episode is told anew.
    let events = lab.pass(ms(100));
    assert_eq!(only_stall(&events).elapsed, ms(100));
}

#[test]
fn an_outer_scope_can_be_petted_while_an_inner_one_lives() {
    let mut lab = Lab::hard_only();
    let outer = watch(ms(100));
    let _inner = watch(ms(1000));
    assert!(lab.pass(ms(60)).is_empty());
    outer.pet();
    assert!(lab.pass(ms(99)).is_empty());
    assert_eq!(stalls(&lab.pass(ms(1))).len(), 1);
}

#[test]
fn a_paused_scope_has_no_limit_and_keeps_what_is_left() {
    let mut lab = Lab::hard_only();
    let scope = watch(ms(100));
    lab.pass(ms(60));
    scope.pause();
    scope.pause();
    assert!(lab.pass(ms(5000)).is_empty());
    scope.resume();
    scope.resume();
    assert!(lab.pass(ms(39)).is_empty());
    assert_eq!(stalls(&lab.pass(ms(1))).len(), 1);
    // Petted while paused, it has its whole time after.
    scope.pause();
    assert!(!only_recovery(&lab.look()).has_ended);
    scope.pet();
    scope.resume();
    assert!(lab.pass(ms(99)).is_empty());
    assert_eq!(stalls(&lab.pass(ms(1))).len(), 1);
}

#[test]
fn nothing_is_reported_during_the_grace_and_what_is_stalled_after_it() {
    let mut lab = Lab::new(&HangConfig::new().grace(ms(500)));
    let _scope = watch(ms(50));
    assert!(lab.pass(ms(499)).is_empty());
    let events = lab.pass(ms(1));
    assert_eq!(only_stall(&events).elapsed, ms(500));
}

#[test]
fn an_owned_guard_moves_between_threads_and_keeps_its_limit() {
    let mut lab = Lab::hard_only();
    let scope = watch_owned(ms(100));
    let scope = thread::spawn(move || {
        scope.pause();
        scope
    });
    let scope = scope.join().unwrap();
    assert!(lab.pass(ms(500)).is_empty());
    scope.resume();
    lab.pass(ms(50));
    scope.pet();
    assert!(lab.pass(ms(99)).is_empty());
    let events = lab.pass(ms(1));
    assert_eq!(only_stall(&events).activity, Activity::Owned);
    thread::spawn(move || drop(scope)).join().unwrap();
    assert!(only_recovery(&lab.look()).has_ended);
}

#[test]
fn a_domain_has_one_detector_at_a_time() {
    let lab = Lab::hard_only();
    let error = HangConfig::new().detector(&lab.domain).unwrap_err();
    assert!(matches!(error, StartError::AlreadyWatched { .. }));
    let domain = lab.domain;
    drop(lab);
    HangConfig::new().detector(&domain).unwrap();
}

#[test]
fn threads_in_different_domains_do_not_see_each_other() {
    let mut first = Lab::hard_only();
    let _of_first = watch(ms(100));
    let mut second = Lab::hard_only();
    let _of_second = watch_in(&COPY, ms(100));
    assert_eq!(only_stall(&first.pass(ms(100))).scope, None);
    assert_eq!(only_stall(&second.pass(ms(100))).scope, Some("copy"));
}
