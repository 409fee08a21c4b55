//! From what functions promise to what Prometheus is to watch.

mod matchers;
mod promise;
#[cfg(test)]
mod tests;
mod windows;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use self::promise::Promise;
use self::windows::{PERIOD, Windows};
use self::yaml::File;
use crate::{Callsite, callsites};

/// Recording and alert rules for the [objectives](crate::Objective) that functions declare.
///
/// Only the program itself knows its functions, so it is the program that writes them, as a subcommand or by an option.
/// The alerts are the multiwindow, multi-burn-rate alerts of Google's SRE workbook: they look at how fast the error
/// budget is used up, which is the share of calls that may miss the objective in a period of 30 days.
///
/// | `severity` | budget used | over | and still over |
/// |---|---|---|---|
/// | `page` | 14.4 times as fast as allowed, 2 % of it | 1 h | 5 min |
/// | `page` | 6 times, 5 % | 6 h | 30 min |
/// | `ticket` | 3 times, 10 % | 1 d | 2 h |
/// | `ticket` | once, 10 % | 3 d | 6 h |
///
/// A budget so large that calls cannot miss the objective that often, such as 14.4 times 10 %, has the other alerts
/// only.
///
/// | alert | fires for |
/// |---|---|
/// | `ProfTooManyFailures` | `success`: calls that failed or panicked, of all that were not cancelled |
/// | `ProfTooManySlowCalls` | `latency`: calls that took longer, of all that ended, cancelled ones too |
///
/// | `ProfObjectiveWithoutData`, a ticket | either, if what it speaks of was not there for 30 min |
///
/// | recorded, with the label `objective` | |
/// |---|---|
/// | `function:prof_misses:ratio_rate5m`, …`30m`, `1h`, `2h`, `6h`, `1d`, `3d` | the share of calls that miss it |
/// | `function:prof_calls:rate5m`, `function:prof_misses:rate5m` | calls per second, and those that miss it |
/// | `function:prof_error_budget:burn_rate` | how many times as fast as allowed the budget is used up, over 1 h |
/// | `function:prof_error_budget:remaining` | the share of the budget of 30 d that is left; negative if it is overdrawn |
///
/// The bound of a latency is the end of a counted bucket that is nearest to it, at most 3.2 % off; the
/// [exporter](super::PrometheusCollector) has a bucket that ends there, and so do the rules.
///
/// # Examples
///
/// ```
/// use prof_runtime::export::prometheus::Rules;
/// use prof_runtime::{callsites, prof};
///
/// #[prof(name = "pay", group = "rules", objective(success = 99.9))]
/// fn pay() {}
///
/// # let _ = pay;
/// let rules = Rules::new().to_yaml(); // For all functions; write it to a file.
/// assert!(rules.contains("- name: \"pay (rules): 99.9% succeed\"\n"));
/// assert!(rules.contains("  - alert: ProfTooManyFailures\n"));
///
/// let others = callsites().filter(|callsite| callsite.group() != "rules");
/// assert!(!Rules::of(others).to_yaml().contains("pay"));
/// ```
#[derive(Clone)]
pub struct Rules {
    callsites: Vec<&'static Callsite>,
    windows: Windows,
    labels: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self::new()
    }
}

impl Rules {
    /// Creates the rules for every annotated function of the program that has an objective.
    pub fn new() -> Self {
        Self::of(callsites())
    }

    /// Creates the rules for those of these functions that have an objective.
    pub fn of(callsites: impl IntoIterator<Item = &'static Callsite>) -> Self {
        let promising = callsites.into_iter().filter(|callsite| callsite.objective().is_some());
        let mut callsites: Vec<_> = promising.collect();
        // Whatever order they were linked in, the file is the same.
        callsites.sort_by_key(|callsite| (callsite.file(), callsite.line()));
        Self { callsites, windows: Windows { period: PERIOD }, labels: vec!["job".to_owned()] }
    }

    /// Sets the period that objectives are meant for; by default, 30 days.
    ///
    /// All windows are in proportion to it, so that alerts stand for the same shares of the budget: for a week, pages
    /// look at 14 min and 70 s. Of a period of 12 h, minutes become seconds, which shows a rule at work while one waits
    /// for it. The shortest window, 5 min of 30 days, should hold a few scrapes.
    ///
    /// # Panics
    ///
    /// If it is shorter than an hour.
    #[must_use]
    pub fn period(mut self, period: Duration) -> Self {
        assert!(period >= Duration::from_secs(3600), "a period of {period:?} has windows too short for any scrape");
        self.windows = Windows { period };
        self
    }

    /// Judges what differs in this label apart, such as `env` or `namespace`, besides `job`. Instances of a job are
    /// judged together.
    #[must_use]
    pub fn by(mut self, label: impl Into<String>) -> Self {
        let label = label.into();
        if !self.labels.contains(&label) {
            self.labels.push(label);
        }
        self
    }

    /// Returns whether no function has an objective, so that there are no rules.
    pub fn is_empty(&self) -> bool {
        self.callsites.is_empty()
    }

    /// Returns the rules as a file that Prometheus reads by `rule_files`.
    ///
    /// Functions are sorted by group and name. Those that share both share their metrics, and are watched for the
    /// objective of each.
    pub fn to_yaml(&self) -> String {
        let by = [&self.labels[..], &["group".to_owned(), "function".to_owned()]].concat().join(", ");
        let mut promises = BTreeMap::new();
        for callsite in &self.callsites {
            for part in callsite.objective().into_iter().flat_map(crate::Objective::parts) {
                let key = (callsite.group(), callsite.name(), part.latency_threshold(), part.to_string());
                promises.entry(key).or_insert(Promise { callsite, part, windows: self.windows, by: &by });
            }
        }
        let groups = promises.into_values().map(|promise| promise.group()).collect();
        format!("{HEAD}{}", File { groups }.to_yaml())
    }
}

/// What a person who finds the file needs to know.
const HEAD: &str = concat!(
    "# Recording and alert rules for Prometheus, written by the program itself (prof-runtime ",
    env!("CARGO_PKG_VERSION"),
    ") of what its functions\n",
    "# promise: write them anew instead of changing them here. Alerts have the label `severity`, `page` or `ticket`.\n",
);

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("period", &self.windows.period).finish_non_exhaustive()
    }
}
