//! The thread that watches scopes, its policies and its faults.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use timer_watchdog::Event;
use timer_watchdog::hang::{ClockMode, Domain, HangConfig, HardPolicy, Level, watch, watch_owned};
use timer_watchdog::{MockClock, StartError};

use crate::process::{is_child, run_child};
use crate::support::{PATIENCE, ms};

#[test]
fn a_watcher_tells_of_a_stall_and_of_its_end() {
    for mode in [ClockMode::Read, ClockMode::Published] {
        let mock = MockClock::new();
        let domain = Domain::new(mock.clock());
        let _here = domain.enter();
        let (tell, events) = channel();
        let watcher = HangConfig::new()
            .clock_mode(mode)
            .on_event(move |event| tell.send(event).unwrap_or(()))
            .start_in(&domain)
            .unwrap();
        mock.wait_for_parked(1);
        let scope = watch(ms(100));
        let mut told = Vec::new();
        for _ in 0..24 {
            mock.advance(ms(5));
            mock.wait_for_parked(1);
            told.extend(events.try_iter());
        }
        drop(scope);
        mock.advance(ms(10));
        mock.wait_for_parked(1);
        watcher.stop().unwrap();
        // The events come on a thread of their own, which ends with the watcher.
        drop(watcher);
        told.extend(events.iter());
        let levels: Vec<_> = told
            .iter()
            .map(|event| match event {
                Event::Stalled(stall) => Some(stall.level),
                _ => None,
            })
            .collect();
        assert_eq!(levels, [Some(Level::Soft), Some(Level::Hard), None], "{told:?}");
        assert!(matches!(told[2], Event::Recovered(_)));
    }
}

#[test]
fn a_callback_is_called_at_the_hard_limit_only() {
    let mock = MockClock::new();
    let domain = Domain::new(mock.clock());
    let _here = domain.enter();
    let (call, calls) = channel();
    let call = Mutex::new(call);
    let policy = HardPolicy::Callback(Arc::new(move |stall| {
        call.lock().unwrap().send(stall.level).unwrap();
    }));
    let watcher = HangConfig::new().hard_policy(policy).on_event(drop).start_in(&domain).unwrap();
    mock.wait_for_parked(1);
    let _scope = watch(ms(100));
    for _ in 0..10 {
        mock.advance(ms(10));
        mock.wait_for_parked(1);
    }
    drop(watcher);
    assert_eq!(calls.iter().collect::<Vec<_>>(), [Level::Hard]);
}

#[test]
fn fault_36_a_scope_that_goes_on_is_known_to_be_over() {
    let mock = MockClock::new();
    let domain = Domain::new(mock.clock());
    let _here = domain.enter();
    let mut detector = HangConfig::new().detector(&domain).unwrap();
    let scope = watch(ms(50));
    mock.advance(ms(50));
    let events = detector.pass();
    let [Event::Stalled(stall)] = &events[..] else {
        panic!("{events:?}");
    };
    assert!(!stall.is_over());
    drop(scope);
    assert!(stall.is_over());
    // Its place may be taken by another scope with the same deadline: that is not the same scope.
    let _other = watch(Duration::ZERO);
    assert!(stall.is_over());
}

#[test]
#[ignore = "the child's part of the abort"]
fn abort_child() {
    if is_child() {
        let _watcher = HangConfig::new().hard_policy(HardPolicy::Abort).start().unwrap();
        let _scope = watch(ms(50));
        let (_never, nothing) = channel::<()>();
        let _ = nothing.recv_timeout(PATIENCE);
    }
}

#[cfg(unix)]
#[test]
fn a_process_may_be_aborted_and_says_why() {
    use std::os::unix::process::ExitStatusExt;
    let output = run_child("watcher::abort_child");
    assert_eq!(output.status.signal(), Some(6), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("watcher.rs:"), "{text}");
    assert!(text.contains("of 50ms (hard limit)"), "{text}");
}

