//! Events in the `log` and `tracing` crates.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use timer_watchdog::{Event, TimerRequest, Timestamp, to_log, to_tracing};
use tracing::field::{Field, Visit};
use tracing::span;

fn events() -> [Event<u32>; 4] {
    let timer = TimerRequest::acquire(7, "load", Timestamp::ZERO);
    [
        Event::Started { max_interval: Duration::from_millis(50), path: None },
        Event::Registered { requests: vec![timer.clone()] },
        Event::Expired { worker_id: 7, timers: vec![timer], late: Duration::from_millis(3) },
        Event::Stopped,
    ]
}

const EXPECT: [&str; 4] = [
    "INFO watchdog started, with a pass at least every 50ms",
    "DEBUG 1 timer requests",
    r#"WARN timer expired: worker 7, 3ms ago, scopes "load""#,
    "INFO watchdog stopped",
];

static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        assert_eq!(record.target(), "timer_watchdog");
        let line = format!("{} {}", record.level(), record.args());
        LOGGED.lock().unwrap().push(line);
    }

    fn flush(&self) {}
}

#[test]
fn events_go_to_the_log() {
    log::set_logger(&Logger).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    events().into_iter().for_each(to_log);
    assert_eq!(*LOGGED.lock().unwrap(), EXPECT);
}

/// Notes each event's level and message.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<Vec<String>>>);

struct Message<'a>(&'a mut String);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            *self.0 = format!("{value:?}");
        }
    }
}

impl tracing::Subscriber for Noting {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut message = String::new();
        event.record(&mut Message(&mut message));
        let line = format!("{} {message}", event.metadata().level());
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn events_go_to_tracing() {
    let noting = Noting::default();
    tracing::subscriber::with_default(noting.clone(), || {
        events().into_iter().for_each(to_tracing);
    });
    assert_eq!(*noting.0.lock().unwrap(), EXPECT);
}
