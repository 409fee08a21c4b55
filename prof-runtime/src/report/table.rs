//! A snapshot as a table.

use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};

use super::layout::{Column, GivesWay, color, lay_out, wrap};
use super::units::{count, duration, number, share};
use crate::base::text::Foreign;
use crate::counts::{FunctionStats, Snapshot, ValueStats};

const HEADER: Style = Style::new().bold();
/// The style of rows with failures or panics.
const TROUBLE: Style = AnsiColor::Red.on_default();

/// Returns the report with colors. No line is wider than `width`.
pub(super) fn table(snapshot: &Snapshot, width: usize) -> String {
    let mut functions: Vec<&FunctionStats> =
        snapshot.functions.iter().filter(|function| function.calls() > 0 || function.in_flight > 0).collect();
    functions.sort_by(|a, b| b.estimated_total_ns().cmp(&a.estimated_total_ns()).then_with(|| a.name.cmp(&b.name)));
    let elapsed_ns = u64::try_from(snapshot.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let mut text = wrap(&headline(snapshot, &functions, elapsed_ns), width);
    if !functions.is_empty() {
        let (lines, left_out) = lay_out(function_columns(&functions, elapsed_ns), width);
        text += &color(&lines, |line| match line {
            0 => HEADER,
            _ if functions[line - 1].failure > 0 || functions[line - 1].panic > 0 => TROUBLE,
            _ => Style::new(),
        });
        text += &note(&left_out, width);
        if functions.iter().any(|function| function.estimated_total_ns() > elapsed_ns) {
            let note = "A wall share above 100% means that calls ran side by side, or within one another.";
            text += &wrap(note, width);
        }
    }
    if !snapshot.values.is_empty() {
        let (lines, left_out) = lay_out(value_columns(&snapshot.values), width);
        text += "\n";
        text += &color(&lines, |line| if line == 0 { HEADER } else { Style::new() });
        text += &note(&left_out, width);
    }
    if snapshot.values_dropped > 0 {
        let dropped = count(snapshot.values_dropped);
        text += &wrap(
            &format!("{dropped} data points were dropped: they have too many names, or another kind than their name."),
            width,
        );
    }
    text
}

fn headline(snapshot: &Snapshot, functions: &[&FunctionStats], elapsed_ns: u64) -> String {
    let elapsed = duration(elapsed_ns);
    let uncalled = snapshot.functions.len() - functions.len();
    if functions.is_empty() {
        return match uncalled {
            0 => format!("prof: no annotated function was called in {elapsed}: none is linked into this program"),
            _ => format!("prof: no annotated function was called in {elapsed}, of {uncalled} in this program"),
        };
    }
    let rest = match uncalled {
        0 => String::new(),
        1 => "; 1 more was not called".to_owned(),
        _ => format!("; {uncalled} more were not called"),
    };
    let calls = match functions.iter().map(|function| function.calls()).fold(0, u64::saturating_add) {
        1 => "1 call".to_owned(),
        calls => format!("{} calls", count(calls)),
    };
    let noun = if functions.len() == 1 { "function" } else { "functions" };
    format!("prof: {calls} of {} {noun} in {elapsed}{rest}", functions.len())
}

/// Returns a line that names the columns that were left out.
fn note(left_out: &[&str], width: usize) -> String {
    match left_out {
        [] => String::new(),
        _ => wrap(&format!("Left out for lack of room: {}.", left_out.join(", ")), width),
    }
}

/// Returns the columns from left to right. Columns that follow from others, or are 0 throughout, are left out first.
fn function_columns(functions: &[&FunctionStats], elapsed_ns: u64) -> Vec<Column> {
    let column = |title, order: u8, cell: &dyn Fn(&FunctionStats) -> String| Column {
        title,
        cells: functions.iter().map(|function| cell(function)).collect(),
        gives_way: GivesWay::LeftOut(order),
    };
    let outcome = |title, if_zero: u8, order: u8, of: fn(&FunctionStats) -> u64| {
        let is_zero = functions.iter().all(|function| of(function) == 0);
        column(title, if is_zero { if_zero } else { order }, &|function| count(of(function)))
    };
    let quantile = |title, order, quantile| column(title, order, &|function| maybe(function.quantile_ns(quantile)));

    let mut columns = vec![Column {
        title: "function",
        cells: functions.iter().map(|function| name(&function.name)).collect(),
        gives_way: GivesWay::Shortened { least: 24 },
    }];
    let groups: BTreeSet<&str> = functions.iter().map(|function| function.group.as_str()).collect();
    if groups.len() > 1 {
        columns.push(Column {
            title: "group",
            cells: functions.iter().map(|function| name(&function.group)).collect(),
            gives_way: GivesWay::ShortenedThenLeftOut { least: 12, order: 8 },
        });
    }
    columns.extend([
        Column { gives_way: GivesWay::Never, ..column("calls", 0, &|function| count(function.calls())) },
        column("ok", 3, &|function| count(function.success)),
        outcome("failed", 6, 15, |function| function.failure),
        outcome("panicked", 2, 10, |function| function.panic),
        outcome("cancelled", 1, 9, |function| function.cancelled),
    ]);
    if functions.iter().any(|function| function.in_flight > 0) {
        columns.push(column("in flight", 11, &|function| count(function.in_flight)));
    }
    columns.extend([
        Column { gives_way: GivesWay::Never, ..column("total", 0, &total) },
        column("wall share", 7, &|function| share(function.estimated_total_ns(), elapsed_ns)),
        column("mean", 14, &|function| maybe(function.mean_ns())),
        quantile("p50", 4, 0.5),
        quantile("p95", 13, 0.95),
        quantile("p99", 5, 0.99),
        column("max", 12, &|function| maybe(function.max_ns)),
    ]);
    columns
}

fn value_columns(values: &[ValueStats]) -> Vec<Column> {
    let column = |title, gives_way, cell: fn(&ValueStats) -> String| Column {
        title,
        cells: values.iter().map(cell).collect(),
        gives_way,
    };
    let mut columns = vec![
        column("value", GivesWay::Shortened { least: 24 }, |value| name(&value.name)),
        column("group", GivesWay::ShortenedThenLeftOut { least: 12, order: 4 }, |value| name(&value.group)),
        column("count", GivesWay::LeftOut(3), |value| count(value.count)),
        column("sum", GivesWay::Never, |value| number(value.sum)),
        column("min", GivesWay::LeftOut(1), |value| value.min.map_or_else(none, number)),
        column("max", GivesWay::LeftOut(2), |value| value.max.map_or_else(none, number)),
        column("last", GivesWay::LeftOut(5), |value| match value.distribution {
            Some(_) => none(),
            None => number(value.last.as_f64()),
        }),
    ];
    if values.iter().any(|value| value.distribution.is_some()) {
        let at = columns.len() - 2;
        let quantiles = [
            column("p50", GivesWay::LeftOut(6), |value| quantile(value, 0.5)),
            column("p99", GivesWay::LeftOut(7), |value| quantile(value, 0.99)),
        ];
        columns.splice(at..at, quantiles);
    }
    columns
}

#[allow(clippy::cast_precision_loss)] // Shown with a few digits.
fn quantile(value: &ValueStats, quantile: f64) -> String {
    value.quantile(quantile).map_or_else(none, |quantile| number(quantile as f64))
}

/// Returns the total time. A `~` marks an estimate: only some calls of a sampled function are timed.
fn total(function: &FunctionStats) -> String {
    let mark = if function.sample > 1 { "~" } else { "" };
    format!("{mark}{}", duration(function.estimated_total_ns()))
}

fn maybe(ns: Option<u64>) -> String {
    ns.map_or_else(none, duration)
}

/// Returns the text for an absent number.
fn none() -> String {
    "-".to_owned()
}

/// Returns a name that is safe for a terminal. The layout shortens it to its column.
fn name(name: &str) -> String {
    format!("{:.1000}", Foreign(name))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::aggregate::Aggregator;
    use crate::handler::MetricHandler as _;
    use crate::model::Outcome;
    use crate::site::{CallRecord, Callsite};

    static OUTER: Callsite = Callsite::new("outer", || "app::outer::item", "app", file!(), line!());
    static INNER: Callsite = Callsite::new("inner", || "app::inner::item", "app", file!(), line!());

    /// Two calls of a second, one within the other, and `spans` seconds of wall time.
    fn nested(spans: u64) -> Snapshot {
        let aggregator = Aggregator::new();
        aggregator.record_call(&CallRecord::new(&INNER, Outcome::Success, Duration::from_secs(1)));
        aggregator.record_call(&CallRecord::new(&OUTER, Outcome::Failure, Duration::from_secs(1)));
        let mut snapshot = aggregator.snapshot();
        snapshot.started_at = UNIX_EPOCH;
        snapshot.taken_at = UNIX_EPOCH + Duration::from_secs(spans);
        snapshot
    }

    fn plain(snapshot: &Snapshot, width: usize) -> String {
        anstream::adapter::strip_str(&table(snapshot, width)).to_string()
    }

    /// The cell of a row below a title.
    fn cell(table: &str, row: &str, title: &str) -> String {
        let header = table.lines().find(|line| line.contains(title)).unwrap();
        let end = header.find(title).unwrap() + title.len();
        let line = table.lines().find(|line| line.trim_start().starts_with(row)).unwrap();
        line[..end].split("  ").last().unwrap().trim().to_owned()
    }

    #[test]
    fn a_share_is_of_wall_time_whatever_is_nested() {
        let table = plain(&nested(4), 160);
        assert_eq!(cell(&table, "app.outer", "wall share"), "25.0%", "{table}");
        assert_eq!(cell(&table, "app.inner", "wall share"), "25.0%", "{table}");
        assert!(!table.contains("above 100%"), "{table}");
    }

    #[test]
    fn a_share_above_the_whole_is_explained() {
        let table = plain(&nested(0), 160);
        assert_eq!(cell(&table, "app.outer", "wall share"), "-", "{table}");
        let mut half = nested(0);
        half.taken_at = UNIX_EPOCH + Duration::from_millis(500);
        let table = plain(&half, 160);
        assert_eq!(cell(&table, "app.outer", "wall share"), "200.0%", "{table}");
        assert!(table.contains("A wall share above 100% means "), "{table}");
    }

    #[test]
    fn a_difference_has_the_share_of_its_own_span() {
        let mut earlier = nested(0);
        earlier.taken_at = UNIX_EPOCH + Duration::from_secs(90);
        let mut later = nested(100);
        let outer = later.functions.iter_mut().find(|function| function.name == "app.outer").unwrap();
        outer.total_ns += 5_000_000_000;
        outer.success += 1;
        let table = plain(&later.since(&earlier), 160);
        assert_eq!(cell(&table, "app.outer", "wall share"), "50.0%", "{table}");
    }

    #[test]
    fn no_number_is_too_wide_and_none_overflows() {
        let mut snapshot = nested(4);
        for function in &mut snapshot.functions {
            [function.success, function.failure, function.total_ns, function.in_flight] = [u64::MAX; 4];
        }
        snapshot.values_dropped = u64::MAX;
        for width in [40, 80, 160] {
            let table = plain(&snapshot, width);
            assert!(table.lines().all(|line| line.width() <= width), "{table}");
        }
    }
}