#[test]
#[ignore = "the child's part of fault 36"]
fn recovering_child() {
    if is_child() {
        let scope = Arc::new(Mutex::new(None));
        let held = Arc::clone(&scope);
        let (tell, told) = channel();
        // The report itself makes the scope go on, before the abort looks again.
        let _watcher = HangConfig::new()
            .soft_fraction(f64::NAN)
            .hard_policy(HardPolicy::Abort)
            .on_event(move |event| {
                drop(held.lock().unwrap().take());
                tell.send(matches!(event, Event::Recovered(_))).unwrap();
            })
            .start()
            .unwrap();
        *scope.lock().unwrap() = Some(watch_owned(ms(50)));
        assert_eq!(told.recv_timeout(PATIENCE), Ok(false));
        assert_eq!(told.recv_timeout(PATIENCE), Ok(true));
    }
}

#[test]
fn fault_36_a_scope_that_goes_on_just_before_the_abort_saves_the_process() {
    let output = run_child("watcher::recovering_child");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn fault_57_a_watcher_stops_twice_and_starts_again() {
    let mock = MockClock::new();
    let domain = Domain::new(mock.clock());
    let config = HangConfig::new().on_event(drop);
    let watcher = config.clone().start_in(&domain).unwrap();
    mock.wait_for_parked(1);
    let error = config.clone().start_in(&domain).unwrap_err();
    assert!(matches!(error, StartError::AlreadyWatched { .. }), "{error}");
    watcher.stop().unwrap();
    watcher.stop().unwrap();
    assert!(!watcher.health().is_running);
    let again = config.start_in(&domain).unwrap();
    assert!(again.health().is_running);
}

#[test]
fn fault_55_58_a_callback_that_blocks_does_not_stop_detection() {
    let mock = MockClock::new();
    let domain = Domain::new(mock.clock());
    let _here = domain.enter();
    let (enter, entered) = channel();
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let watcher = HangConfig::new()
        .on_event(move |_| {
            let _ = enter.send(());
            let _ = released.lock().unwrap().recv();
        })
        .start_in(&domain)
        .unwrap();
    mock.wait_for_parked(1);
    let _scope = watch(Duration::ZERO);
    mock.advance(ms(10));
    entered.recv_timeout(PATIENCE).unwrap();
    mock.wait_for_parked(1);
    let before = watcher.health().passes;
    for _ in 0..5 {
        mock.advance(ms(10));
        mock.wait_for_parked(1);
    }
    assert!(watcher.health().passes >= before + 4);
    drop(release);
}

#[test]
fn fault_59_a_watcher_that_does_not_look_shows_in_its_health() {
    let mock = MockClock::new();
    let domain = Domain::new(mock.clock());
    let watcher = HangConfig::new().on_event(drop).start_in(&domain).unwrap();
    mock.wait_for_parked(1);
    watcher.stop().unwrap();
    mock.advance(Duration::from_secs(60));
    assert!(watcher.health().since_last_pass >= Duration::from_secs(60));
    assert!(!watcher.health().is_running);
}

#[test]
#[ignore = "the child's part of fault 21"]
fn stopped_child() {
    if is_child() {
        let (tell, events) = channel();
        let _watcher = HangConfig::new()
            .soft_fraction(f64::NAN)
            .on_event(move |event| tell.send(event).unwrap_or(()))
            .start()
            .unwrap();
        let _scope = watch(ms(2000));
        println!("ready");
        // A busy machine may bring smaller gaps; nothing may stall.
        loop {
            let event = events.recv_timeout(PATIENCE);
            let event = event.expect("the process should be stopped and continued");
            let Event::ObserverGap { gap } = event else {
                panic!("{event}");
            };
            if gap > ms(1500) {
                return;
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn fault_21_a_process_that_is_stopped_and_continued_reports_no_healthy_scope() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let mut child = crate::process::child("watcher::stopped_child").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("ready")));
    let send = |signal: &str| {
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    };
    send("-STOP");
    // Longer than the scope's whole time.
    let (_never, nothing) = channel::<()>();
    let _ = nothing.recv_timeout(ms(2500));
    send("-CONT");
    // Read to the end, or the child could not write its results.
    lines.for_each(drop);
    assert!(child.wait().unwrap().success());
}
