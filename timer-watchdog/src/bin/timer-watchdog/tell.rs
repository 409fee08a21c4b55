//! Reports on standard error, and settings that `run` and `serve` share.

use std::io::Write as _;

use timer_watchdog::{Event, FileTimerServerBuilder, KillPolicy, KillTarget, WorkerEvent};

use crate::options::{Target, WatchOptions};

/// Returns the policy that the options ask for.
pub(crate) fn policy(options: &WatchOptions) -> KillPolicy {
    let target = match options.kill_target {
        Target::Process => KillTarget::Process,
        Target::Group => KillTarget::Group,
        Target::Cgroup => KillTarget::Cgroup,
    };
    let policy = KillPolicy::new().grace(options.grace).target(target);
    let policy = if options.observe { policy.observe() } else { policy };
    match options.signal {
        Some(signal) => policy.signal(signal),
        None => policy,
    }
}

/// Applies the other options to a builder.
pub(crate) fn configured(builder: FileTimerServerBuilder, options: &WatchOptions) -> FileTimerServerBuilder {
    let is_json = options.json;
    let builder = builder.max_interval(options.max_interval).run_id(&options.run_id);
    let builder = match &options.dump_dir {
        Some(folder) => builder.dump_dir(folder),
        None => builder,
    };
    builder.on_event(move |event| tell(&event, is_json))
}

/// Writes one line for each warning. Of an incident, only its end is one line.
fn tell(event: &Event, is_json: bool) {
    if !event.is_warning() || matches!(event, Event::Worker(WorkerEvent::Expired { .. })) {
        return;
    }
    let line = if is_json { event.to_json() } else { format!("timer-watchdog: {event}") };
    // A failed write to standard error cannot be reported.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
