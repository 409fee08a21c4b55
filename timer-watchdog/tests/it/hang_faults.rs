//! Faults of in-process guards, on a mock clock, with passes by hand.

use std::cell::RefCell;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use timer_watchdog::Event;
use timer_watchdog::MockClock;
use timer_watchdog::hang::{Activity, ClockMode, Domain, HangConfig, Watch, watch, watch_in};

use crate::hang::{COPY, Lab, only_recovery, only_stall, stalls};
use crate::support::ms;

#[test]
fn fault_20_21_22_a_gap_charges_nobody() {
    let mut lab = Lab::hard_only();
    let _scope = watch(ms(200));
    assert!(lab.pass(ms(50)).is_empty());
    let due_in = ms(10);
    lab.mock.advance(Duration::from_secs(3600));
    let events = lab.look();
    let [Event::ObserverGap { gap }] = events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(gap, Duration::from_secs(3600).checked_sub(due_in).unwrap());
    // 50 ms before the gap, and the 10 ms of it that were planned: 140 ms are left.
    assert!(lab.pass(ms(139)).is_empty());
    let events = lab.pass(ms(1));
    assert_eq!(only_stall(&events).elapsed, ms(200));
}

#[test]
fn a_delay_below_the_threshold_is_no_gap() {
    let mut lab = Lab::hard_only();
    let _scope = watch(ms(100));
    lab.mock.advance(ms(100));
    assert_eq!(stalls(&lab.look()).len(), 1);
}

#[test]
fn a_scope_that_is_really_stuck_is_found_after_a_gap() {
    let mut lab = Lab::hard_only();
    let _scope = watch(ms(100));
    lab.mock.advance(Duration::from_secs(60));
    assert!(stalls(&lab.look()).is_empty());
    assert_eq!(stalls(&lab.pass(ms(100))).len(), 1);
}

#[test]
fn fault_05_a_forgotten_guard_expires_honestly_and_harms_no_other() {
    let mut lab = Lab::hard_only();
    let outer = watch(ms(5000));
    std::mem::forget(watch_in(&COPY, ms(100)));
    drop(outer);
    assert_eq!(lab.domain.guard_stats().out_of_order, 1);
    let _next = watch(ms(5000));
    let events = lab.pass(ms(100));
    assert_eq!(only_stall(&events).scope, Some("copy"));
}

#[test]
fn fault_06_guards_dropped_out_of_order_keep_their_own_limits() {
    let mut lab = Lab::hard_only();
    let first = watch(ms(100));
    let second = watch_in(&COPY, ms(200));
    let third = watch(ms(5000));
    drop(first);
    assert!(lab.pass(ms(199)).is_empty(), "the first is gone");
    let events = lab.pass(ms(1));
    assert_eq!(only_stall(&events).scope, Some("copy"));
    drop(second);
    assert!(only_recovery(&lab.look()).has_ended);
    drop(third);
    assert_eq!(lab.domain.guard_stats().out_of_order, 2);
    // All frames are free again: nesting starts at the bottom and nothing is out of order.
    drop(watch(ms(100)));
    assert_eq!(lab.domain.guard_stats().out_of_order, 2);
}

#[test]
fn fault_06_disorder_uses_up_no_room() {
    let lab = Lab::hard_only();
    for _ in 0..5000 {
        let first = watch(ms(100));
        let second = watch(ms(100));
        drop(first);
        drop(second);
    }
    assert!(watch(ms(100)).is_live());
    assert_eq!(lab.domain.guard_stats().too_deep, 0);
}

#[test]
fn fault_08_a_thread_that_ends_takes_its_scopes_with_it() {
    let mut lab = Lab::hard_only();
    let domain = lab.domain;
    let on_thread = move || {
        let _here = domain.enter();
        std::mem::forget(watch(ms(100)));
        std::mem::forget(watch(ms(100)));
    };
    thread::spawn(on_thread).join().unwrap();
    assert_eq!(domain.guard_stats().leaked, 2);
    assert!(lab.pass(ms(1000)).is_empty());
}

#[test]
fn a_slot_of_an_ended_thread_serves_the_next_one() {
    let mut lab = Lab::hard_only();
    let domain = lab.domain;
    for round in 0..50 {
        let (tell, told) = channel();
        let (finish, finished) = channel::<()>();
        let thread = thread::Builder::new().name(format!("round {round}")).spawn(move || {
            let _here = domain.enter();
            let _scope = watch(ms(100));
            tell.send(()).unwrap();
            let _ = finished.recv();
        });
        told.recv().unwrap();
        let events = lab.pass(ms(100));
        let Activity::InScope { thread: info } = &only_stall(&events).activity else {
            panic!("{events:?}");
        };
        assert_eq!(info.name, Some(format!("round {round}")));
        drop(finish);
        thread.unwrap().join().unwrap();
        assert!(only_recovery(&lab.look()).has_ended);
    }
}

