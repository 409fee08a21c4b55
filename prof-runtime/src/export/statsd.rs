//! Calls and data points for a `StatsD` daemon.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};

use cadence::ext::{MetricValue as WireValue, ToTimerValue};
use cadence::prelude::*;
use cadence::{BufferedUdpMetricSink, MetricResult, StatsdClient};

use super::address::resolved;
use super::{LossCounter, LossUnit, Losses};
use crate::data::{MetricData, MetricValue};
use crate::handler::{FlushError, MetricHandler};
use crate::record::CallRecord;
use crate::text::{Foreign, MaskedUrl};

/// Sends each call as `NAME.success`, `NAME.failure` or `NAME.cancelled`, a counter (`|c`), and `NAME.duration`, a timer
/// in milliseconds with their fraction (`|ms`), over UDP. A count from [`put_metric`](fn@crate::put_metric) is a counter,
/// a gauge a gauge (`|g`), a duration a timer.
///
/// Characters that mean something to `StatsD` (`:`, `|`, `@`, `#`, `,`), control characters and blanks in names become
/// `_`. Datagrams hold as many metrics as fit into 512 bytes, and are sent when they are full or
/// [flushed](MetricHandler::flush): put it behind a [`BufferedHandler`](crate::BufferedHandler) that
/// [flushes](crate::BufferedBuilder::flush_every), so that annotated functions do not wait for the system, either. What
/// cannot be sent is counted; that no one receives it, no one knows, since UDP does not say.
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
    client: StatsdClient,
    address: SocketAddr,
    is_dogstatsd: bool,
    losses: LossCounter,
}

