//! Sends calls and data points to a `StatsD` daemon.

mod datagram;
mod link;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex};

use cadence::ext::{MetricValue as WireValue, ToTimerValue};
use cadence::prelude::*;
use cadence::{MetricBuilder, MetricResult, MetricSink, StatsdClient};

use self::datagram::{Datagram, TooLong};
use self::link::Link;
use super::address::resolved;
use crate::export::{HandlerLosses, LossUnit, Losses, LostSinceFlush};
use crate::service::{self, lock};
use crate::text::{Foreign, MaskedUrl};
use crate::{CallRecord, FlushError, MetricData, MetricHandler, MetricValue, UntimedCall};

/// Sends each call as `NAME.success`, `NAME.failure` or `NAME.cancelled`, a counter (`|c`), and `NAME.duration`, a
/// timer in milliseconds with their fraction (`|ms`), over UDP. A count from [`put_metric`](fn@crate::put_metric) is a
/// counter, a gauge a gauge (`|g`), a duration a timer.
///
/// Characters that mean something to `StatsD` (`:`, `|`, `@`, `#`, `,`), control characters and blanks in names become
/// `_`. Datagrams hold as many metrics as fit into [512 bytes](Self::max_datagram_bytes), and are sent when they are
/// full or [flushed](MetricHandler::flush). The metrics of a call go together.
///
/// Put it behind a [`BufferedHandler`](crate::BufferedHandler) that [flushes](crate::BufferedBuilder::flush_every), so
/// that annotated functions do not wait for the system.
///
/// Known losses are [counted](Self::losses) and reported by the next flush: datagrams that the system does not send,
/// metrics longer than a datagram, numbers that are not finite, and the last datagram before the system reports that no
/// program listens on the port. UDP does not report losses further away.
///
/// # Examples
///
/// ```
/// use prof_runtime::export::StatsdHandler;
/// use prof_runtime::{MetricHandler, put_metric, scoped};
///
/// let daemon = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// let statsd = std::sync::Arc::new(StatsdHandler::to(daemon.local_addr()?)?);
/// let _scope = scoped(statsd.clone());
/// put_metric("pages", 3, "crawler");
/// statsd.flush()?;
///
/// let mut datagram = [0; 512];
/// let length = daemon.recv(&mut datagram)?;
/// assert_eq!(&datagram[..length], b"pages:3|c\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StatsdHandler {
    output: Mutex<Output>,
    address: SocketAddr,
    is_dogstatsd: bool,
    losses: HandlerLosses,
}

/// A count for each unit.
type Tally = BTreeMap<LossUnit, u64>;

/// The client and its buffers, used by one thread at a time.
struct Output {
    client: StatsdClient,
    /// Receives the lines that the client formats.
    lines: Lines,
    datagram: Datagram,
    link: Link,
    failures: LostSinceFlush,
    /// Whether a line on stderr has reported the first metric that was too long.
    is_told: bool,
}

/// A datagram of this size passes every network without being split.
const MAX_DATAGRAM_BYTES: usize = 512;

/// Why metrics cannot be sent to a daemon.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatsdError {
    /// The address is malformed, or its name cannot be resolved.
    #[error("{address} is not the address of a StatsD daemon: {:.1024}", Foreign::new(cause))]
    Resolve {
        /// The address.
        address: Foreign<String>,
        /// The cause.
        cause: io::Error,
    },
    /// The system refused a socket.
    #[error("could not open a socket to send metrics to {address}: {cause}")]
    Open {
        /// The address.
        address: SocketAddr,
        /// The cause.
        cause: io::Error,
    },
}

