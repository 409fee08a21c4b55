//! Over which windows an error budget is watched, and how fast it may burn.

use std::fmt;
use std::time::Duration;

/// The period that an objective is meant for, unless it is set: 30 days.
pub(super) const PERIOD: Duration = Duration::from_secs(30 * DAY_S);

const DAY_S: u64 = 86_400;
const HOUR_S: u64 = 3600;
const MINUTE_S: u64 = 60;

/// Windows of an objective's period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Windows {
    pub(super) period: Duration,
}

/// Who is told of a budget that burns too fast, by the label `severity`.
pub(super) struct Severity {
    pub(super) name: &'static str,
    pub(super) burn_rates: [BurnRate; 2],
}

/// A budget that burns `factor` times as fast as one that is just used up at the end of the period. Over the long
/// window, that has cost a share of it that is worth an alert; over the short one, it still goes on.
#[derive(Clone, Copy)]
pub(super) struct BurnRate {
    pub(super) factor: f64,
    pub(super) long: Duration,
    pub(super) short: Duration,
}

impl Windows {
    /// The windows and factors of Google's SRE workbook, chapter 5, "Alerting on SLOs", for 30 days. A longer or
    /// shorter period has windows in proportion, so that each alert stands for the same share of the budget: 2 and 5 %
    /// for a page, 10 % for a ticket.
    pub(super) fn severities(self) -> [Severity; 2] {
        let burn_rate = |factor, long_s, short_s| BurnRate {
            factor,
            long: self.in_proportion(long_s),
            short: self.in_proportion(short_s),
        };
        [
            Severity {
                name: "page",
                burn_rates: [burn_rate(14.4, HOUR_S, 5 * MINUTE_S), burn_rate(6.0, 6 * HOUR_S, 30 * MINUTE_S)],
            },
            Severity {
                name: "ticket",
                burn_rates: [burn_rate(3.0, DAY_S, 2 * HOUR_S), burn_rate(1.0, 3 * DAY_S, 6 * HOUR_S)],
            },
        ]
    }

    /// Every window, ascending.
    pub(super) fn all(self) -> Vec<Duration> {
        let burn_rates = self.severities().into_iter().flat_map(|severity| severity.burn_rates);
        let mut all: Vec<_> = burn_rates.flat_map(|burn_rate| [burn_rate.short, burn_rate.long]).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The shortest window, whose rates the longest ones are summed up from.
    pub(super) fn shortest(self) -> Duration {
        self.in_proportion(5 * MINUTE_S)
    }

    /// How long calls may be unknown: longer than a service takes to start again.
    pub(super) fn silence(self) -> Duration {
        self.in_proportion(30 * MINUTE_S)
    }

    /// Whether a window is so long, a day of 30, that Prometheus would read very many samples for a rate over it.
    pub(super) fn is_summed_up(self, window: Duration) -> bool {
        window >= self.in_proportion(DAY_S)
    }

    /// In whole milliseconds, which is as fine as Prometheus knows them.
    fn in_proportion(self, of_30_days_s: u64) -> Duration {
        // 30 days of milliseconds times any period are far below 2^128.
        let ms = u128::from(of_30_days_s) * self.period.as_millis() / u128::from(PERIOD.as_secs());
        Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX).max(1))
    }
}

/// As sentences have it.
impl fmt::Display for BurnRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [long, short] = [self.long, self.short].map(promql);
        match self.factor {
            1.0 => f.write_str("more than the allowed rate")?,
            factor => write!(f, "more than {factor} times the allowed rate")?,
        }
        write!(f, " over {long} and over {short}")
    }
}

/// A duration as Prometheus writes it, such as `1h30m`.
pub(super) fn promql(duration: Duration) -> String {
    let mut rest_ms = duration.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let parts = units.map(|(unit, ms)| {
        let count = rest_ms / ms;
        rest_ms %= ms;
        if count > 0 { format!("{count}{unit}") } else { String::new() }
    });
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(period_s: u64, expect: &str) {
        let windows = Windows { period: Duration::from_secs(period_s) };
        assert_eq!(windows.all().into_iter().map(promql).collect::<Vec<_>>().join(" "), expect);
    }

    #[test]
    fn windows_are_in_proportion_to_the_period() {
        check(30 * DAY_S, "5m 30m 1h 2h 6h 1d 3d");
        check(7 * DAY_S, "1m10s 7m 14m 28m 1h24m 5h36m 16h48m");
        check(HOUR_S * 12, "5s 30s 1m 2m 6m 24m 1h12m");
        check(HOUR_S, "416ms 2s500ms 5s 10s 30s 2m 6m");
    }

    #[test]
    fn burn_rates_stand_for_shares_of_the_budget() {
        for days in [7_u64, 28, 30, 90] {
            let period = Duration::from_secs(days * DAY_S);
            let used: Vec<f64> = Windows { period }
                .severities()
                .into_iter()
                .flat_map(|severity| severity.burn_rates)
                .map(|burn_rate| burn_rate.factor * burn_rate.long.as_secs_f64() / period.as_secs_f64())
                .collect();
            for (used, expect) in used.into_iter().zip([0.02, 0.05, 0.1, 0.1]) {
                assert!((used - expect).abs() < 1e-6, "{used} of the budget of {days} days");
            }
        }
    }
}
