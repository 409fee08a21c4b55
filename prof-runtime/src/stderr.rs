//! The one way in which this crate speaks for itself.

use std::fmt;
use std::io::Write as _;

use crate::text::Foreign;

/// Writes a line to stderr, as [`Foreign`] text whatever is in it. Unlike `eprintln!`, it does not panic if no one can read
/// it.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    // One write, so that lines of other threads do not come in between.
    let _ = std::io::stderr().write_all(shown(text).as_bytes());
}

fn shown(text: fmt::Arguments<'_>) -> String {
    format!("{:.4096}\n", Foreign(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::hostile;

    #[test]
    fn a_line_is_one_line_whatever_is_in_it() {
        let line = shown(format_args!("prof: {}", hostile::TEXT));
        hostile::check(&line, 1);
        assert!(line.starts_with("prof: n") && line.ends_with("x\n"), "{line}");
    }
}
