//! The rules for one thing that a function promises.

use std::time::Duration;

use serde_saphyr::LitString;

use super::matchers::{escaped, le};
use super::windows::{BurnRate, Severity, Windows, promql};
use super::yaml::{Annotations, Group, Labels, Rule};
use crate::export::prometheus::buckets::latency_bound_ns;
use crate::{Callsite, Objective};

/// How annotations name the function: by its labels, where nothing in a name is taken for a template.
const FUNCTION: &str = "{{ $labels.function }} ({{ $labels.group }})";

/// What a function promises of success alone, or of latency alone.
pub(super) struct Promise<'a> {
    pub(super) callsite: &'static Callsite,
    pub(super) part: Objective,
    pub(super) windows: Windows,
    /// The labels that tell apart what is summed up for each.
    pub(super) by: &'a str,
}

impl Promise<'_> {
    /// The rules, in the order in which they use one another.
    pub(super) fn group(&self) -> Group {
        let shortest = promql(self.windows.shortest());
        let mut rules = vec![
            self.record(format!("function:prof_calls:rate{shortest}"), self.calls(self.windows.shortest())),
            self.record(format!("function:prof_misses:rate{shortest}"), self.misses(self.windows.shortest())),
        ];
        for window in self.windows.all() {
            rules.push(self.record(ratio_name(window), self.ratio(window)));
        }
        let burning = self.windows.severities()[0].burn_rates[0].long;
        let burn_rate = format!("{}\n/\n{}", self.recorded(&ratio_name(burning)), self.part.budget());
        rules.push(self.record("function:prof_error_budget:burn_rate".to_owned(), burn_rate));
        let used = self.summed_up(self.windows.period).replace('\n', "\n  ");
        let remaining = format!("1 - (\n  {used}\n) / {}", self.part.budget());
        rules.push(self.record("function:prof_error_budget:remaining".to_owned(), remaining));
        rules.extend(self.windows.severities().iter().filter_map(|severity| self.alert(severity)));
        rules.push(self.silence());
        Group { name: format!("{} ({}): {}", self.callsite.name(), self.callsite.group(), self.part), rules }
    }

    fn record(&self, record: String, expr: String) -> Rule {
        Rule::Record { record, expr: LitString(expr), labels: self.labels(None) }
    }

    fn labels(&self, severity: Option<&'static str>) -> Labels {
        Labels { objective: self.part.to_string(), severity }
    }

    /// The calls per second that count. A call that was cancelled has neither succeeded nor failed; how long it took is
    /// known all the same.
    fn calls(&self, window: Duration) -> String {
        match self.part.latency_threshold() {
            None => self.sum_of_rate("prof_calls_total", ",outcome!=\"cancelled\"", window),
            Some(_) => self.sum_of_rate("prof_call_duration_seconds_count", "", window),
        }
    }

    /// The calls per second that miss the objective.
    fn misses(&self, window: Duration) -> String {
        let Some(threshold) = self.part.latency_threshold() else {
            return self.sum_of_rate("prof_calls_total", ",outcome=~\"failure|panic\"", window);
        };
        let (by, function, window) = (self.by, self.selector(), promql(window));
        let bound = le(threshold);
        // Subtracted for each instance by itself, so that one of another version, which has no such bucket, is left out
        // instead of counted as slow.
        format!(
            "sum by ({by}) (\n  \
               rate(prof_call_duration_seconds_count{{{function}}}[{window}])\n\
             -\n  \
               sum without (le) (rate(prof_call_duration_seconds_bucket{{{function},{bound}}}[{window}]))\n)"
        )
    }

    fn sum_of_rate(&self, counter: &str, and: &str, window: Duration) -> String {
        format!("sum by ({}) (rate({counter}{{{}{and}}}[{}]))", self.by, self.selector(), promql(window))
    }

    /// The share of calls that miss the objective.
    fn ratio(&self, window: Duration) -> String {
        if self.windows.is_summed_up(window) {
            return self.summed_up(window);
        }
        format!("{}\n/\n{}", self.misses(window), self.calls(window))
    }

    /// The same over a window that is too long to read every sample of every instance.
    fn summed_up(&self, window: Duration) -> String {
        let shortest = promql(self.windows.shortest());
        let [misses, calls] = ["misses", "calls"].map(|what| {
            format!(
                "sum_over_time({}[{}])",
                self.recorded(&format!("function:prof_{what}:rate{shortest}")),
                promql(window)
            )
        });
        format!("{misses}\n/\n{calls}")
    }

    /// Fires while the budget burns too fast by one of the severity's two measures.
    ///
    /// With a budget of 10 %, calls cannot fail 14.4 times as often as they may. A measure that could never be exceeded
    /// is left out.
    fn alert(&self, severity: &Severity) -> Option<Rule> {
        let can_burn = |burn_rate: &&BurnRate| burn_rate.factor * self.part.budget() < 1.0;
        let burn_rates: Vec<_> = severity.burn_rates.iter().filter(can_burn).collect();
        if burn_rates.is_empty() {
            return None;
        }
        let exprs: Vec<_> = burn_rates.iter().map(|burn_rate| self.burns(burn_rate)).collect();
        let since: Vec<_> = burn_rates.iter().map(ToString::to_string).collect();
        let alert = match self.part.latency_threshold() {
            None => "ProfTooManyFailures",
            Some(_) => "ProfTooManySlowCalls",
        };
        Some(Rule::Alert {
            alert,
            expr: LitString(exprs.join("\nor\n")),
            hold: None,
            labels: self.labels(Some(severity.name)),
            annotations: self.annotations(&since.join(", or at ")),
        })
    }

    /// Fires while none of the series is there that the other rules look at. They would never fire, and nobody would
    /// know: a function that was renamed, or that promises another latency by now, has rules that were not written
    /// anew.
    fn silence(&self) -> Rule {
        let (watched, what) = match self.part.latency_threshold() {
            None => (format!("prof_calls_total{{{}}}", self.selector()), "series of its calls"),
            Some(threshold) => (
                format!("prof_call_duration_seconds_bucket{{{},{}}}", self.selector(), le(threshold)),
                "classic bucket of its durations that ends with this latency",
            ),
        };
        Rule::Alert {
            alert: "ProfObjectiveWithoutData",
            expr: LitString(format!("absent({watched})")),
            hold: Some(promql(self.windows.silence())),
            labels: self.labels(Some("ticket")),
            annotations: Annotations {
                summary: format!("{FUNCTION} is not watched: {}", self.part),
                description: format!(
                    "Prometheus has no {what}. The service is down or not scraped, or it is of another version \
                     than its rules, which are to be written anew. {}",
                    self.declared(),
                ),
            },
        }
    }

    fn burns(&self, BurnRate { factor, long, short }: &BurnRate) -> String {
        let [long, short] = [long, short].map(|window| self.recorded(&ratio_name(*window)));
        let limit = format!("{factor} * {}", self.part.budget());
        format!("(\n  {long} > {limit}\nand\n  {short} > {limit}\n)")
    }

    fn annotations(&self, since: &str) -> Annotations {
        let misses = match self.part.latency_threshold() {
            None => "fail".to_owned(),
            Some(threshold) => {
                // Rounded as people read it; the bound itself is in the rule.
                let bound = Duration::from_nanos(latency_bound_ns(threshold));
                format!("take longer than {bound:.3?}, the counted bound nearest to {threshold:?}")
            }
        };
        Annotations {
            summary: format!("{FUNCTION} breaks its promise: {}", self.part),
            description: format!(
                "{{{{ $value | humanizePercentage }}}} of its calls {misses}. The error budget of {} is used up at {since}. {}",
                promql(self.windows.period),
                self.declared(),
            ),
        }
    }

    /// Without the line, so that a file of rules that is kept under version control changes when objectives do.
    fn declared(&self) -> String {
        format!("Declared in {}.", self.callsite.file())
    }

    /// The matchers for the function's own series.
    fn selector(&self) -> String {
        let [group, function] = [self.callsite.group(), self.callsite.name()].map(escaped);
        format!("group=\"{group}\",function=\"{function}\"")
    }

    /// A series that a rule for this objective has recorded.
    fn recorded(&self, name: &str) -> String {
        format!("{name}{{{},objective=\"{}\"}}", self.selector(), escaped(&self.part.to_string()))
    }
}

fn ratio_name(window: Duration) -> String {
    format!("function:prof_misses:ratio_rate{}", promql(window))
}
