//! The behaviors of the local timers that upstream's own tests pin: U6 to U8 and U12 to U20.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use timer_watchdog::{
    ClientError, ExpiresError, LocalQueue, LocalTimerClient, LocalTimerServer, MockClock, NoClient, Pid, QueueError,
    ReapError, RequestQueue, ScopeId, TimerClient, TimerRequest, TimerServer, Timestamp, Watchdog, expires, expires_in,
    scoped,
};

use crate::support::{Bench, ms};

#[test]
fn u06_an_error_of_the_body_comes_out() {
    fn body(client: &dyn TimerClient) -> Result<(), Box<dyn std::error::Error>> {
        let _timer = expires_in("test", Duration::from_secs(1), client)?;
        Err("of the body".into())
    }
    let queue = LocalQueue::new(8);
    let client = LocalTimerClient::new(queue.clone(), 1);
    assert_eq!(body(&client).unwrap_err().to_string(), "of the body");
    assert_eq!(queue.size(), 2, "acquired and released");
}

#[test]
fn u07_no_client_is_legal_and_then_expires_fails_on_entry() {
    let _none = scoped(NoClient);
    let error = expires(Duration::from_secs(1)).unwrap_err();
    assert!(matches!(error, ExpiresError::NotConfigured { .. }), "{error}");
    assert!(error.to_string().contains("upstream.rs:"), "{error}");
}

