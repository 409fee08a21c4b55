//! How wide a report may be.

use std::io::{IsTerminal as _, stderr};

use terminal_size::{Width, terminal_size_of};

/// What goes to no terminal: a file, a pipe, a string.
pub(super) const OF_TEXT: usize = 160;
/// A terminal that does not say how wide it is.
const OF_TERMINAL: usize = 80;

/// The columns of stderr: what the variable `COLUMNS` says, else the terminal.
pub(super) fn of_stderr() -> usize {
    let columns = std::env::var("COLUMNS").ok();
    let terminal = || terminal_size_of(stderr()).map_or(OF_TERMINAL, |(Width(width), _)| width.into());
    choose(columns.as_deref(), stderr().is_terminal().then(terminal))
}

fn choose(columns: Option<&str>, terminal: Option<usize>) -> usize {
    let asked_for = columns.and_then(|columns| columns.trim().parse().ok()).filter(|columns| *columns > 0);
    asked_for.or(terminal).unwrap_or(OF_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_has_the_last_word_if_it_is_a_number() {
        assert_eq!(choose(None, None), 160);
        assert_eq!(choose(None, Some(97)), 97);
        assert_eq!(choose(Some("120"), Some(97)), 120);
        assert_eq!(choose(Some(" 120\n"), None), 120);
        for nonsense in ["", "0", "-1", "wide", "99999999999999999999999"] {
            assert_eq!(choose(Some(nonsense), Some(97)), 97, "{nonsense}");
        }
    }
}
