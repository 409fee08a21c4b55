//! Faults of time, as a watchdog meets them.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use timer_watchdog::{
    Event, LocalQueue, LocalTimerServer, QueueError, ReapError, Reaper, RequestQueue, TimerRequest, Timestamp,
    Watchdog, expires_in,
};

use crate::support::{Bench, PATIENCE, ms};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn the_thread_wakes_at_the_next_deadline_not_at_the_interval() {
    let bench = Bench::new(LONG);
    bench.watchdog.start().unwrap();
    let client = bench.client(1);
    let _timer = expires_in("load", ms(5), &client).unwrap();
    assert_eq!(bench.registered(), 1);
    bench.mock.wait_for_parked(1);
    bench.mock.advance(ms(4));
    bench.mock.wait_for_parked(1);
    assert!(bench.reaped.try_recv().is_err(), "never early");
    bench.mock.advance(ms(1));
    assert_eq!(bench.reaped.recv_timeout(PATIENCE), Ok(1));
}

#[test]
fn fault_21_a_frozen_process_charges_nobody() {
    let bench = Bench::new(ms(50));
    bench.watchdog.start().unwrap();
    let client = bench.client(1);
    let _before = expires_in("before", ms(200), &client).unwrap();
    bench.registered();
    bench.mock.wait_for_parked(1);
    // Ten minutes pass, and the watchdog, which wanted to wake after 50 ms, did not.
    bench.mock.advance(Duration::from_secs(600));
    let gap = bench.event(|event| match event {
        Event::ObserverGap { gap } => Some(*gap),
        _ => None,
    });
    assert_eq!(gap, Duration::from_millis(599_950));
    bench.mock.wait_for_parked(1);
    assert!(bench.reaped.try_recv().is_err());
    // What is acquired after the gap is not credited with it; the old one has 150 ms left.
    let second = bench.client(2);
    let _after = expires_in("after", ms(150), &second).unwrap();
    bench.registered();
    for _ in 0..2 {
        bench.mock.wait_for_parked(1);
        bench.mock.advance(ms(50));
    }
    bench.mock.wait_for_parked(1);
    assert!(bench.reaped.try_recv().is_err());
    bench.mock.advance(ms(50));
    let mut both = [bench.reaped.recv_timeout(PATIENCE).unwrap(), bench.reaped.recv_timeout(PATIENCE).unwrap()];
    both.sort_unstable();
    assert_eq!(both, [1, 2]);
}

#[test]
fn fault_22_what_waits_in_the_queue_during_a_gap_shares_in_its_credit() {
    /// Gives a request that was made before ten seconds passed during which it could not be given.
    struct Starved(timer_watchdog::MockClock, Mutex<bool>);
    impl RequestQueue<u32> for Starved {
        fn size(&self) -> usize {
            0
        }

        fn get(&self, _size: usize, _timeout: Duration) -> Result<Vec<TimerRequest<u32>>, QueueError> {
            if std::mem::replace(&mut *self.1.lock().unwrap(), true) {
                return Ok(Vec::new());
            }
            let expiration = self.0.clock().now().after(ms(500));
            self.0.advance(Duration::from_secs(10));
            Ok(vec![TimerRequest::acquire(1, "load", expiration)])
        }
    }
    let mock = timer_watchdog::MockClock::new();
    let queue = Starved(mock.clone(), Mutex::new(false));
    let server = LocalTimerServer::new(|_: &u32| Ok(true));
    let watchdog = Watchdog::builder(server, queue, ms(50)).clock(mock.clock()).build();
    assert_eq!(watchdog.run_watchdog().unwrap().expired, 0);
    mock.advance(ms(449));
    assert_eq!(watchdog.run_watchdog().unwrap().expired, 0);
    mock.advance(ms(1));
    assert_eq!(watchdog.run_watchdog().unwrap().expired, 1);
}

#[test]
fn fault_21_a_gap_while_requests_are_carried_out_charges_nobody() {
    /// Stands still for a minute when a worker's first timer is registered.
    struct Frozen(timer_watchdog::MockClock);
    impl Reaper<u32> for Frozen {
        fn meet(&self, _worker_id: &u32) {
            self.0.advance(Duration::from_secs(60));
        }

        fn reap(&self, _worker_id: &u32) -> Result<bool, ReapError> {
            Ok(true)
        }
    }
    let mock = timer_watchdog::MockClock::new();
    let queue = LocalQueue::with_clock(8, mock.clock());
    let expiration = mock.clock().now().after(ms(500));
    queue.put(TimerRequest::acquire(1, "load", expiration)).unwrap();
    let server = LocalTimerServer::new(Frozen(mock.clone()));
    let watchdog = Watchdog::builder(server, queue, Duration::ZERO).clock(mock.clock()).build();
    assert_eq!(watchdog.run_watchdog().unwrap().expired, 0);
    mock.advance(ms(499));
    assert_eq!(watchdog.run_watchdog().unwrap().expired, 0);
    mock.advance(ms(1));
    assert_eq!(watchdog.run_watchdog().unwrap().expired, 1);
}

#[test]
fn fault_56_a_long_pass_is_followed_by_one_not_by_a_burst() {
    let bench = Bench::new(ms(10));
    let mock = bench.mock.clone();
    let server = LocalTimerServer::new(move |_: &u32| {
        // The reap takes a hundred intervals.
        mock.advance(ms(1000));
        Ok(true)
    });
    let queue = LocalQueue::with_clock(8, bench.mock.clock());
    let watchdog = Watchdog::builder(server, queue.clone(), ms(10)).clock(bench.mock.clock()).build();
    watchdog.start().unwrap();
    bench.mock.wait_for_parked(1);
    queue.put(TimerRequest::acquire(1, "load", Timestamp::ZERO)).unwrap();
    while watchdog.health().passes == 0 {
        std::thread::yield_now();
    }
    bench.mock.wait_for_parked(1);
    assert_eq!(watchdog.health().passes, 1);
    bench.mock.advance(ms(10));
    bench.mock.wait_for_parked(1);
    assert_eq!(watchdog.health().passes, 2);
}

#[test]
fn fault_59_a_watchdog_that_hangs_shows_in_its_health() {
    let mock = timer_watchdog::MockClock::new();
    let (enter, entered) = channel();
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let server = LocalTimerServer::new(move |_: &u32| {
        enter.send(()).unwrap();
        let _ = released.lock().unwrap().recv();
        Ok(true)
    });
    let queue = LocalQueue::with_clock(8, mock.clock());
    let watchdog = Watchdog::builder(server, queue.clone(), ms(10)).clock(mock.clock()).build();
    watchdog.start().unwrap();
    queue.put(TimerRequest::acquire(1, "load", Timestamp::ZERO)).unwrap();
    entered.recv_timeout(PATIENCE).unwrap();
    mock.advance(LONG);
    assert_eq!(watchdog.health().since_last_pass, LONG);
    drop(release);
}

#[test]
fn fault_19_and_invariant_4_one_room_reads_clocks_and_one_file_starts_threads() {
    fn visit(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                let reads = ["Instant::now", "SystemTime", "quanta", "Instant>"].iter().any(|word| line.contains(word));
                let starts =
                    ["thread::spawn", "thread::Builder", "thread::sleep"].iter().any(|word| line.contains(word));
                if reads && !path.parent().unwrap().ends_with("src/time")
                    || starts && !path.ends_with("thread/background.rs")
                {
                    found.push(format!("{}: {line}", path.display()));
                }
            }
        }
    }
    let mut found = Vec::new();
    visit(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.retain(|line| !line.contains("loom::thread::spawn"));
    assert_eq!(found, Vec::<String>::new());
}