/// Notes what it is asked for.
#[derive(Debug, Default)]
struct Noting(Mutex<Vec<(&'static str, ScopeId)>>);

impl TimerClient for Noting {
    fn acquire(&self, scope: &ScopeId, _expiration: Timestamp) -> Result<(), ClientError> {
        self.0.lock().unwrap().push(("acquire", scope.clone()));
        Ok(())
    }

    fn release(&self, scope: &ScopeId) -> Result<(), ClientError> {
        self.0.lock().unwrap().push(("release", scope.clone()));
        Ok(())
    }
}

#[test]
fn u08_an_explicit_client_works_without_a_global_one() {
    let client = Noting::default();
    drop(expires_in("test", Duration::from_secs(1), &client).unwrap());
    let asked = client.0.into_inner().unwrap();
    let test = ScopeId::from("test");
    assert_eq!(asked, [("acquire", test.clone()), ("release", test)]);
}

#[test]
fn u12_an_empty_queue_gives_an_empty_list() {
    assert_eq!(LocalQueue::<Pid>::new(8).get(1, ms(10)).unwrap(), []);
}

#[test]
fn u13_one_item_is_given_when_two_are_asked_for() {
    let queue = LocalQueue::new(8);
    let request = TimerRequest::acquire(Pid(1), "test_scope", Timestamp::ZERO);
    queue.put(request.clone()).unwrap();
    assert_eq!(queue.get(2, ms(10)).unwrap(), [request]);
}

/// Puts ten requests, one each 0.1 s of mock time, and returns how many `get(10, timeout)` gave.
fn produce_ten(timeout: Duration) -> usize {
    let mock = MockClock::new();
    let queue = LocalQueue::with_clock(16, mock.clock());
    std::thread::scope(|scope| {
        let getting = scope.spawn(|| queue.get(10, timeout).unwrap().len());
        mock.wait_for_parked(1);
        for n in 0..10 {
            let request = TimerRequest::acquire(Pid(n), "test_scope", Timestamp::ZERO);
            queue.put(request).unwrap();
            mock.advance(ms(100));
        }
        getting.join().unwrap()
    })
}

#[test]
fn u14_all_ten_are_given_when_there_is_time() {
    assert_eq!(produce_ten(ms(1100)), 10);
}

#[test]
fn u15_at_least_five_are_given_in_half_the_time() {
    assert!(produce_ten(ms(500)) >= 5);
}

/// Lets mock time pass instead of waiting, and says stop at the end.
struct Passing {
    mock: MockClock,
    end: Timestamp,
    rounds: Arc<AtomicU64>,
    ended: std::sync::mpsc::Sender<()>,
}

impl RequestQueue for Passing {
    fn size(&self) -> usize {
        0
    }

    fn get(&self, _size: usize, timeout: Duration) -> Result<Vec<TimerRequest>, QueueError> {
        if self.mock.clock().now() >= self.end {
            // Nothing waits anymore; the queue fails, so that the thread waits for its stop.
            let _ = self.ended.send(());
            return Err(QueueError::Other("the time is over".into()));
        }
        self.mock.advance(timeout);
        self.rounds.fetch_add(1, Ordering::Relaxed);
        Ok(Vec::new())
    }
}

#[test]
fn u16_a_tenth_of_a_second_has_nine_to_eleven_rounds() {
    let mock = MockClock::new();
    let rounds = Arc::new(AtomicU64::new(0));
    let (ended, end) = std::sync::mpsc::channel();
    let queue =
        Passing { mock: mock.clone(), end: mock.clock().now().after(ms(100)), rounds: Arc::clone(&rounds), ended };
    let server = LocalTimerServer::new(|_: &Pid| Ok(true));
    let watchdog = Watchdog::builder(server, queue, ms(10)).clock(mock.clock()).build();
    watchdog.start().unwrap();
    end.recv().unwrap();
    watchdog.stop().unwrap();
    assert!((9..=11).contains(&rounds.load(Ordering::Relaxed)));
}

#[test]
fn u17_a_pass_over_nothing_returns_normally() {
    let server = LocalTimerServer::new(|_: &Pid| Ok(true));
    let report = Watchdog::new(server, LocalQueue::new(8), ms(10)).run_watchdog();
    assert_eq!(report.unwrap(), timer_watchdog::PassReport::default());
}

#[cfg(all(feature = "process", target_os = "linux"))]
#[test]
fn u18_one_round_kills_an_expired_worker_once_and_clears_all_its_timers() {
    use timer_watchdog::{KillTarget, ProcessReaper, Processes, RefusedWorker, Standing, WorkerProcess};

    type Sent = Arc<Mutex<Vec<(Pid, i32)>>>;
    struct Fakes(Sent);
    #[derive(Debug)]
    struct Fake(Pid, Sent);
    impl Processes for Fakes {
        fn find(&self, pid: Pid) -> Result<Arc<dyn WorkerProcess>, RefusedWorker> {
            Ok(Arc::new(Fake(pid, Arc::clone(&self.0))))
        }
    }
    impl WorkerProcess for Fake {
        fn standing(&self) -> Standing {
            Standing::Gone
        }
        fn send(&self, signal: i32, _: KillTarget) -> std::io::Result<()> {
            self.1.lock().unwrap().push((self.0, signal));
            Ok(())
        }
    }
    let sent = Sent::default();
    let queue = LocalQueue::new(8);
    let client = LocalTimerClient::new(queue.clone(), Pid(-3));
    client.acquire(&"test1".into(), Timestamp::ZERO).unwrap();
    client.acquire(&"test2".into(), Timestamp::NEVER).unwrap();
    let server = LocalTimerServer::new(ProcessReaper::with_processes(Fakes(Arc::clone(&sent))));
    let watchdog = Watchdog::new(server, queue, ms(10));
    watchdog.run_watchdog().unwrap();
    assert!(watchdog.server().is_empty());
    assert_eq!(*sent.lock().unwrap(), [(Pid(-3), 9)]);
}

#[test]
fn u19_releases_empty_the_table_and_unknown_ones_do_no_harm() {
    let bench = Bench::new(ms(10));
    let client = bench.client(7);
    client.acquire(&"test1".into(), Timestamp::NEVER).unwrap();
    client.release(&"test1".into()).unwrap();
    client.release(&"test2".into()).unwrap();
    let report = bench.watchdog.run_watchdog().unwrap();
    assert_eq!((report.registered, report.expired), (3, 0));
    assert!(bench.watchdog.server().is_empty());
    assert!(bench.reaped.try_recv().is_err());
}

#[test]
fn u20_valid_timers_stay_one_for_each_worker_and_scope() {
    let bench = Bench::new(ms(10));
    for worker in [1, 2] {
        for scope in ["test1", "test2"] {
            let client = bench.client(worker);
            client.acquire(&scope.into(), Timestamp::NEVER).unwrap();
        }
    }
    bench.watchdog.run_watchdog().unwrap();
    assert_eq!(bench.watchdog.server().len(), 4);
    assert!(bench.reaped.try_recv().is_err());
}

#[test]
fn false_is_tried_again_at_the_next_pass() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let server = LocalTimerServer::new(move |_: &u32| -> Result<bool, ReapError> {
        Ok(count.fetch_add(1, Ordering::Relaxed) == 1)
    });
    server.register_timers(&[TimerRequest::acquire(1, "test", Timestamp::ZERO)]);
    let watchdog = Watchdog::new(server, LocalQueue::new(8), Duration::ZERO);
    assert_eq!(watchdog.run_watchdog().unwrap().retained, 1);
    assert_eq!(watchdog.server().len(), 1);
    assert_eq!(watchdog.run_watchdog().unwrap().reaped, 1);
    assert_eq!(watchdog.server().len(), 0);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