/// Why metrics cannot be sent to a daemon.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatsdError {
    /// The address is none, or its name is not known.
    #[error("{address} is not the address of a StatsD daemon: {:.1024}", Foreign(source))]
    Resolve {
        /// The address.
        address: Foreign<String>,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused a socket.
    #[error("could not open a socket to send metrics to {address}: {source}")]
    Open {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl StatsdHandler {
    /// Creates a handler that sends to `address`, such as `127.0.0.1:8125`. A name is looked up once, here.
    ///
    /// That no one listens there is no error: a daemon that is started later receives what is sent then.
    ///
    /// # Errors
    ///
    /// If the address cannot be resolved, or the system refuses a socket.
    pub fn to(address: impl ToSocketAddrs + fmt::Display) -> Result<Self, StatsdError> {
        let unresolved =
            |source| StatsdError::Resolve { address: MaskedUrl(address.to_string()).to_string().into(), source };
        let nowhere = || io::Error::new(io::ErrorKind::NotFound, "it resolves to no address");
        let (parsed, addresses) = resolved(&address, 8125).map_err(unresolved)?;
        if parsed.port == 0 {
            return Err(unresolved(io::Error::new(io::ErrorKind::InvalidInput, "nothing is sent to port 0")));
        }
        let address = addresses.into_iter().next().ok_or_else(nowhere).map_err(unresolved)?;
        let refused = |source| StatsdError::Open { address, source };
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).map_err(refused)?;
        // A full socket buffer is a loss, not a reason to wait.
        socket.set_nonblocking(true).map_err(refused)?;
        let sink = BufferedUdpMetricSink::from(address, socket).map_err(|error| refused(io::Error::other(error)))?;
        let client = StatsdClient::from_sink("", sink);
        Ok(Self { client, address, is_dogstatsd: false, losses: LossCounter::new("statsd", LossUnit::DataPoints) })
    }

    /// Adds the group as a tag, `|#group:GROUP`, which `DogStatsD` and most newer daemons understand.
    #[must_use]
    pub fn dogstatsd(mut self) -> Self {
        self.is_dogstatsd = true;
        self
    }

    /// Counts what cannot be sent in `losses`, under `target`, where exporters find it.
    #[must_use]
    pub fn losses(mut self, losses: &Losses, target: &str) -> Self {
        self.losses = losses.counter(target, LossUnit::DataPoints);
        self
    }

    /// Returns how many metrics could not be sent.
    pub fn lost(&self) -> u64 {
        self.losses.get()
    }

    /// Sends a value, which stands for all of which one in `sample` is sent.
    fn send(&self, group: &str, name: &str, value: MetricValue, sample: u32) {
        let name = clean(name);
        let sent = match value {
            MetricValue::Count(count) => self.sent(group, self.client.count_with_tags(&name, count)),
            MetricValue::Duration(_) => {
                let timer = self.client.time_with_tags(&name, Millis(value.as_f64()));
                let is_sampled = sample > 1;
                let rate = 1.0 / f64::from(sample);
                self.sent(group, if is_sampled { timer.with_sampling_rate(rate) } else { timer })
            }
            MetricValue::Gauge(gauge) => {
                if gauge < 0.0 && !self.is_dogstatsd {
                    // A sign means a change to StatsD.
                    self.sent(group, self.client.gauge_with_tags(&name, 0_u64));
                }
                self.sent(group, self.client.gauge_with_tags(&name, gauge))
            }
        };
        if !sent {
            self.losses.add(1);
        }
    }

    fn sent<T: cadence::Metric + From<String>>(&self, group: &str, metric: cadence::MetricBuilder<'_, '_, T>) -> bool {
        let group = clean(group);
        match self.is_dogstatsd {
            true => metric.with_tag("group", &group).try_send().is_ok(),
            false => metric.try_send().is_ok(),
        }
    }
}

/// Milliseconds with their fraction; `cadence` itself has whole ones only.
struct Millis(f64);

impl ToTimerValue for Millis {
    fn try_to_value(self) -> MetricResult<WireValue> {
        Ok(WireValue::Float(self.0))
    }
}

/// A name without what would end it.
fn clean(name: &str) -> String {
    let is_special = |c: char| c.is_control() || c.is_whitespace() || ":|@#,".contains(c);
    name.replace(is_special, "_")
}

impl MetricHandler for StatsdHandler {
    fn emit(&self, data: &MetricData<'_>) {
        self.send(&data.group_name, &data.name, data.value, 1);
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        let [outcome, duration] = call.data_points();
        self.emit(&outcome);
        // The unit is said by the type.
        let name = duration.name.strip_suffix(".ms").unwrap_or(&duration.name);
        self.send(&duration.group_name, name, duration.value, call.callsite().sample());
    }

    fn flush(&self) -> Result<(), FlushError> {
        self.client.flush().map_err(|error| FlushError::Write {
            target: format!("StatsD at {}", self.address).into(),
            source: error.into(),
        })
    }
}

impl fmt::Debug for StatsdHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatsdHandler").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::callsite::Callsite;
    use crate::outcome::Outcome;
    use crate::record::UntimedCall;

    static LOAD: Callsite = Callsite::new("load", || "shop::store::load::item", "shop::store", file!(), line!());

    /// What a daemon receives.
    fn received(change: fn(StatsdHandler) -> StatsdHandler, emit: impl FnOnce(&StatsdHandler)) -> String {
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        let statsd = change(StatsdHandler::to(daemon.local_addr().unwrap()).unwrap());
        emit(&statsd);
        statsd.flush().unwrap();
        assert_eq!(statsd.lost(), 0);
        let mut datagram = [0; 1024];
        let length = daemon.recv(&mut datagram).unwrap();
        String::from_utf8(datagram[..length].to_vec()).unwrap()
    }

    fn calls(statsd: &StatsdHandler) {
        statsd.record_call(&CallRecord::new(&LOAD, Outcome::Success, Duration::from_micros(1500)));
        statsd.record_call(&CallRecord::new(&LOAD, Outcome::Panic, Duration::from_nanos(250)));
    }

    fn points(statsd: &StatsdHandler) {
        statsd.emit(&MetricData::new("a|b", "größe: #1\n", 3));
        statsd.emit(&MetricData::new("g", "load", -0.5));
        statsd.emit(&MetricData::new("g", "wait", Duration::from_millis(2)));
    }

    #[test]
    fn calls_are_counters_and_timers() {
        let expect = "store.load.success:1|c\nstore.load.duration:1.5|ms\n\
                      store.load.failure:1|c\nstore.load.duration:0.00025|ms\n";
        assert_eq!(received(|statsd| statsd, calls), expect);
    }

    #[test]
    fn a_sampled_duration_stands_for_others() {
        static SAMPLED: Callsite =
            Callsite::new("load", || "shop::store::load::item", "shop::store", file!(), line!()).with_sample(4);
        let calls = |statsd: &StatsdHandler| {
            statsd.record_call(&CallRecord::new(&SAMPLED, Outcome::Success, Duration::from_micros(1500)));
            statsd.record_untimed_call(&UntimedCall::new(&SAMPLED, Outcome::Failure));
        };
        let expect = "store.load.success:1|c\nstore.load.duration:1.5|ms|@0.25\nstore.load.failure:1|c\n";
        assert_eq!(received(|statsd| statsd, calls), expect);
    }

    #[test]
    fn groups_are_tags() {
        let received = received(StatsdHandler::dogstatsd, calls);
        assert_eq!(received.lines().next(), Some("store.load.success:1|c|#group:shop"));
        assert!(received.lines().all(|line| line.ends_with("|#group:shop")), "{received}");
    }

    #[test]
    fn data_points_keep_their_kind_and_cannot_forge_others() {
        let expect = "größe___1_:3|c\nload:0|g\nload:-0.5|g\nwait:2|ms\n";
        assert_eq!(received(|statsd| statsd, points), expect);
        let expect = "größe___1_:3|c|#group:a_b\nload:-0.5|g|#group:g\nwait:2|ms|#group:g\n";
        assert_eq!(received(StatsdHandler::dogstatsd, points), expect);
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        let error = StatsdHandler::to("no such host.invalid:8125").unwrap_err();
        assert!(error.to_string().starts_with("no such host.invalid:8125 is not the address of a StatsD daemon: "));
        StatsdHandler::to("127.0.0.1").unwrap_err();
    }

    #[test]
    fn no_one_has_to_listen() {
        let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let statsd = StatsdHandler::to(gone).unwrap();
        (0..1000).for_each(|_| calls(&statsd));
    }
}
