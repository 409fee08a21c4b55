//! A snapshot as a table.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use super::units::{count, duration, share};
use crate::aggregator::{FunctionStats, Snapshot, ValueStats};
use crate::text::Foreign;

/// Longer names are cut in the middle.
const MAX_NAME: usize = 60;

const HEADER: Style = Style::new().bold();
/// Rows with failures or panics.
const TROUBLE: Style = AnsiColor::Red.on_default();

/// The report, with colours.
pub(super) fn table(snapshot: &Snapshot) -> String {
    let mut functions: Vec<&FunctionStats> =
        snapshot.functions.iter().filter(|function| function.calls() > 0 || function.in_flight > 0).collect();
    functions.sort_by(|a, b| b.estimated_total_ns().cmp(&a.estimated_total_ns()).then_with(|| a.name.cmp(&b.name)));
    let mut text = headline(snapshot, &functions);
    if !functions.is_empty() {
        write_table(&mut text, &function_rows(&functions), |row| {
            let function = functions[row];
            function.failure + function.panic > 0
        });
    }
    if !snapshot.values.is_empty() {
        text.push('\n');
        write_table(&mut text, &value_rows(&snapshot.values), |_| false);
    }
    if snapshot.values_dropped > 0 {
        let dropped = count(snapshot.values_dropped);
        let _ = writeln!(text, "{dropped} data points were dropped: there were too many names.");
    }
    text
}

fn headline(snapshot: &Snapshot, functions: &[&FunctionStats]) -> String {
    let elapsed = u64::try_from(snapshot.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let elapsed = duration(elapsed);
    let uncalled = snapshot.functions.len() - functions.len();
    if functions.is_empty() {
        return match uncalled {
            0 => format!("prof: no annotated function was called in {elapsed}: none is linked into this program\n"),
            _ => format!("prof: no annotated function was called in {elapsed}, of {uncalled} in this program\n"),
        };
    }
    let calls = count(functions.iter().map(|function| function.calls()).sum());
    let rest = match uncalled {
        0 => String::new(),
        _ => format!("; {uncalled} more were not called"),
    };
    let noun = if functions.len() == 1 { "function" } else { "functions" };
    format!("prof: {calls} calls of {} {noun} in {elapsed}{rest}\n", functions.len())
}

/// A column's title and its cell for one function.
type Column = (&'static str, fn(&FunctionStats, u64) -> String);

fn function_rows(functions: &[&FunctionStats]) -> Vec<Vec<String>> {
    const LEADING: [Column; 6] = [
        ("function", |f, _| name(&f.name)),
        ("calls", |f, _| count(f.calls())),
        ("ok", |f, _| count(f.success)),
        ("failed", |f, _| count(f.failure)),
        ("panicked", |f, _| count(f.panic)),
        ("cancelled", |f, _| count(f.cancelled)),
    ];
    const TRAILING: [Column; 7] = [
        ("total", |f, _| total(f)),
        ("share", |f, all| share(f.estimated_total_ns(), all)),
        ("mean", |f, _| maybe(f.mean_ns())),
        ("p50", |f, _| maybe(f.quantile_ns(0.5))),
        ("p95", |f, _| maybe(f.quantile_ns(0.95))),
        ("p99", |f, _| maybe(f.quantile_ns(0.99))),
        ("max", |f, _| maybe(f.max_ns)),
    ];
    let mut columns: Vec<Column> = Vec::from(LEADING);
    if functions.iter().any(|function| function.in_flight > 0) {
        columns.push(("in flight", |f, _| count(f.in_flight)));
    }
    columns.extend(TRAILING);
    let groups: BTreeSet<&str> = functions.iter().map(|function| function.group.as_str()).collect();
    if groups.len() > 1 {
        columns.insert(1, ("group", |f, _| name(&f.group)));
    }
    let all = functions.iter().map(|function| function.estimated_total_ns()).fold(0, u64::saturating_add);
    let header = columns.iter().map(|(title, _)| (*title).to_owned()).collect();
    let rows = functions.iter().map(|function| columns.iter().map(|(_, cell)| cell(function, all)).collect());
    std::iter::once(header).chain(rows).collect()
}

fn value_rows(values: &[ValueStats]) -> Vec<Vec<String>> {
    let header = ["value", "group", "count", "sum", "min", "max", "last"].map(str::to_owned).to_vec();
    let rows = values.iter().map(|value| {
        let numbers = [value.sum, value.min, value.max].map(|number| number.to_string());
        let mut row = vec![name(&value.name), name(&value.group), count(value.count)];
        row.extend(numbers);
        row.push(value.last.to_string());
        row
    });
    std::iter::once(header).chain(rows).collect()
}

/// Marked where it is an estimate, since not every call was timed.
fn total(function: &FunctionStats) -> String {
    let mark = if function.sample > 1 { "~" } else { "" };
    format!("{mark}{}", duration(function.estimated_total_ns()))
}

fn maybe(ns: Option<u64>) -> String {
    ns.map_or_else(|| "-".to_owned(), duration)
}

/// A name on one line, of a width that leaves room for the numbers.
fn name(name: &str) -> String {
    let name = format!("{:.1000}", Foreign(name));
    let length = name.chars().count();
    if length <= MAX_NAME {
        return name;
    }
    let head = name.chars().take(MAX_NAME / 2);
    let tail = name.chars().skip(length - (MAX_NAME - MAX_NAME / 2 - 1));
    head.chain(['…']).chain(tail).collect()
}

/// Lays out the rows, the first of which is the header, and colours whole lines, since colours inside the cells would
/// count as width.
fn write_table(text: &mut String, rows: &[Vec<String>], is_trouble: impl Fn(usize) -> bool) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    for row in rows {
        table.add_row(row.iter().enumerate().map(|(column, cell)| {
            let alignment = match column {
                0 => CellAlignment::Left,
                _ => CellAlignment::Right,
            };
            Cell::new(cell).set_alignment(alignment)
        }));
    }
    for (at, line) in table.lines().enumerate() {
        let style = match at {
            0 => HEADER,
            _ if is_trouble(at - 1) => TROUBLE,
            _ => Style::new(),
        };
        let _ = writeln!(text, "{style}{}{style:#}", line.trim_end());
    }
}
