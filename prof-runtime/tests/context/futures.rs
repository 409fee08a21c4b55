//! A context around a future.

use std::{
    cell::Cell,
    future::{pending, poll_fn, ready},
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    thread,
};

use prof_runtime::{
    MetricsContext,
    context::{ContextFailure, InContext},
};

use super::{metrics, recorded_context};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Is pending once.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|_| if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

fn count() {
    MetricsContext::current().expect("in a context").increment("count", 1).unwrap();
}

#[test]
fn it_is_one_entry_over_several_polls() {
    let (context, records) = recorded_context();
    let mut future = pin!(context.run_async(async {
        count();
        yield_once().await;
        count();
    }));
    assert!(poll(future.as_mut()).is_pending());
    assert!(context.in_progress());
    assert!(MetricsContext::current().is_none(), "between polls the thread is not in the context");
    assert_eq!(poll(future.as_mut()), Poll::Ready(()));
    assert!(!context.in_progress());
    assert_eq!(records.take_one_metrics(), metrics([("count", 2.into())]));
}

#[test]
fn it_may_be_polled_by_one_thread_after_another() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let (context, records) = recorded_context();
    let mut future = assert_send(Box::pin(context.run_async(async {
        MetricsContext::current().unwrap().update_outer([("first", 1)]).unwrap();
        yield_once().await;
        MetricsContext::current().unwrap().update_outer([("second", 2)]).unwrap();
        Ok::<_, &str>(7)
    })));
    assert!(poll(future.as_mut()).is_pending());
    let polled = thread::spawn(move || poll(future.as_mut())).join().unwrap();
    assert_eq!(polled, Poll::Ready(Ok(7)));
    let record = records.take_one();
    assert_eq!((record.metrics, record.error), (metrics([("first", 1.into()), ("second", 2.into())]), None));
}

#[test]
fn interleaved_futures_have_their_own_contexts() {
    let (a, a_records) = recorded_context();
    let (b, b_records) = recorded_context();
    let work = async || {
        count();
        yield_once().await;
        count();
    };
    let (mut in_a, mut in_b) = (pin!(a.run_async(work())), pin!(b.run_async(work())));
    assert!(poll(in_a.as_mut()).is_pending());
    assert!(poll(in_b.as_mut()).is_pending());
    assert!(poll(in_a.as_mut()).is_ready());
    assert!(poll(in_b.as_mut()).is_ready());
    assert_eq!(a_records.take_one_metrics(), metrics([("count", 2.into())]));
    assert_eq!(b_records.take_one_metrics(), metrics([("count", 2.into())]));
}

#[test]
fn nested_futures_belong_to_the_outermost() {
    let (context, records) = recorded_context();
    let nested = context.run_async(async {
        MetricsContext::current().unwrap().update_outer([("nested", 1)]).unwrap();
        count();
        Err::<(), _>("dealt with")
    });
    let mut future = pin!(context.run_async(async {
        assert!(nested.await.is_err());
        count();
    }));
    assert!(poll(future.as_mut()).is_ready());
    let record = records.take_one();
    assert_eq!((record.metrics, record.error), (metrics([("count", 2.into())]), None));
}

#[test]
fn its_err_is_the_error() {
    let (context, records) = recorded_context();
    let mut future = pin!(context.run_async(ready(Err::<(), _>("refused"))));
    assert_eq!(poll(future.as_mut()), Poll::Ready(Err("refused")));
    assert_eq!(records.take_one().error.unwrap().to_string(), "refused");
}

#[test]
fn its_panic_goes_on_and_is_the_error() {
    let (context, records) = recorded_context();
    let mut future = pin!(context.run_async(async {
        yield_once().await;
        if context.in_progress() {
            panic_any("broken");
        }
    }));
    assert!(poll(future.as_mut()).is_pending());
    let payload = catch_unwind(AssertUnwindSafe(|| poll(future.as_mut()))).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"broken"));
    assert_eq!(records.take_one().error.unwrap().to_string(), "panicked: broken");
    assert!(MetricsContext::current().is_none());
}

#[test]
fn dropped_before_its_end_it_is_cancelled() {
    struct CountsOnDrop;
    impl Drop for CountsOnDrop {
        fn drop(&mut self) {
            count();
        }
    }
    let (context, records) = recorded_context();
    let mut future = Box::pin(context.run_async(async {
        let _counts = CountsOnDrop;
        pending::<()>().await;
    }));
    assert!(poll(future.as_mut()).is_pending());
    drop(future);
    let record = records.take_one();
    assert_eq!(record.metrics, metrics([("count", 1.into())]), "its drop is inside of the entry");
    assert_eq!(record.error, Some(ContextFailure::Cancelled));
}

#[test]
fn what_it_drops_at_its_end_is_inside_of_the_entry() {
    struct Counts;
    impl Drop for Counts {
        fn drop(&mut self) {
            count();
        }
    }
    let (context, records) = recorded_context();
    let held = Counts;
    let mut future = pin!(context.run_async(poll_fn(move |_| {
        let _held = &held;
        Poll::Ready(())
    })));
    assert!(poll(future.as_mut()).is_ready());
    assert_eq!(records.take_one_metrics(), metrics([("count", 1.into())]));
}

#[test]
fn never_polled_it_does_not_enter() {
    let (context, records) = recorded_context();
    drop(context.run_async(async {}));
    assert_eq!(records.len(), 0);
}

#[test]
fn polled_after_its_end_it_panics_and_does_not_enter() {
    let (context, records) = recorded_context();
    let mut future: Pin<Box<InContext<_>>> = Box::pin(context.run_async(async {}));
    assert!(poll(future.as_mut()).is_ready());
    let payload = catch_unwind(AssertUnwindSafe(|| poll(future.as_mut()))).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"a future in a MetricsContext was polled after its end"));
    assert!(!context.in_progress());
    assert_eq!(records.len(), 1);
}

#[test]
fn a_guard_dropped_inside_of_the_poll_leaves_the_futures_own_entry() {
    let (context, records) = recorded_context();
    let guard = Cell::new(None);
    let mut future = pin!(context.run_async(async {
        yield_once().await;
        drop(guard.take());
        context.update_outer([("outermost", 1)]).unwrap();
    }));
    assert!(poll(future.as_mut()).is_pending());
    guard.set(Some(context.enter()));
    assert!(poll(future.as_mut()).is_ready());
    assert_eq!(records.take_one_metrics(), metrics([("outermost", 1.into())]));
}
