//! Numbers for people.

/// A duration with three digits and a unit, such as `1.23 ms`.
#[allow(clippy::cast_precision_loss)] // Three digits are shown.
pub(super) fn duration(ns: u64) -> String {
    const UNITS: [(f64, &str); 6] =
        [(1e3, "ns"), (1e3, "µs"), (1e3, "ms"), (600.0, "s"), (60.0, "min"), (f64::INFINITY, "h")];
    const STEPS: [f64; 6] = [1e3, 1e3, 1e3, 60.0, 60.0, 1.0];
    let mut value = ns as f64;
    for ((limit, unit), step) in UNITS.into_iter().zip(STEPS) {
        // What would be rounded up to the limit is shown in the next unit.
        if value < limit * 0.9995 {
            return format!("{} {unit}", digits(value, unit == "ns"));
        }
        value /= step;
    }
    unreachable!("the last limit is infinite")
}

fn digits(value: f64, is_whole: bool) -> String {
    match value {
        _ if is_whole => format!("{value:.0}"),
        _ if value < 9.995 => format!("{value:.2}"),
        _ if value < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A count with its thousands set apart, such as `1,234,567`.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share of a whole in percent, such as `12.3%`.
#[allow(clippy::cast_precision_loss)] // Three digits are shown.
pub(super) fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => "0.0%".to_owned(),
        _ => format!("{:.1}%", part as f64 * 100.0 / whole as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let check = |ns, expect| assert_eq!(duration(ns), expect);
        check(0, "0 ns");
        check(999, "999 ns");
        check(1_000, "1.00 µs");
        check(9_996, "10.0 µs");
        check(99_960, "100 µs");
        check(999_499, "999 µs");
        check(999_600, "1.00 ms");
        check(1_234_567_890, "1.23 s");
        check(123_000_000_000, "123 s");
        check(600_000_000_000, "10.0 min");
        check(7_200_000_000_000, "2.00 h");
        check(u64::MAX, "5124096 h");
    }

    #[test]
    fn counts_and_shares() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(share(1, 3), "33.3%");
        assert_eq!(share(1, 0), "0.0%");
    }
}
