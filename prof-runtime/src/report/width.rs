//! The width of a report.

use std::io::{IsTerminal as _, stderr};

use crate::base::sys;

/// The width where there is no terminal: in a file, a pipe, a string.
pub(super) const OF_TEXT: usize = 160;
/// The width of a terminal that does not tell its own.
const OF_TERMINAL: usize = 80;

/// Returns the columns of stderr: those of the terminal, or the variable `COLUMNS` if that is fewer, or if there is no
/// terminal.
pub(super) fn of_stderr() -> usize {
    let columns = std::env::var("COLUMNS").ok();
    let terminal = || sys::stderr_columns().unwrap_or(OF_TERMINAL);
    choose(columns.as_deref(), stderr().is_terminal().then(terminal))
}

fn choose(columns: Option<&str>, terminal: Option<usize>) -> usize {
    let asked_for = columns.and_then(|columns| columns.trim().parse().ok()).filter(|columns| *columns > 0);
    // A shell may have exported the width of a window that was made smaller since.
    asked_for.into_iter().chain(terminal).min().unwrap_or(OF_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_terminal_nor_than_was_asked_for() {
        assert_eq!(choose(None, None), 160);
        assert_eq!(choose(None, Some(97)), 97);
        assert_eq!(choose(Some("120"), Some(97)), 97);
        assert_eq!(choose(Some("60"), Some(97)), 60);
        assert_eq!(choose(Some(" 120\n"), None), 120);
        for nonsense in ["", "0", "-1", "wide", "99999999999999999999999"] {
            assert_eq!(choose(Some(nonsense), Some(97)), 97, "{nonsense}");
        }
    }
}
