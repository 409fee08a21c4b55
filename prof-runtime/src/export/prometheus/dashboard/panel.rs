//! The panels, each without its place.

use serde_json::{Value, json};

/// The data source that the variable of this name has chosen.
pub(super) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// What the variables have chosen, as the matchers of a function's series.
pub(super) const CHOSEN: &str = r#"job=~"$job",group=~"$group",function=~"$function""#;

/// What is drawn, and how its lines are called.
struct Query {
    expr: String,
    legend: &'static str,
}

/// The lines of one function each.
fn by_function(expr: String) -> Query {
    Query { expr, legend: "{{function}} ({{group}})" }
}

/// The lines of one objective each; of several jobs, the worst.
fn by_objective(worst: &str, series: &str) -> Query {
    let expr = format!("{worst} by (group, function, objective) ({series}{{{CHOSEN}}})");
    Query { expr, legend: "{{function}} ({{group}}): {{objective}}" }
}

/// How many calls of each function a counter counts per second.
fn per_second(counter: &str, and: &str) -> String {
    format!("sum by (group, function) (rate({counter}{{{CHOSEN}{and}}}[$__rate_interval]))")
}

/// A row: how many calls, and how they ended.
pub(super) fn calls() -> [Value; 3] {
    let failed = per_second("prof_calls_total", ",outcome=~\"failure|panic\"");
    let judged = per_second("prof_calls_total", ",outcome!=\"cancelled\"");
    let outcomes = format!("sum by (outcome) (rate(prof_calls_total{{{CHOSEN}}}[$__rate_interval]))");
    let calls = vec![by_function(per_second("prof_calls_total", ""))];
    let errors = vec![by_function(format!("{failed}\n/\n{judged}"))];
    let outcomes = vec![Query { expr: outcomes, legend: "{{outcome}}" }];
    [
        series("Calls", "ops", "Finished calls per second.", calls),
        series("Error ratio", "percentunit", "Calls that failed or panicked, of all that were not cancelled.", errors),
        series("Outcomes", "ops", "Finished calls per second, by how they ended.", outcomes),
    ]
}

/// A row: how long calls took.
pub(super) fn durations() -> [Value; 3] {
    let quantile = |quantile: f64| {
        let rates = format!("rate(prof_call_duration_seconds_bucket{{{CHOSEN}}}[$__rate_interval])");
        vec![by_function(format!("histogram_quantile({quantile}, sum by (group, function, le) ({rates}))"))]
    };
    [
        series("p50", "s", "Half of all calls take no longer.", quantile(0.5)),
        series("p95", "s", "95 % of all calls take no longer.", quantile(0.95)),
        series("p99", "s", "99 % of all calls take no longer.", quantile(0.99)),
    ]
}

/// A row: what goes on at the moment, and what no one will ever see.
pub(super) fn load() -> [Value; 3] {
    let spent = vec![by_function(per_second("prof_call_duration_seconds_sum", ""))];
    let in_flight = vec![by_function(format!("sum by (group, function) (prof_calls_in_flight{{{CHOSEN}}})"))];
    let lost = r#"sum by (target, unit) (rate(prof_lost_total{job=~"$job"}[$__rate_interval]))"#.to_owned();
    let dropped = r#"sum(rate(prof_values_dropped_total{job=~"$job"}[$__rate_interval]))"#.to_owned();
    let lost = vec![Query { expr: lost, legend: "{{unit}} for {{target}}" }, Query { expr: dropped, legend: "values" }];
    [
        series("Time spent", "none", "Seconds of calls per second: how many ran at once, on average.", spent),
        series("In flight", "none", "Calls that have begun and not ended.", in_flight),
        series("Lost", "ops", "What did not get out, by a queue or an exporter, and values of too many names.", lost),
    ]
}

/// A row: what the rules record of objectives.
pub(super) fn objectives() -> [Value; 3] {
    let left = budget("Error budget");
    [budget_now(&left), left, burn_rate()]
}

