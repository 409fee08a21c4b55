//! r08, r09: when a handler runs, the body is over; a panic goes on unchanged.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::{Arc, Mutex, MutexGuard};

use prof_runtime::{MetricData, MetricHandler, prof, scoped};
use prof_tests::block_on;

/// Takes a lock that the measured function held.
struct TakesLock(Arc<Mutex<u8>>, Arc<Mutex<Vec<String>>>);

impl MetricHandler for TakesLock {
    fn emit(&self, data: &MetricData<'_>) {
        let is_free = self.0.try_lock().is_ok();
        self.1.lock().unwrap().push(format!("{} {}", data.name.rsplit('.').next().unwrap(), is_free));
    }
}

fn lock(mutex: &Mutex<u8>) -> MutexGuard<'_, u8> {
    mutex.lock().unwrap()
}

#[prof]
fn tail(mutex: &Mutex<u8>) -> u8 {
    *lock(mutex)
}

#[prof]
fn early_tail(mutex: &Mutex<u8>) -> Result<u8, ()> {
    if false {
        return Err(());
    }
    Ok(*lock(mutex))
}

#[prof]
async fn tail_later(mutex: &Mutex<u8>) -> u8 {
    *lock(mutex)
}

#[prof]
async fn early_tail_later(mutex: &Mutex<u8>) -> Result<u8, ()> {
    Some(()).ok_or(())?;
    Ok(*lock(mutex))
}

#[prof]
fn opaque_tail(mutex: &Mutex<u8>) -> impl Sized + use<> {
    *lock(mutex)
}

#[test]
fn r08_temporaries_of_the_tail_are_gone() {
    let mutex = Arc::new(Mutex::new(1));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let _scope = scoped(TakesLock(mutex.clone(), seen.clone()));
    tail(&mutex);
    early_tail(&mutex).unwrap();
    block_on(tail_later(&mutex));
    block_on(early_tail_later(&mutex)).unwrap();
    opaque_tail(&mutex);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 10);
    assert!(seen.iter().all(|line| line.ends_with("true")), "{seen:?}");
}

#[prof]
fn panics() -> Result<u8, u8> {
    panic_any(77_u64)
}

#[prof]
async fn panics_later() -> Result<u8, u8> {
    if false {
        return Err(1);
    }
    panic_any(77_u64)
}

#[test]
fn r09_the_payload_is_unchanged() {
    let seen = prof_tests::calls(|| {
        let payloads = [
            catch_unwind(panics).unwrap_err(),
            catch_unwind(AssertUnwindSafe(|| block_on(panics_later()))).unwrap_err(),
        ];
        assert!(payloads.iter().all(|payload| payload.downcast_ref() == Some(&77_u64)));
    });
    assert_eq!(seen, ["handlers.panics.failure", "handlers.panics_later.failure"]);
}
