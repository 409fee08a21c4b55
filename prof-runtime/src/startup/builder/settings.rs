//! How the parts are started: their queues, bounds, files and labels.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::ProfBuilder;
#[cfg(doc)]
use crate::export::Exporter;
use crate::handler::buffered::{Builder as BufferedBuilder, WhenFull};
use crate::handler::losses::Losses;
#[cfg(doc)]
use crate::startup::ProfGuard;

impl ProfBuilder {
    /// Sets an attribute of the program, such as `service.name`: of the resource in OTLP, where it replaces the one of
    /// a variable, and a label of `target_info` in Prometheus. Exporters of the program's own
    /// [receive](Exporter::attach) it.
    pub fn attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        self.options.attributes.retain(|(known, _)| *known != key);
        self.options.attributes.push((key, value.into()));
        self
    }

    /// Sets the list that losses are counted in; [`ProfGuard::losses`] returns it.
    pub fn losses(mut self, losses: &Losses) -> Self {
        self.options.losses = losses.clone();
        self
    }

    /// Sets how many metrics the queue of each part has room for; 65 536 by default.
    pub fn queue_capacity(self, capacity: NonZeroUsize) -> Self {
        self.change_queue(|queue| queue.capacity(capacity))
    }

    /// Sets how many bytes the names in the queue of each part may take; 16 MiB by default.
    pub fn queue_max_bytes(self, max_bytes: usize) -> Self {
        self.change_queue(|queue| queue.max_bytes(max_bytes))
    }

    /// Sets what gives way when the queue of a part is full; by default, the newest item.
    pub fn when_full(self, when_full: WhenFull) -> Self {
        self.change_queue(|queue| queue.when_full(when_full))
    }

    fn change_queue(mut self, change: impl FnOnce(BufferedBuilder) -> BufferedBuilder) -> Self {
        self.options.queue = change(self.options.queue);
        self
    }

    /// Lets `prometheus` answer requests for this host, too, where it listens on loopback; `*` is every host. Otherwise
    /// it answers there only to loopback names and to the name in its address.
    #[cfg(feature = "prometheus")]
    pub fn prometheus_host(mut self, host: impl Into<String>) -> Self {
        self.options.prometheus.allowed_hosts.push(host.into());
        self
    }

    /// Sets how finely `prometheus` tells durations apart; by default,
    /// [`Resolution::One`](crate::export::prometheus::Resolution::One).
    #[cfg(feature = "prometheus")]
    pub fn resolution(mut self, resolution: crate::export::prometheus::Resolution) -> Self {
        self.options.prometheus.resolution = resolution;
        self
    }

    /// Adds a label to `prof_build_info` of `prometheus`, such as the commit that the program was built from.
    ///
    /// [`start`](Self::start) returns an error if the name is none that Prometheus allows: letters, digits and
    /// underscores, of which the first is no digit.
    #[cfg(feature = "prometheus")]
    pub fn build_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.prometheus.build_labels.push((name.into(), value.into()));
        self
    }

    /// Sets how long the end may take, over all parts; 5 s by default, half of what container runtimes grant a program
    /// before they kill it. A reader of stderr gets one second more. The start may take as long, and at least 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Sets how often all exporters export; by default, `snapshots` writes every 10 s, `otlp` pushes as often as
    /// `OTEL_METRIC_EXPORT_INTERVAL` says, else every 60 s, and others export at their
    /// [default](Exporter::default_interval).
    pub fn interval(mut self, interval: Duration) -> Self {
        self.options.interval = Some(interval);
        self
    }

    /// Sets how large a file of `json` or `snapshots` may become before it rotates, and how many old files are kept; 64
    /// MiB and 3 by default.
    pub fn rotate(mut self, max_bytes: u64, old_files: u32) -> Self {
        self.options.max_bytes = max_bytes;
        self.options.old_files = old_files;
        self
    }
}
