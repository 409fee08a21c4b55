//! The few statistics that a noisy machine needs.

/// The middle of some numbers; the mean of the two in the middle of an even number of them, 0 of none.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => 0.0,
        count if count % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }
}

/// The mean of some numbers; 0 of none.
pub(crate) fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / float(numbers.len().max(1) as u64)
}

/// The smallest of some numbers; 0 of none.
pub(crate) fn min(numbers: &[f64]) -> f64 {
    numbers.iter().copied().min_by(f64::total_cmp).unwrap_or(0.0)
}

/// The largest of some numbers; 0 of none.
pub(crate) fn max(numbers: &[f64]) -> f64 {
    numbers.iter().copied().max_by(f64::total_cmp).unwrap_or(0.0)
}

/// A count as a floating-point number, of which the digits beyond the 15th do not matter here.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// Rounds to so many decimals, for people and for JSON.
pub(crate) fn rounded(number: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (number * scale).round() / scale
}