impl StatsdHandler {
    /// Creates a handler that sends to `address`, such as `127.0.0.1:8125`. A name is looked up once, here.
    ///
    /// It is no error if no program listens there: a daemon that starts later receives all metrics from then on.
    ///
    /// # Errors
    ///
    /// If the address cannot be resolved, or the system refuses a socket.
    pub fn to(address: impl ToSocketAddrs + fmt::Display) -> Result<Self, StatsdError> {
        let unresolved =
            |cause| StatsdError::Resolve { address: MaskedUrl::new(address.to_string()).masked().into(), cause };
        let nowhere = || io::Error::new(io::ErrorKind::NotFound, "it resolves to no address");
        let (parsed, addresses) = resolved(&address, 8125).map_err(unresolved)?;
        if parsed.port == 0 {
            return Err(unresolved(io::Error::new(io::ErrorKind::InvalidInput, "nothing is sent to port 0")));
        }
        let address = addresses.into_iter().next().ok_or_else(nowhere).map_err(unresolved)?;
        let link = Link::open(address).map_err(|cause| StatsdError::Open { address, cause })?;
        let lines = Lines::default();
        let output = Output {
            client: StatsdClient::from_sink("", lines.clone()),
            lines,
            datagram: Datagram::new(MAX_DATAGRAM_BYTES),
            link,
            failures: LostSinceFlush::default(),
            is_told: false,
        };
        let losses = HandlerLosses::new(&format!("StatsD at {address}"));
        Ok(Self { output: Mutex::new(output), address, is_dogstatsd: false, losses })
    }

    /// Sets how many bytes a datagram has at most; 512 by default, which every network passes on whole. A daemon on the
    /// same machine takes up to 65 507. A metric that is longer by itself is counted as lost.
    #[must_use]
    pub fn max_datagram_bytes(self, max_bytes: usize) -> Self {
        lock(&self.output).datagram.set_max_bytes(max_bytes);
        self
    }

    /// Adds the group as a tag, `|#group:GROUP`, which `DogStatsD` and most newer daemons understand.
    #[must_use]
    pub fn dogstatsd(mut self) -> Self {
        self.is_dogstatsd = true;
        self
    }

    /// Adds the counters of lost metrics to `losses`, under `target`. Exporters publish that list.
    #[must_use]
    pub fn losses(mut self, losses: &Losses, target: &str) -> Self {
        self.losses = HandlerLosses::listed(losses, target);
        self
    }

    /// Returns how many calls and data points are known to be lost.
    pub fn lost(&self) -> u64 {
        self.losses.total()
    }

    /// Sends one item, whose lines `format` writes.
    fn send(&self, unit: LossUnit, format: impl FnOnce(&StatsdClient) -> io::Result<()>) {
        let mut output = lock(&self.output);
        let Output { client, lines, datagram, link, failures, is_told } = &mut *output;
        let formatted = format(client);
        let lines = lines.take();
        if let Err(error) = formatted {
            return failures.add(&self.losses, unit, 1, error);
        }
        let added = datagram.add(&lines, unit, |text, tally| deliver(link, failures, &self.losses, text, tally));
        if let Err(TooLong { unit, count, bytes }) = added {
            let max = datagram.max_bytes();
            let message = format!("a metric of {bytes} bytes is longer than a datagram of {max}");
            if !std::mem::replace(is_told, true) {
                let target = self.losses.target();
                service::warn(format_args!(
                    "{message}, and is lost on its way to {target}; further ones are counted only"
                ));
            }
            failures.add(&self.losses, unit, count, io::Error::new(io::ErrorKind::InvalidInput, message));
        }
    }

