//! Durations as text, such as `"250ms"`.

use super::mistake::{Mistakes, Result};
use crate::tokens::Span;

/// The nanoseconds of the duration that `text`, at `span`, says.
pub(crate) fn parse(text: &str, span: Span) -> Result<u64> {
    nanoseconds(text).ok_or_else(|| {
        let message =
            format!("`{text}` is not a duration: expected a number and a unit, such as `250ms`, `1.5s` or `2m`");
        Mistakes::new(span, message)
    })
}

/// The nanoseconds of a number and a unit: `ns`, `us` or `µs`, `ms`, `s`, `m` or `min`, `h`.
fn nanoseconds(text: &str) -> Option<u64> {
    const UNITS: [(&str, u32, u64); 8] = [
        ("ns", 0, 1),
        ("us", 3, 1),
        ("µs", 3, 1),
        ("ms", 6, 1),
        ("min", 9, 60),
        ("m", 9, 60),
        ("h", 9, 3600),
        ("s", 9, 1),
    ];
    let text = text.trim();
    let number = text.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = &text[number.len()..];
    let (_, digits, factor) = UNITS.into_iter().find(|(name, ..)| *name == unit)?;
    let (whole, fraction) = number.trim_end().split_once('.').unwrap_or((number.trim_end(), ""));
    let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) || fraction.len() > digits as usize {
        return None;
    }
    // Padded to the unit's nanoseconds, so that no float rounds it.
    let padded = format!("{whole}{fraction:0<width$}", width = digits as usize);
    padded.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text, expect| assert_eq!(nanoseconds(text), expect, "{text}");
        check("5s", Some(5_000_000_000));
        check("250ms", Some(250_000_000));
        check("1.5 s", Some(1_500_000_000));
        check("7µs", Some(7_000));
        check("7us", Some(7_000));
        check("9ns", Some(9));
        check("2m", Some(120_000_000_000));
        check("2min", Some(120_000_000_000));
        check("1h", Some(3_600_000_000_000));
        check("0.000000001s", Some(1));
        for wrong in ["", "5", "s", "-1s", "1.s.", "1e3s", "5 parsecs", "0.5ns", "10000000h", "１s"] {
            check(wrong, None);
        }
    }
}
