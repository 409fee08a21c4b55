//! `Number`: an integer or a float, ordered by size.

use std::cmp::Ordering;

use super::value::ValueKind;

/// An integer or a float: what a metric is incremented by, and what a [`TopN`](super::TopN) of a context ranks by.
///
/// Numbers are ordered by size, also an integer against a float, exactly. Where the sizes are the same the integer is
/// the smaller one: `Int(1) < Float(1.0)`, and they are not equal. Floats are compared by [`f64::total_cmp`], thus
/// `-0.0 < 0.0`, and a positive NaN is larger than everything.
///
/// # Examples
///
/// ```
/// use prof_runtime::context::Number;
///
/// assert!(Number::from(2) < Number::from(2.5));
/// assert!(Number::from(2.5) < Number::from(3));
/// assert_eq!(Number::from(7_u8), Number::Int(7));
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
#[non_exhaustive]
pub enum Number {
    /// An integer. Conversions from types that hold more saturate at the limits of `i64`.
    Int(i64),
    /// A float.
    Float(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::base::serialized::float::serialize"))] f64),
}

impl Number {
    /// Returns the number as a float; an integer beyond ±2⁵³ is rounded to the nearest one.
    #[expect(clippy::cast_precision_loss, reason = "rounding is what is asked for")]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }

    /// Returns [`ValueKind::Int`] or [`ValueKind::Float`].
    pub fn kind(self) -> ValueKind {
        match self {
            Self::Int(_) => ValueKind::Int,
            Self::Float(_) => ValueKind::Float,
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (*self, *other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(&b),
            (Self::Int(a), Self::Float(b)) => cmp_int_float(a, b),
            (Self::Float(a), Self::Int(b)) => cmp_int_float(b, a).reverse(),
        }
    }
}

/// Compares by size, exactly; the same size is `Less`. (Converting the integer would round it.)
fn cmp_int_float(int: i64, float: f64) -> Ordering {
    /// 2⁶³: the first float above every `i64`. Its negative is `i64::MIN`, and a float itself.
    const ABOVE: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        return if float.is_sign_negative() { Ordering::Greater } else { Ordering::Less };
    }
    if float >= ABOVE {
        return Ordering::Less;
    }
    if float < -ABOVE {
        return Ordering::Greater;
    }
    #[expect(clippy::cast_possible_truncation, reason = "-2⁶³ <= float < 2⁶³ here, and the fraction is looked at next")]
    let whole = float.trunc() as i64;
    // Equal whole parts leave the fraction to decide: below zero (-2.5 against -2) the float is the smaller one.
    let same_whole = if float.fract() < 0.0 { Ordering::Greater } else { Ordering::Less };
    int.cmp(&whole).then(same_whole)
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(ascending: &[Number]) {
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(a.cmp(b), i.cmp(&j), "{a:?} against {b:?}");
            }
        }
    }

    #[test]
    fn integers_and_floats_are_ordered_by_size() {
        use Number::{Float, Int};
        check(&[
            Float(-f64::NAN),
            Float(f64::NEG_INFINITY),
            Int(i64::MIN),
            Float(-9_223_372_036_854_775_808.0),
            Float(-2.5),
            Int(-2),
            Float(-2.0),
            Float(-0.5),
            Int(0),
            Float(-0.0),
            Float(0.0),
            Float(0.5),
            Int(1),
            Float(1.0),
            Int(9_007_199_254_740_992),
            Float(9_007_199_254_740_992.0),
            Int(9_007_199_254_740_993), // As a float it would be the one before.
            Int(i64::MAX),
            Float(9_223_372_036_854_775_808.0),
            Float(f64::INFINITY),
            Float(f64::NAN),
        ]);
    }

    fn number() -> impl Strategy<Value = Number> {
        prop_oneof![
            (-3_i64..=3).prop_map(Number::Int),
            any::<i64>().prop_map(Number::Int),
            (-12_i8..=12).prop_map(|quarters| Number::Float(f64::from(quarters) / 4.0)),
            any::<f64>().prop_map(Number::Float),
        ]
    }

    proptest! {
        #[test]
        fn the_order_is_total(mut numbers in prop::collection::vec(number(), 3)) {
            numbers.sort();
            prop_assert!(numbers[0] <= numbers[1] && numbers[1] <= numbers[2] && numbers[0] <= numbers[2]);
            prop_assert_eq!(numbers[0].cmp(&numbers[2]), numbers[2].cmp(&numbers[0]).reverse());
        }
    }
}