    /// Writes a value. One value in `sample` is sent, and stands for that many.
    fn write(&self, client: &StatsdClient, group: &str, name: &str, value: MetricValue, sample: u32) -> io::Result<()> {
        let name = clean(name);
        match value {
            MetricValue::Count(count) => self.write_metric(group, client.count_with_tags(&name, count)),
            MetricValue::Duration(_) => {
                let timer = client.time_with_tags(&name, Millis(value.as_f64()));
                let is_sampled = sample > 1;
                let rate = 1.0 / f64::from(sample);
                self.write_metric(group, if is_sampled { timer.with_sampling_rate(rate) } else { timer })
            }
            MetricValue::Gauge(gauge) if !gauge.is_finite() => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{gauge} is no number that StatsD takes")))
            }
            MetricValue::Gauge(gauge) => {
                // Turns -0.0 into 0.0.
                let gauge = gauge + 0.0;
                if gauge < 0.0 && !self.is_dogstatsd {
                    // StatsD takes a signed value as a change: set 0 first.
                    self.write_metric(group, client.gauge_with_tags(&name, 0_u64))?;
                }
                self.write_metric(group, client.gauge_with_tags(&name, gauge))
            }
        }
    }

    fn write_metric<T: cadence::Metric + From<String>>(
        &self,
        group: &str,
        metric: MetricBuilder<'_, '_, T>,
    ) -> io::Result<()> {
        let group = clean(group);
        let metric = if self.is_dogstatsd { metric.with_tag("group", &group) } else { metric };
        metric.try_send().map(|_| ()).map_err(io::Error::other)
    }
}

/// Sends a datagram, and counts what is known to be lost.
fn deliver(link: &mut Link, failures: &mut LostSinceFlush, losses: &HandlerLosses, text: &str, tally: Tally) {
    for (tally, error) in link.send(text.as_bytes(), tally) {
        lose(failures, losses, tally, &error);
    }
}

fn lose(failures: &mut LostSinceFlush, losses: &HandlerLosses, tally: Tally, error: &io::Error) {
    for (unit, count) in tally {
        failures.add(losses, unit, count, io::Error::new(error.kind(), error.to_string()));
    }
}

/// Lines that a client has formatted, one for each metric.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<String>>);

impl Lines {
    fn take(&self) -> String {
        std::mem::take(&mut lock(&self.0))
    }
}

impl MetricSink for Lines {
    fn emit(&self, metric: &str) -> io::Result<usize> {
        let mut lines = lock(&self.0);
        lines.push_str(metric);
        lines.push('\n');
        Ok(metric.len())
    }
}

/// Milliseconds with their fraction; `cadence` itself has whole ones only.
struct Millis(f64);

impl ToTimerValue for Millis {
    fn try_to_value(self) -> MetricResult<WireValue> {
        Ok(WireValue::Float(self.0))
    }
}

/// Replaces the characters that delimit a name in the protocol by `_`, and a name without any, which daemons refuse.
fn clean(name: &str) -> String {
    if name.is_empty() {
        return "_".to_owned();
    }
    let is_special = |c: char| c.is_control() || c.is_whitespace() || ":|@#,".contains(c);
    name.replace(is_special, "_")
}

impl MetricHandler for StatsdHandler {
    fn emit(&self, data: &MetricData<'_>) {
        self.send(LossUnit::DataPoints, |client| self.write(client, &data.group_name, &data.name, data.value, 1));
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        let [outcome, duration] = call.data_points();
        // The type `|ms` has the unit already.
        let name = duration.name.strip_suffix(".ms").unwrap_or(&duration.name);
        self.send(LossUnit::Calls, |client| {
            self.write(client, &outcome.group_name, &outcome.name, outcome.value, 1)?;
            self.write(client, &duration.group_name, name, duration.value, call.callsite().sample())
        });
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        let data = call.data_point();
        self.send(LossUnit::Calls, |client| self.write(client, &data.group_name, &data.name, data.value, 1));
    }

    fn flush(&self) -> Result<(), FlushError> {
        let mut output = lock(&self.output);
        let Output { datagram, link, failures, .. } = &mut *output;
        datagram.take(&mut |text, tally| deliver(link, failures, &self.losses, text, tally));
        if let Some((tally, error)) = link.refused() {
            lose(failures, &self.losses, tally, &error);
        }
        failures
            .take("could not be sent")
            .map_err(|error| FlushError::Write { target: self.losses.target().into(), cause: error.into() })
    }
}

impl Drop for StatsdHandler {
    /// Sends what is held back.
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            service::warn(format_args!("{error}"));
        }
    }
}

impl fmt::Debug for StatsdHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatsdHandler").field("address", &self.address).finish_non_exhaustive()
    }
}