#[test]
fn fault_09_guards_in_thread_locals_and_in_their_destructors_do_no_harm() {
    struct AtTheEnd(std::sync::mpsc::Sender<bool>);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            let scope = watch(ms(100));
            scope.pet();
            scope.pause();
            scope.resume();
            let _ = self.0.send(scope.is_live());
        }
    }
    thread_local! {
        static BEFORE: RefCell<Vec<AtTheEnd>> = const { RefCell::new(Vec::new()) };
        static KEPT: RefCell<Option<Watch>> = const { RefCell::new(None) };
        static AFTER: RefCell<Vec<AtTheEnd>> = const { RefCell::new(Vec::new()) };
    }
    let mut lab = Lab::hard_only();
    let domain = lab.domain;
    let (tell, told) = channel();
    let on_thread = move || {
        // One destructor is registered before the slot's, one after: they run on both sides of it.
        BEFORE.with_borrow_mut(|list| list.push(AtTheEnd(tell.clone())));
        std::mem::forget(domain.enter());
        KEPT.set(Some(watch(ms(100))));
        AFTER.with_borrow_mut(|list| list.push(AtTheEnd(tell)));
    };
    thread::spawn(on_thread).join().unwrap();
    let answers: Vec<bool> = told.iter().collect();
    assert_eq!(answers.len(), 2);
    assert!(answers.contains(&false), "one ran after the slot was given back");
    assert!(lab.pass(ms(1000)).is_empty());
}

#[test]
fn fault_15_guards_work_without_a_watcher() {
    let domain = Domain::new(MockClock::new().clock());
    let _here = domain.enter();
    let scope = watch(ms(1));
    scope.pet();
    assert!(scope.is_live());
}

#[test]
fn fault_24_25_26_no_time_at_all_and_all_the_time_there_is() {
    let mut lab = Lab::hard_only();
    let _never = watch(Duration::MAX);
    let _horizon = watch(Duration::from_nanos(u64::MAX - 1));
    assert!(lab.pass(Duration::ZERO).is_empty());
    let now = watch_in(&COPY, Duration::ZERO);
    let events = lab.look();
    assert_eq!(only_stall(&events).scope, Some("copy"));
    drop(now);
    assert_eq!(lab.look().len(), 1);
    assert!(lab.pass(ms(10_000)).is_empty());
}

#[test]
fn fault_28_a_published_time_is_never_early_and_at_most_a_pass_late() {
    let config = HangConfig::new().soft_fraction(f64::NAN).clock_mode(ClockMode::Published);
    let mut lab = Lab::new(&config);
    for offset in 0..10 {
        // Somewhere between two passes.
        lab.pass(ms(offset));
        let scope = watch(ms(100));
        assert!(lab.pass(ms(99)).is_empty(), "never early");
        let events = lab.pass(ms(11));
        assert!(only_stall(&events).elapsed <= ms(110));
        drop(scope);
        lab.look();
    }
}

#[test]
fn fault_28_a_published_time_that_is_late_makes_no_deadline_early() {
    let config = HangConfig::new().soft_fraction(f64::NAN).clock_mode(ClockMode::Published);
    let mut lab = Lab::new(&config);
    // The watcher sleeps for a minute, and in its 59th second a scope takes the time of the first.
    lab.mock.advance(Duration::from_secs(59));
    let _scope = watch(ms(500));
    lab.mock.advance(ms(99));
    assert!(stalls(&lab.look()).is_empty());
    assert!(stalls(&lab.pass(ms(400))).is_empty());
    assert_eq!(stalls(&lab.pass(ms(111))).len(), 1);
    // Less than a gap to report, and more than a pass: still never early.
    lab.look();
    lab.mock.advance(ms(90));
    let _other = watch_in(&COPY, ms(50));
    assert!(stalls(&lab.look()).is_empty());
    assert!(stalls(&lab.pass(ms(49))).is_empty());
    assert_eq!(stalls(&lab.pass(ms(11))).len(), 1);
}

#[test]
fn deep_nesting_is_watched_up_to_a_bound_and_counted_beyond() {
    let mut lab = Lab::hard_only();
    let scopes: Vec<Watch> = (0..4096).map(|_| watch(ms(5000))).collect();
    assert!(scopes.iter().all(Watch::is_live));
    let too_deep = watch(ms(1));
    assert!(!too_deep.is_live());
    drop(too_deep);
    assert_eq!(lab.domain.guard_stats().too_deep, 1);
    assert_eq!(lab.pass(ms(5000)).len(), 4096);
    for scope in scopes.into_iter().rev() {
        drop(scope);
    }
    assert_eq!(lab.look().len(), 4096);
    assert_eq!(lab.domain.guard_stats().out_of_order, 0);
    assert!(watch(ms(1)).is_live());
}