fn budget(title: &str) -> Value {
    let description = "The share of the error budget that is left of its period; below 0, the objective is missed.";
    let query = by_objective("min", "function:prof_error_budget:remaining");
    let mut panel = series(title, "percentunit", description, vec![query]);
    let defaults = &mut panel["fieldConfig"]["defaults"];
    defaults["max"] = json!(1);
    defaults["thresholds"] = thresholds(&[(Value::Null, "red"), (json!(0), "orange"), (json!(0.25), "green")]);
    panel
}

/// The same as numbers.
fn budget_now(budget: &Value) -> Value {
    let mut panel = budget.clone();
    panel["type"] = json!("stat");
    panel["title"] = json!("Error budget left");
    let defaults = &mut panel["fieldConfig"]["defaults"];
    defaults["color"] = json!({ "mode": "thresholds" });
    defaults["custom"] = json!({});
    panel["options"] = json!({
        "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
        "colorMode": "value", "graphMode": "area", "justifyMode": "auto", "orientation": "auto",
        "textMode": "value_and_name", "wideLayout": true,
        "showPercentChange": false, "percentChangeColorMode": "standard",
    });
    panel
}

fn burn_rate() -> Value {
    let description = "How many times as fast as allowed the error budget is used up. At 1, nothing is left at the end of \
                       the period; at 14.4, a fiftieth is gone within an hour of 30 days.";
    let query = by_objective("max", "function:prof_error_budget:burn_rate");
    let mut panel = series("Burn rate", "none", description, vec![query]);
    let defaults = &mut panel["fieldConfig"]["defaults"];
    defaults["thresholds"] = thresholds(&[(Value::Null, "green"), (json!(1), "orange"), (json!(14.4), "red")]);
    defaults["custom"]["thresholdsStyle"] = json!({ "mode": "line" });
    panel
}

/// A row: the alerts of the rules.
pub(super) fn alerts() -> [Value; 1] {
    let expr = format!(r#"ALERTS{{alertname=~"ProfTooMany.*|ProfObjective.*",alertstate="firing",{CHOSEN}}}"#);
    let query = Query { expr, legend: "{{severity}}: {{function}} ({{group}}): {{objective}}" };
    let mut panel = series("Alerts", "none", "The alerts of the rules that fire.", vec![query]);
    panel["type"] = json!("state-timeline");
    let defaults = &mut panel["fieldConfig"]["defaults"];
    defaults["custom"] = json!({ "fillOpacity": 70, "lineWidth": 0 });
    defaults["color"] = json!({ "mode": "fixed", "fixedColor": "red" });
    defaults["mappings"] =
        json!([{ "type": "value", "options": { "1": { "text": "firing", "color": "red", "index": 0 } } }]);
    panel["options"] = json!({
        "mergeValues": true, "showValue": "never", "alignValue": "left", "rowHeight": 0.8,
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": [] },
        "tooltip": { "mode": "single", "sort": "none" },
    });
    [panel]
}

/// The colors of values, each from a value on.
fn thresholds(steps: &[(Value, &str)]) -> Value {
    let steps: Vec<_> = steps.iter().map(|(from, color)| json!({ "value": from, "color": color })).collect();
    json!({ "mode": "absolute", "steps": steps })
}

/// Lines over time.
fn series(title: &str, unit: &str, description: &str, queries: Vec<Query>) -> Value {
    let targets: Vec<Value> = ('A'..)
        .zip(queries)
        .map(|(id, Query { expr, legend })| {
            json!({
                "refId": id, "datasource": datasource(), "editorMode": "code", "range": true,
                "expr": expr, "legendFormat": legend,
            })
        })
        .collect();
    json!({
        "type": "timeseries", "title": title, "description": description, "datasource": datasource(),
        "targets": targets,
        "fieldConfig": {
            "defaults": {
                "unit": unit, "color": { "mode": "palette-classic" },
                "custom": { "fillOpacity": 8, "lineWidth": 1, "showPoints": "never" },
            },
            "overrides": [],
        },
        "options": {
            "legend": { "displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["lastNotNull", "max"] },
            "tooltip": { "mode": "multi", "sort": "desc" },
        },
    })
}
