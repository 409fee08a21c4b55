use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Ending, Ladder};
use crate::process::{KillOutcome, KillPolicy, KillTarget, Standing, WorkerProcess};
use crate::time::Timestamp;
use crate::timers::Pid;

/// A process that a test moves.
#[derive(Debug)]
struct Fake {
    standing: Mutex<Standing>,
    /// How it stands after a signal, and what the signal's answer is.
    reaction: fn(i32) -> (Option<Standing>, io::Result<()>),
    sent: Mutex<Vec<i32>>,
}

impl WorkerProcess for Fake {
    fn standing(&self) -> Standing {
        self.standing.lock().unwrap().clone()
    }

    fn send(&self, signal: i32, _target: KillTarget) -> io::Result<()> {
        self.sent.lock().unwrap().push(signal);
        let (standing, answer) = (self.reaction)(signal);
        if let Some(standing) = standing {
            *self.standing.lock().unwrap() = standing;
        }
        answer
    }
}

fn alive(state: char) -> Standing {
    Standing::Alive { state, wait_channel: "folio_wait_bit".into() }
}

const fn at(seconds: u64) -> Timestamp {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

fn fake(state: char, reaction: fn(i32) -> (Option<Standing>, io::Result<()>)) -> Arc<Fake> {
    Arc::new(Fake { standing: Mutex::new(alive(state)), reaction, sent: Mutex::default() })
}

/// Signal 15, ten seconds of grace, five of waiting.
fn ladder(process: &Arc<Fake>) -> Ladder {
    Ladder::new(Arc::clone(process) as _, &KillPolicy::new(), 15, at(0))
}

fn sent(process: &Fake) -> Vec<i32> {
    process.sent.lock().unwrap().clone()
}

#[test]
fn fault_33_a_process_in_the_kernel_is_unkillable_after_a_bounded_wait() {
    let process = fake('D', |_| (None, Ok(())));
    let mut ladder = ladder(&process);
    assert_eq!(ladder.advance(at(0), || true), None);
    assert_eq!((sent(&process), ladder.due()), (vec![15], at(10)));
    assert_eq!(ladder.advance(at(9), || true), None);
    assert_eq!(ladder.advance(at(10), || true), None);
    assert_eq!((sent(&process), ladder.due()), (vec![15, 9], at(15)));
    let outcome = KillOutcome::Unkillable { state: 'D', wait_channel: "folio_wait_bit".into() };
    assert_eq!(ladder.advance(at(15), || true), Some(Ending::Killed(outcome)));
    assert_eq!(sent(&process), [15, 9], "no loop");
}

#[test]
fn fault_34_a_stopped_process_is_let_go_on_to_take_the_signal() {
    let process = fake('T', |_| (None, Ok(())));
    let mut ladder = ladder(&process);
    ladder.advance(at(0), || true);
    assert_eq!(sent(&process), [15, 18]);
    ladder.advance(at(10), || true);
    assert_eq!(sent(&process), [15, 18, 9]);
}

#[test]
fn fault_36_each_signal_is_asked_for_again() {
    let process = fake('S', |_| (None, Ok(())));
    assert_eq!(ladder(&process).advance(at(0), || false), Some(Ending::Recovered));
    assert_eq!(sent(&process), [] as [i32; 0]);
    let mut ladder = ladder(&process);
    ladder.advance(at(0), || true);
    assert_eq!(ladder.advance(at(10), || false), Some(Ending::Recovered));
    assert_eq!(sent(&process), [15]);
}

#[test]
fn fault_31_a_refusal_is_tried_again_with_growing_waits_and_a_cap() {
    let process = fake('S', |_| (None, Err(io::ErrorKind::PermissionDenied.into())));
    let mut ladder = ladder(&process);
    let mut times = Vec::new();
    let ending = loop {
        let now = ladder.due();
        times.push(now);
        if let Some(ending) = ladder.advance(now, || true) {
            break ending;
        }
    };
    assert_eq!(times, [at(0), at(1), at(3), at(7), at(15), at(31)]);
    assert_eq!(ending, Ending::Killed(KillOutcome::Denied { reason: "permission denied".into() }));
}

#[test]
fn fault_31_a_refusal_that_ends_is_followed_by_the_kill() {
    let process = fake('S', |_| (None, Err(io::ErrorKind::PermissionDenied.into())));
    let mut ladder = ladder(&process);
    assert_eq!(ladder.advance(at(0), || true), None);
    *process.standing.lock().unwrap() = Standing::Gone;
    assert_eq!(ladder.advance(at(1), || true), Some(Ending::Killed(KillOutcome::Gone)), "it ended by itself");
}

#[test]
fn fault_32_a_zombie_is_dead_and_is_not_signalled_again() {
    let process = fake('S', |_| (Some(Standing::Zombie { parent: Pid(7) }), Ok(())));
    let mut ladder = ladder(&process);
    assert_eq!(ladder.advance(at(0), || true), None, "its parent may be about to ask");
    assert!(ladder.due() <= at(0).after(Duration::from_millis(100)));
    let ending = ladder.advance(ladder.due(), || true);
    assert_eq!(ending, Some(Ending::Killed(KillOutcome::Zombie { parent: 7 })));
    assert_eq!(sent(&process), [15]);
}

#[test]
fn a_process_that_obeys_has_exited_and_one_that_was_gone_is_gone() {
    let process = fake('S', |_| (Some(Standing::Gone), Ok(())));
    assert_eq!(ladder(&process).advance(at(0), || true), Some(Ending::Killed(KillOutcome::Exited)));
    assert_eq!(ladder(&process).advance(at(0), || true), Some(Ending::Killed(KillOutcome::Gone)));
    let vanished = fake('S', |_| (None, Err(io::ErrorKind::NotFound.into())));
    assert_eq!(ladder(&vanished).advance(at(0), || true), Some(Ending::Killed(KillOutcome::Gone)));
}
