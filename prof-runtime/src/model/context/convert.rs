//! `From` for the values of a context.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use super::{number::Number, scalar::Scalar, top_n::TopN, value::ContextValue};

/// `From<$from>` for each target, by `$convert`.
macro_rules! from {
    ($($from:ty),+ => $($target:ident::$variant:ident),+ by $convert:expr) => {
        from!(@each [$($from),+] [$($target::$variant),+] $convert);
    };
    (@each [$($from:ty),+] $targets:tt $convert:expr) => {
        $(from!(@one $from, $targets $convert);)+
    };
    (@one $from:ty, [$($target:ident::$variant:ident),+] $convert:expr) => {
        $(impl From<$from> for $target {
            fn from(value: $from) -> Self {
                Self::$variant($convert(value))
            }
        })+
    };
}

from!(i8, i16, i32, i64, u8, u16, u32 => Number::Int, Scalar::Int, ContextValue::Int by i64::from);
from!(isize, i128, u64, u128, usize => Number::Int, Scalar::Int, ContextValue::Int by saturating);
from!(f32, f64 => Number::Float, Scalar::Float, ContextValue::Float by f64::from);
from!(bool => Scalar::Bool, ContextValue::Bool by bool::from);
from!(&str, String, Cow<'_, str> => Scalar::Text, ContextValue::Text by String::from);

/// Converts to `i64`; a value beyond it becomes the limit that it is beyond.
fn saturating<T: TryInto<i64> + PartialOrd + Default>(value: T) -> i64 {
    let limit = if value < T::default() { i64::MIN } else { i64::MAX };
    value.try_into().unwrap_or(limit)
}

impl From<Number> for Scalar {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(int) => Self::Int(int),
            Number::Float(float) => Self::Float(float),
        }
    }
}

impl From<Number> for ContextValue {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(int) => Self::Int(int),
            Number::Float(float) => Self::Float(float),
        }
    }
}

impl From<Scalar> for ContextValue {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Int(int) => Self::Int(int),
            Scalar::Float(float) => Self::Float(float),
            Scalar::Bool(bool) => Self::Bool(bool),
            Scalar::Text(text) => Self::Text(text),
        }
    }
}

impl<T: Into<Scalar>> From<BTreeSet<T>> for ContextValue {
    fn from(set: BTreeSet<T>) -> Self {
        Self::Set(set.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Scalar>, S> From<HashSet<T, S>> for ContextValue {
    fn from(set: HashSet<T, S>) -> Self {
        Self::Set(set.into_iter().map(Into::into).collect())
    }
}

impl<K: Into<String>, V: Into<ContextValue>> From<BTreeMap<K, V>> for ContextValue {
    fn from(map: BTreeMap<K, V>) -> Self {
        Self::Map(map.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl<K: Into<String>, V: Into<ContextValue>, S> From<HashMap<K, V, S>> for ContextValue {
    fn from(map: HashMap<K, V, S>) -> Self {
        Self::Map(map.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl<K: Into<Scalar>, V: Into<Number>> From<TopN<K, V>> for ContextValue {
    fn from(top: TopN<K, V>) -> Self {
        Self::TopN(top.map(|key, value| (key.into(), value.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: impl Into<ContextValue>, expect: &ContextValue) {
        assert_eq!(&value.into(), expect);
    }

    #[test]
    fn every_integer_becomes_an_int_and_saturates() {
        check(-1_i8, &ContextValue::Int(-1));
        check(u32::MAX, &ContextValue::Int(4_294_967_295));
        check(7_usize, &ContextValue::Int(7));
        check(u64::MAX, &ContextValue::Int(i64::MAX));
        check(u128::MAX, &ContextValue::Int(i64::MAX));
        check(i128::MIN, &ContextValue::Int(i64::MIN));
        check(i128::MAX, &ContextValue::Int(i64::MAX));
    }

    #[test]
    fn the_other_kinds_convert() {
        check(0.5_f32, &ContextValue::Float(0.5));
        check(true, &ContextValue::Bool(true));
        check("a", &ContextValue::Text("a".to_owned()));
        check(Cow::Borrowed("a"), &ContextValue::Text("a".to_owned()));
        check(Scalar::from(true), &ContextValue::Bool(true));
        check(Number::from(0.5), &ContextValue::Float(0.5));
        check(BTreeSet::from([2, 1]), &ContextValue::Set([1.into(), 2.into()].into()));
        check(HashMap::from([("k", true)]), &ContextValue::Map([("k".to_owned(), true.into())].into()));
    }
}
