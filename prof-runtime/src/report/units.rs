//! Numbers for people.

/// Returns a duration with three digits and a unit, such as `1.23 ms`.
#[allow(clippy::cast_precision_loss)] // Three digits are shown.
pub(super) fn duration(ns: u64) -> String {
    const UNITS: [(f64, &str); 6] =
        [(1e3, "ns"), (1e3, "µs"), (1e3, "ms"), (600.0, "s"), (60.0, "min"), (f64::INFINITY, "h")];
    const STEPS: [f64; 6] = [1e3, 1e3, 1e3, 60.0, 60.0, 1.0];
    let mut value = ns as f64;
    for ((limit, unit), step) in UNITS.into_iter().zip(STEPS) {
        // A duration that would be rounded up to the limit is shown in the next unit.
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

/// Counts from here on are in scientific form.
const MAX_COUNT: u64 = 1_000_000_000_000;

/// Returns a count with commas, such as `1,234,567`.
#[allow(clippy::cast_precision_loss)] // Nine digits are shown of one that is large.
pub(super) fn count(count: u64) -> String {
    if count >= MAX_COUNT {
        return number(count as f64);
    }
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

/// Returns a share of a whole in percent, such as `12.3%`; `-` if only the whole is 0.
#[allow(clippy::cast_precision_loss)] // Three digits are shown.
pub(super) fn share(part: u64, whole: u64) -> String {
    match (part, whole) {
        (0, _) => "0.0%".to_owned(),
        (_, 0) => "-".to_owned(),
        _ => match part as f64 * 100.0 / whole as f64 {
            percent if percent < 1e9 => format!("{percent:.1}%"),
            percent => format!("{}%", number(percent)),
        },
    }
}

/// The most digits of a number that are shown; with more, it is in scientific form.
const DIGITS: i32 = 9;

/// Returns a number of up to nine digits, such as `0.3`, `123456789`, `1.5e-300` or `NaN`.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    // Rounded to that many digits, such as `-1.50000000e-300`.
    let rounded = format!("{value:.8e}");
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    match exponent.parse().unwrap_or(0) {
        0 => mantissa.to_owned(),
        exponent @ -5..DIGITS => {
            let decimals = usize::try_from(DIGITS - 1 - exponent).unwrap_or(0);
            let plain = format!("{value:.decimals$}");
            match plain.contains('.') {
                true => plain.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => plain,
            }
        }
        _ => format!("{mantissa}e{exponent}"),
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
        assert_eq!(count(999_999_999_999), "999,999,999,999");
        assert_eq!(count(1_000_000_000_000), "1e12");
        assert_eq!(count(u64::MAX), "1.84467441e19");
        assert_eq!(share(1, 3), "33.3%");
        assert_eq!(share(0, 0), "0.0%");
        assert_eq!(share(1, 0), "-");
        assert_eq!(share(7, 2), "350.0%");
        assert_eq!(share(u64::MAX, 1), "1.84467441e21%");
    }

    #[test]
    fn numbers_have_nine_digits() {
        let check = |value, expect| assert_eq!(number(value), expect);
        check(0.0, "0");
        check(-0.0, "-0");
        check(3.0, "3");
        check(0.1 + 0.2, "0.3");
        check(-2.5, "-2.5");
        check(123_456_789.0, "123456789");
        check(999_999_999.4, "999999999");
        check(999_999_999.6, "1e9");
        check(1e9, "1e9");
        check(1_234_567_891.0, "1.23456789e9");
        check(100.0, "100");
        check(1234.5, "1234.5");
        check(1.0 / 3.0, "0.333333333");
        check(0.000_012_5, "0.0000125");
        check(0.000_001_25, "1.25e-6");
        check(1e300, "1e300");
        check(1.5e-300, "1.5e-300");
        check(f64::MAX, "1.79769313e308");
        check(-5e-324, "-4.94065646e-324");
        check(f64::NAN, "NaN");
        check(f64::NEG_INFINITY, "-inf");
    }

    proptest::proptest! {
        #[test]
        fn numbers_are_short_and_right_to_nine_digits(bits in proptest::num::u64::ANY) {
            let value = f64::from_bits(bits);
            let shown = number(value);
            proptest::prop_assert!(shown.len() <= 16, "{}", shown);
            let read: f64 = shown.parse().unwrap();
            let is_close = (read - value).abs() <= value.abs() * 5.1e-9;
            proptest::prop_assert!(!value.is_finite() || is_close, "{}", shown);
        }
    }
}
