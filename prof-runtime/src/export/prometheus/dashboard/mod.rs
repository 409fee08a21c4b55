//! What Grafana is to draw of the metrics that the exporter serves and the rules record.

mod panel;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::{Value, json};

use self::panel::datasource;
use crate::{Callsite, callsites};

/// The version of Grafana's dashboard model that is written: that of Grafana 12, which later ones read, and earlier
/// ones from 10 on.
const SCHEMA_VERSION: u32 = 42;

/// Grafana lays out panels on a grid of so many columns, and ours are so many lines high.
const COLUMNS: usize = 24;
const HEIGHT: usize = 8;

/// A dashboard for Grafana: rate, error ratio, durations, calls in flight and losses, and for
/// [objectives](crate::Objective) the error budgets and alerts of [`Rules`](super::Rules).
///
/// Its data source is a variable, so that it can be imported anywhere; further ones choose jobs, groups and functions.
/// A dashboard of the same title is the same dashboard: importing it again replaces it.
///
/// # Examples
///
/// ```
/// use prof_runtime::export::prometheus::Dashboard;
///
/// let json = Dashboard::new("Shop").to_json(); // Write it to a file, and import that.
/// assert!(json.contains("\"title\": \"Error ratio\""));
/// ```
#[derive(Clone)]
pub struct Dashboard {
    title: String,
    has_objectives: bool,
}

impl Dashboard {
    /// Creates a dashboard with this title, for every annotated function of the program.
    pub fn new(title: impl Into<String>) -> Self {
        Self::of(title, callsites())
    }

    /// Creates one for these functions: with rows for objectives if any of them has one.
    pub fn of(title: impl Into<String>, callsites: impl IntoIterator<Item = &'static Callsite>) -> Self {
        let has_objectives = callsites.into_iter().any(|callsite| callsite.objective().is_some());
        Self { title: title.into(), has_objectives }
    }

    /// Returns it as the JSON that Grafana imports, or is provisioned with.
    pub fn to_json(&self) -> String {
        let mut sections = Vec::new();
        if self.has_objectives {
            sections.push(("Objectives", vec![Vec::from(panel::objectives()), Vec::from(panel::alerts())]));
        }
        let rows = [panel::calls(), panel::durations(), panel::load()];
        sections.push(("Calls", rows.map(Vec::from).into()));
        let dashboard = json!({
            "uid": self.uid(),
            "title": self.title,
            "description": "Rate, errors and durations of annotated functions, written by the program itself.",
            "tags": ["prof"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": true,
            "graphTooltip": 1,
            "time": { "from": "now-6h", "to": "now" },
            "refresh": "30s",
            "templating": { "list": variables() },
            "annotations": { "list": [] },
            "panels": placed(sections),
        });
        format!("{dashboard:#}\n")
    }

    /// From the title, so that a new dashboard replaces the old one; up to 40 characters are allowed.
    fn uid(&self) -> String {
        let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        ["prof-", &self.title].concat().chars().map(word).take(40).collect()
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard").field("title", &self.title).finish_non_exhaustive()
    }
}

fn variables() -> Value {
    let choice = |name: &str, label: &str, query: &str| {
        json!({
            "type": "query", "name": name, "label": label, "datasource": datasource(),
            "query": { "query": query, "refId": name },
            // Asked for whenever the time range changes; sorted by the alphabet.
            "refresh": 2, "sort": 1,
            "multi": true, "includeAll": true, "allValue": ".*",
            "current": { "text": ["All"], "value": ["$__all"] },
        })
    };
    json!([
        { "type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus" },
        choice("job", "Job", "label_values(prof_build_info, job)"),
        choice("group", "Group", r#"label_values(prof_calls_total{job=~"$job"}, group)"#),
        choice("function", "Function", r#"label_values(prof_calls_total{job=~"$job",group=~"$group"}, function)"#),
    ])
}

/// The panels of all sections, each section under its title, the panels of a row of equal width.
fn placed(sections: Vec<(&str, Vec<Vec<Value>>)>) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let mut y = 0;
    for (title, rows) in sections {
        all.push(json!({
            "type": "row", "title": title, "collapsed": false, "panels": [],
            "gridPos": { "x": 0, "y": y, "w": COLUMNS, "h": 1 },
        }));
        y += 1;
        for row in rows {
            let width = COLUMNS / row.len();
            for (at, mut panel) in row.into_iter().enumerate() {
                panel["gridPos"] = json!({ "x": at * width, "y": y, "w": width, "h": HEIGHT });
                all.push(panel);
            }
            y += HEIGHT;
        }
    }
    for (id, panel) in (1..).zip(&mut all) {
        panel["id"] = json!(id);
    }
    all
}
