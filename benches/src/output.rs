//! How results are printed: a table for people, one JSON object per line for programs.
#![allow(clippy::print_stdout)]

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::error::BenchError;

/// A line of results.
pub(crate) trait Row: Serialize {
    /// The heads of the table's columns, the first of a text and the others of numbers.
    const HEADS: &'static [&'static str];

    /// What stands below the heads.
    fn cells(&self) -> Vec<String>;
}

/// Prints rows.
pub(crate) fn print<R: Row>(rows: &[R], as_json: bool) -> Result<(), BenchError> {
    if as_json {
        for row in rows {
            println!("{}", serde_json::to_string(row)?);
        }
    } else {
        println!("{}", table(rows));
    }
    Ok(())
}

fn table<R: Row>(rows: &[R]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(R::HEADS);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for row in rows {
        table.add_row(row.cells());
    }
    table
}

/// A number with so many decimals, or a dash.
pub(crate) fn number(number: impl Into<Option<f64>>, decimals: usize) -> String {
    number.into().map_or_else(|| "–".to_owned(), |number| format!("{number:.decimals$}"))
}
