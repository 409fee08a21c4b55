//! `ContextValue`: the value of a metric of a context.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{number::Number, scalar::Scalar, top_n::TopN};

/// The value of a metric of a context.
///
/// Integers, floats, bools, strings, the standard sets and maps, and [`TopN`] convert into it. Integers beyond `i64`
/// saturate: store a hash or an identifier that needs all 64 bits as a string.
///
/// # Examples
///
/// ```
/// use std::collections::{BTreeMap, HashSet};
/// use prof_runtime::context::{ContextValue, TopN, ValueKind};
///
/// assert_eq!(ContextValue::from(u64::MAX), ContextValue::Int(i64::MAX));
/// assert_eq!(ContextValue::from(HashSet::from(["a"])).kind(), ValueKind::Set);
/// assert_eq!(ContextValue::from(BTreeMap::from([("key", 0.5)])).kind(), ValueKind::Map);
/// assert_eq!(ContextValue::from(TopN::<&str, i32>::new(3)).kind(), ValueKind::TopN);
/// assert_eq!(ContextValue::from(3).as_f64(), Some(3.0));
/// assert_eq!(ContextValue::from("3").as_f64(), None);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
#[non_exhaustive]
pub enum ContextValue {
    /// An integer.
    Int(i64),
    /// A float.
    Float(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::base::serialized::float::serialize"))] f64),
    /// A bool.
    Bool(bool),
    /// A string.
    Text(String),
    /// A set, in the order of [`Scalar`].
    Set(BTreeSet<Scalar>),
    /// A map, in the order of its keys.
    Map(BTreeMap<String, ContextValue>),
    /// The largest of many.
    TopN(TopN),
}

impl ContextValue {
    /// Returns which kind of value this is.
    pub fn kind(&self) -> ValueKind {
        match self {
            Self::Int(_) => ValueKind::Int,
            Self::Float(_) => ValueKind::Float,
            Self::Bool(_) => ValueKind::Bool,
            Self::Text(_) => ValueKind::Text,
            Self::Set(_) => ValueKind::Set,
            Self::Map(_) => ValueKind::Map,
            Self::TopN(_) => ValueKind::TopN,
        }
    }

    /// Returns the number, if it is an integer or a float.
    pub fn as_number(&self) -> Option<Number> {
        match *self {
            Self::Int(int) => Some(Number::Int(int)),
            Self::Float(float) => Some(Number::Float(float)),
            _ => None,
        }
    }

    /// Returns an integer or a float as a float (see [`Number::as_f64`]).
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().map(Number::as_f64)
    }

    /// Returns the string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The kinds of [`ContextValue`]. One metric has one kind for as long as an entry lasts.
///
/// ```
/// use prof_runtime::context::ValueKind;
///
/// assert_eq!(ValueKind::Int.to_string(), "an integer");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValueKind {
    /// An integer.
    Int,
    /// A float.
    Float,
    /// A bool.
    Bool,
    /// A string.
    Text,
    /// A set.
    Set,
    /// A map.
    Map,
    /// A top-n.
    TopN,
}

impl fmt::Display for ValueKind {
    /// Writes the kind with its article, as in a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Int => "an integer",
            Self::Float => "a float",
            Self::Bool => "a bool",
            Self::Text => "a string",
            Self::Set => "a set",
            Self::Map => "a map",
            Self::TopN => "a top-n",
        })
    }
}
