//! The table of timers against a naive model.

use std::collections::BTreeMap;

use proptest::prelude::*;
use timer_watchdog::{ScopeId, TimerRequest, TimerTable, Timestamp};

#[derive(Debug, Clone)]
enum Step {
    Acquire(u8, u8, u64),
    Release(u8, u8),
    Clear(u8),
    Expire(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5_u8, 0..4_u8, 0..40_u64).prop_map(|(w, s, t)| Step::Acquire(w, s, t)),
        2 => (0..5_u8, 0..4_u8).prop_map(|(w, s)| Step::Release(w, s)),
        1 => (0..5_u8).prop_map(Step::Clear),
        2 => (0..45_u64).prop_map(Step::Expire),
    ]
}

fn scope(number: u8) -> ScopeId {
    ScopeId::from(format!("scope {number}"))
}

/// What a table is meant to be: a map from names to deadlines, searched from end to end.
type Model = BTreeMap<(u8, u8), u64>;

fn carry_out(step: &Step, table: &mut TimerTable<u8>, model: &mut Model) {
    match *step {
        Step::Acquire(worker, name, deadline) => {
            let deadline_at = Timestamp::from_nanos(deadline);
            let was_known = model.keys().any(|(known, _)| *known == worker);
            let is_new = table.register(&TimerRequest::acquire(worker, scope(name), deadline_at));
            assert_eq!(is_new, !was_known);
            model.insert((worker, name), deadline);
        }
        Step::Release(worker, name) => {
            let released = table.release(&worker, &scope(name));
            assert_eq!(released, model.remove(&(worker, name)).is_some());
        }
        Step::Clear(worker) => {
            let before = model.len();
            model.retain(|(known, _), _| *known != worker);
            assert_eq!(table.clear(&worker), before - model.len());
        }
        Step::Expire(now) => check_expired(table, model, now),
    }
}

fn check_expired(table: &TimerTable<u8>, model: &Model, now: u64) {
    let expired = table.expired(Timestamp::from_nanos(now));
    let mut found = Model::new();
    let mut last_first = Timestamp::ZERO;
    for worker in &expired {
        let deadlines: Vec<_> = worker.timers.iter().filter_map(TimerRequest::expiration).collect();
        assert!(deadlines.is_sorted());
        assert!(deadlines[0] >= last_first, "the earliest goes first");
        last_first = deadlines[0];
        for timer in &worker.timers {
            let number = timer.scope_id.as_str().strip_prefix("scope ").unwrap().parse().unwrap();
            let deadline = timer.expiration().unwrap().as_nanos();
            let twice = found.insert((worker.worker_id, number), deadline);
            assert_eq!(twice, None);
        }
    }
    let expect = model.iter().filter(|(_, deadline)| **deadline <= now);
    assert_eq!(found, expect.map(|(name, deadline)| (*name, *deadline)).collect());
    let later = model.values().filter(|deadline| **deadline > now).min();
    let next = table.next_deadline_after(Timestamp::from_nanos(now));
    assert_eq!(next.map(Timestamp::as_nanos), later.copied());
}

proptest! {
    #[test]
    fn the_table_does_what_the_naive_model_does(steps in prop::collection::vec(step(), 0..120)) {
        let mut table = TimerTable::new();
        let mut model = Model::new();
        for step in &steps {
            carry_out(step, &mut table, &mut model);
            prop_assert_eq!(table.len(), model.len());
            prop_assert_eq!(table.is_empty(), model.is_empty());
            let next = table.next_deadline().map(Timestamp::as_nanos);
            prop_assert_eq!(next, model.values().min().copied());
        }
    }
}

#[test]
fn a_million_timers_are_held_and_found() {
    let mut table = TimerTable::new();
    for n in 0..1_000_000_u64 {
        let worker = n % 1000;
        let deadline = Timestamp::from_nanos(n * 7919 % 1_000_003 + 1);
        table.register(&TimerRequest::acquire(worker, format!("{n}"), deadline));
    }
    assert_eq!((table.len(), table.workers()), (1_000_000, 1000));
    let expired = table.expired(Timestamp::from_nanos(100));
    let found: usize = expired.iter().map(|worker| worker.timers.len()).sum();
    let expect = (0..1_000_000_u64).filter(|n| n * 7919 % 1_000_003 < 100).count();
    assert_eq!(found, expect);
    assert_eq!((0..1000).map(|worker| table.clear(&worker)).sum::<usize>(), 1_000_000);
    assert_eq!(table.next_deadline(), None);
}
