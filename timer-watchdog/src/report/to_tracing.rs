//! The sink for the `tracing` crate.

use std::fmt::Debug;

use super::Event;

/// Writes an event to the `tracing` crate: [warnings](Event::is_warning) as warnings, starts and stops as info, the
/// rest as debug.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{LocalQueue, LocalTimerServer, Watchdog, to_tracing};
///
/// let server = LocalTimerServer::new(|_: &u32| Ok(true));
/// let watchdog = Watchdog::builder(server, LocalQueue::new(16), Duration::from_millis(50))
///     .on_event(to_tracing)
///     .build();
/// assert_eq!(watchdog.health().undelivered_events, 0);
/// ```
#[expect(clippy::needless_pass_by_value, reason = "it is a callback for `on_event`, which hands events over")]
pub fn to_tracing<W: Debug>(event: Event<W>) {
    match event {
        Event::Started { .. } | Event::Stopped => tracing::info!("{event}"),
        _ if event.is_warning() => tracing::warn!("{event}"),
        _ => tracing::debug!("{event}"),
    }
}
