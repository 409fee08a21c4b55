//! Watched futures: what a task does when it stalls, and every way it can end.

use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use timer_watchdog::Event;
use timer_watchdog::hang::{Activity, WatchFuture as _};

use crate::hang::{Lab, stalls};
use crate::support::ms;

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn only_activity(events: &[Event]) -> Activity {
    let stalls = stalls(events);
    assert_eq!(stalls.len(), 1, "{events:?}");
    stalls[0].activity.clone()
}

#[test]
fn fault_17_a_future_that_is_never_polled_stalls() {
    let mut lab = Lab::hard_only();
    let future = ready(()).watched(ms(100));
    assert!(lab.pass(ms(99)).is_empty());
    let events = lab.pass(ms(1));
    assert_eq!(only_activity(&events), Activity::NeverPolled);
    assert!(stalls(&events)[0].place.file().ends_with("tasks.rs"));
    drop(future);
    assert!(matches!(lab.look()[..], [Event::Recovered(_)]));
}

#[test]
fn a_future_that_never_progresses_is_told_from_one_that_blocks() {
    let mut lab = Lab::hard_only();
    let mut waits = pin!(pending::<()>().watched(ms(100)));
    lab.pass(ms(30));
    assert!(waits.as_mut().poll(&mut context()).is_pending());
    let events = lab.pass(ms(70));
    assert_eq!(only_activity(&events), Activity::BetweenPolls { elapsed: ms(70) });
}

#[test]
fn a_future_that_blocks_inside_a_poll_names_the_thread() {
    let mut lab = Lab::hard_only();
    let domain = lab.domain;
    let (enter, entered) = channel();
    let (release, released) = channel::<()>();
    let future = poll_fn(move |_| {
        enter.send(()).unwrap();
        let _ = released.recv();
        Poll::Ready(())
    })
    .watched(ms(100));
    let name = String::from("blocked worker");
    let thread = thread::Builder::new().name(name.clone()).spawn(move || {
        let _here = domain.enter();
        pin!(future).poll(&mut context()).is_ready()
    });
    entered.recv().unwrap();
    let events = lab.pass(ms(100));
    let Activity::InPoll { thread: Some(info), elapsed } = only_activity(&events) else {
        panic!("{events:?}");
    };
    assert_eq!((info.name.as_ref(), elapsed), (Some(&name), ms(100)));
    assert!(events[0].to_string().contains("blocked inside a poll for 100ms on thread \"blocked worker\""));
    drop(release);
    assert!(thread.unwrap().join().unwrap());
    assert!(matches!(&lab.look()[..], [Event::Recovered(recovery)] if recovery.has_ended));
}

#[test]
fn fault_17_a_cancelled_future_is_watched_no_more() {
    let mut lab = Lab::hard_only();
    let mut future = Box::pin(pending::<()>().watched(ms(100)));
    assert!(future.as_mut().poll(&mut context()).is_pending());
    drop(future);
    assert!(lab.pass(ms(500)).is_empty());
}

#[test]
fn fault_17_a_future_that_moves_names_the_thread_of_its_present_poll() {
    let mut lab = Lab::hard_only();
    let domain = lab.domain;
    let mut polls = 0;
    let (enter, entered) = channel();
    let (release, released) = channel::<()>();
    let mut future = Box::pin(
        poll_fn(move |_| {
            polls += 1;
            if polls == 2 {
                enter.send(()).unwrap();
                let _ = released.recv();
            }
            Poll::<()>::Pending
        })
        .watched(ms(100)),
    );
    assert!(future.as_mut().poll(&mut context()).is_pending());
    let thread = thread::spawn(move || {
        let _here = domain.enter();
        assert!(future.as_mut().poll(&mut context()).is_pending());
        future
    });
    entered.recv().unwrap();
    let events = lab.pass(ms(100));
    let Activity::InPoll { thread: Some(info), .. } = only_activity(&events) else {
        panic!("{events:?}");
    };
    assert_eq!(info.id, thread.thread().id());
    drop(release);
    drop(thread.join().unwrap());
    assert!(matches!(&lab.look()[..], [Event::Recovered(recovery)] if recovery.has_ended));
}

#[test]
fn a_poll_that_panics_ends_the_poll_and_the_drop_ends_the_watch() {
    let mut lab = Lab::hard_only();
    let mut future = Box::pin(poll_fn(|_| -> Poll<()> { panic!("the poll panics") }).watched(ms(100)));
    let poll = std::panic::AssertUnwindSafe(|| future.as_mut().poll(&mut context()));
    std::panic::catch_unwind(poll).unwrap_err();
    let events = lab.pass(ms(100));
    assert_eq!(only_activity(&events), Activity::BetweenPolls { elapsed: ms(100) });
    drop(future);
    assert_eq!(lab.look().len(), 1);
}

#[test]
fn a_finished_future_is_watched_no_more_even_if_it_is_kept() {
    let mut lab = Lab::hard_only();
    let mut future = pin!(ready(7).watched(ms(100)));
    assert_eq!(future.as_mut().poll(&mut context()), Poll::Ready(7));
    assert!(lab.pass(ms(500)).is_empty());
}

#[test]
fn a_future_that_pets_on_poll_may_run_for_ever() {
    let mut lab = Lab::hard_only();
    let mut future = pin!(pending::<()>().watched(ms(100)).pet_on_poll());
    for _ in 0..10 {
        assert!(lab.pass(ms(90)).is_empty());
        assert!(future.as_mut().poll(&mut context()).is_pending());
    }
    assert_eq!(stalls(&lab.pass(ms(100))).len(), 1);
}

#[test]
fn fault_18_a_runtime_that_shuts_down_retires_its_tasks_and_threads() {
    let mut lab = Lab::hard_only();
    let domain = lab.domain;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let (tell, told) = channel();
    for _ in 0..10 {
        let tell = tell.clone();
        // Watched in this thread's domain; polled by the runtime's.
        let task = async move {
            tell.send(()).unwrap();
            pending::<()>().await;
        };
        runtime.spawn(task.watched(ms(100)));
    }
    for _ in 0..10 {
        told.recv().unwrap();
    }
    runtime.shutdown_timeout(Duration::from_secs(60));
    assert!(lab.pass(ms(500)).is_empty());
    assert_eq!(domain.guard_stats().leaked, 0);
}
