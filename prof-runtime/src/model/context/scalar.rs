//! `Scalar`: a value without parts.

use std::cmp::Ordering;

use super::{number::Number, value::ValueKind};

/// A value without parts: an element of a set, or the key of a [`TopN`](super::TopN) of a context.
///
/// Scalars are ordered, so that sets are: bools, then numbers by size (see [`Number`]), then strings. Scalars of two
/// kinds are never equal, thus `1`, `1.0` and `true` are three elements of a set.
///
/// # Examples
///
/// ```
/// use prof_runtime::context::Scalar;
///
/// assert!(Scalar::from(true) < Scalar::from(1));
/// assert!(Scalar::from(10) < Scalar::from("9"));
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
#[non_exhaustive]
pub enum Scalar {
    /// An integer.
    Int(i64),
    /// A float.
    Float(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::base::serialized::float::serialize"))] f64),
    /// A bool.
    Bool(bool),
    /// A string.
    Text(String),
}

impl Scalar {
    /// Returns which kind of value this is.
    pub fn kind(&self) -> ValueKind {
        match self {
            Self::Int(_) => ValueKind::Int,
            Self::Float(_) => ValueKind::Float,
            Self::Bool(_) => ValueKind::Bool,
            Self::Text(_) => ValueKind::Text,
        }
    }

    /// Returns the number, if it is one.
    pub fn as_number(&self) -> Option<Number> {
        match *self {
            Self::Int(int) => Some(Number::Int(int)),
            Self::Float(float) => Some(Number::Float(float)),
            Self::Bool(_) | Self::Text(_) => None,
        }
    }

    /// The place of the scalar's sort among the sorts that are ordered.
    fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Int(_) | Self::Float(_) => 1,
            Self::Text(_) => 2,
        }
    }
}

impl Ord for Scalar {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()).then_with(|| self.as_number().cmp(&other.as_number())),
        }
    }
}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scalar {}
