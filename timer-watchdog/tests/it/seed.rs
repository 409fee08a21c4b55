//! The seed's `test_run_watchdog`, to the letter (U1 to U5).

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use timer_watchdog::{
    ExpiredTimers, Pid, QueueError, ReapError, RequestQueue, TimerRequest, TimerServer, Timestamp, Watchdog,
};

/// Answers as the seed's mock does and notes how it was asked.
#[derive(Debug, Default)]
struct MockRequestQueue {
    size_calls: Mutex<usize>,
    get_calls: Mutex<Vec<(usize, Duration)>>,
}

fn answer() -> Vec<TimerRequest> {
    vec![
        TimerRequest::acquire(Pid(1), "test_1", Timestamp::ZERO),
        TimerRequest::acquire(Pid(2), "test_2", Timestamp::ZERO),
    ]
}

impl RequestQueue for MockRequestQueue {
    fn size(&self) -> usize {
        *self.size_calls.lock().unwrap() += 1;
        2
    }

    fn get(&self, size: usize, timeout: Duration) -> Result<Vec<TimerRequest>, QueueError> {
        self.get_calls.lock().unwrap().push((size, timeout));
        Ok(answer())
    }
}

/// Reaping worker 1 fails, worker 2 succeeds, worker 3 is not done; each has two expired timers.
#[derive(Debug, Default)]
struct MockTimerServer {
    /// Whether the reap of worker 1 panics rather than returning an error.
    panics: bool,
    registered: Mutex<Vec<Vec<TimerRequest>>>,
    cleared: Mutex<Vec<HashSet<Pid>>>,
    reaped: Mutex<Vec<Pid>>,
}

impl TimerServer for MockTimerServer {
    fn register_timers(&self, requests: &[TimerRequest]) {
        self.registered.lock().unwrap().push(requests.to_vec());
    }

    fn clear_timers(&self, worker_ids: &HashSet<Pid>) {
        self.cleared.lock().unwrap().push(worker_ids.clone());
    }

    fn expired_timers(&self, _deadline: Timestamp) -> Vec<ExpiredTimers<Pid>> {
        let timer = |worker, n| TimerRequest::acquire(Pid(worker), format!("test_{worker}_{n}"), Timestamp::ZERO);
        let worker =
            |worker| ExpiredTimers { worker_id: Pid(worker), timers: vec![timer(worker, 0), timer(worker, 1)] };
        (1..4).map(worker).collect()
    }

    fn reap_worker(&self, worker_id: &Pid) -> Result<bool, ReapError> {
        self.reaped.lock().unwrap().push(*worker_id);
        match worker_id.0 {
            1 if self.panics => panic!("test error"),
            1 => Err(ReapError::Other("test error".into())),
            2 => Ok(true),
            _ => Ok(false),
        }
    }
}

fn run(panics: bool) -> Watchdog<MockTimerServer, MockRequestQueue> {
    let server = MockTimerServer { panics, ..MockTimerServer::default() };
    let watchdog = Watchdog::new(server, MockRequestQueue::default(), Duration::from_secs(1));
    let report = watchdog.run_watchdog().unwrap();
    assert_eq!((report.reaped, report.failed, report.retained), (1, 1, 1));
    watchdog
}

#[test]
fn test_run_watchdog() {
    let watchdog = run(false);
    assert_eq!(*watchdog.queue().size_calls.lock().unwrap(), 1);
    let gets = watchdog.queue().get_calls.lock().unwrap().clone();
    assert_eq!(gets, [(2, Duration::from_secs(1))]);
    assert_eq!(*watchdog.server().registered.lock().unwrap(), [answer()]);
    let cleared = watchdog.server().cleared.lock().unwrap().clone();
    assert_eq!(cleared, [HashSet::from([Pid(1), Pid(2)])]);
}

#[test]
fn u01_a_pass_asks_for_the_size_once() {
    assert_eq!(*run(false).queue().size_calls.lock().unwrap(), 1);
}

#[test]
fn u02_a_pass_gets_what_the_size_said_within_the_interval() {
    let watchdog = run(false);
    let gets = watchdog.queue().get_calls.lock().unwrap();
    assert_eq!(*gets, [(2, Duration::from_secs(1))]);
}

#[test]
fn u03_a_pass_registers_exactly_what_it_got() {
    assert_eq!(*run(false).server().registered.lock().unwrap(), [answer()]);
    let changed = TimerRequest::acquire(Pid(1), "test_1", Timestamp::from_nanos(1));
    assert_ne!(changed, answer()[0]);
}

#[test]
fn u04_a_failed_reap_counts_as_reaped_and_false_stays() {
    let cleared = HashSet::from([Pid(1), Pid(2)]);
    assert_eq!(*run(false).server().cleared.lock().unwrap(), [cleared]);
}

#[test]
fn u05_one_failing_reap_stops_nobody() {
    let everyone = [Pid(1), Pid(2), Pid(3)];
    assert_eq!(*run(false).server().reaped.lock().unwrap(), everyone);
}

#[test]
fn fault_38_a_panicking_reap_counts_as_reaped() {
    let watchdog = run(true);
    let cleared = HashSet::from([Pid(1), Pid(2)]);
    assert_eq!(*watchdog.server().cleared.lock().unwrap(), [cleared]);
    let everyone = [Pid(1), Pid(2), Pid(3)];
    assert_eq!(*watchdog.server().reaped.lock().unwrap(), everyone);
}
