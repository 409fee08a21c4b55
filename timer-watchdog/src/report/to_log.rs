//! The sink for the `log` crate.

use std::fmt::Debug;

use super::Event;

/// Writes an event to the `log` crate: [warnings](Event::is_warning) as warnings, starts and stops as info, the rest as
/// debug.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{LocalQueue, LocalTimerServer, Watchdog, to_log};
///
/// let server = LocalTimerServer::new(|_: &u32| Ok(true));
/// let watchdog = Watchdog::builder(server, LocalQueue::new(16), Duration::from_millis(50))
///     .on_event(to_log)
///     .build();
/// assert_eq!(watchdog.health().undelivered_events, 0);
/// ```
#[expect(clippy::needless_pass_by_value, reason = "it is a callback for `on_event`, which hands events over")]
pub fn to_log<W: Debug>(event: Event<W>) {
    let level = match event {
        Event::Started { .. } | Event::Stopped => log::Level::Info,
        _ if event.is_warning() => log::Level::Warn,
        _ => log::Level::Debug,
    };
    log::log!(target: "timer_watchdog", level, "{event}");
}
