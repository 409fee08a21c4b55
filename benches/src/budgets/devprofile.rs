//! What a call may cost in a build without optimization, which is where tests run.

use super::Budget;
use crate::devprofile::{self, DevProfile};
use crate::error::BenchError;

/// Each of them beside what is measured.
pub(super) fn budgets() -> Result<Vec<Budget>, BenchError> {
    let rows = devprofile::measure(&devprofile::Options::default())?;
    Ok(devprofile::BODIES.iter().flat_map(|body| of(body, &rows)).collect())
}

fn of(body: &str, rows: &[DevProfile]) -> Vec<Budget> {
    let above_plain = |name: &str| {
        let row = rows.iter().find(|row| row.name == name && row.body == body)?;
        Some(row.ns_above_plain)
    };
    let budget =
        |name: &str, unit, limit, measured| Budget::new(format!("dev profile, {body}, {name}"), unit, limit, measured);
    let times_tracing =
        above_plain(devprofile::TRACING).and_then(|tracing| Some(above_plain(devprofile::OFF)? / tracing));
    vec![
        budget(devprofile::OFF, "× tracing's", 1.0, times_tracing),
        budget(devprofile::AGGREGATOR, "ns", 150.0, above_plain(devprofile::AGGREGATOR)),
        budget(devprofile::SCOPE, "ns", 2000.0, above_plain(devprofile::SCOPE)),
    ]
}
