//! `TopN`: the largest of many, in bounded memory.

use std::{cmp::Reverse, collections::BinaryHeap, fmt, vec};

use super::{number::Number, scalar::Scalar};

/// The number of pairs that a [`TopN`] keeps by default: a list that people still read.
const DEFAULT_LIMIT: usize = 25;

/// Keeps the `n` pairs of key and value with the largest values, and iterates over them from the largest.
///
/// Pairs with the same value are ranked by key, the larger key first, both in the order and in what is kept. A key that
/// is added twice is kept twice: nothing is summed or replaced. A heap of at most `n` pairs is what it holds, so that
/// adding takes O(log n) time, and no memory once it is full.
///
/// # Examples
///
/// ```
/// use prof_runtime::context::TopN;
///
/// let mut top = TopN::new(3);
/// for (key, value) in [("seven", 7), ("four", 4), ("five", 5), ("six", 6), ("eight", 8)] {
///     top.add(key, value);
/// }
/// assert_eq!(top.len(), 3);
/// assert_eq!(top.into_iter().collect::<Vec<_>>(), [("eight", 8), ("seven", 7), ("six", 6)]);
/// ```
#[derive(Clone)]
pub struct TopN<K = Scalar, V = Number> {
    limit: usize,
    /// The root is the smallest of the kept pairs, which the next larger pair replaces.
    smallest_first: BinaryHeap<Reverse<(V, K)>>,
}

impl<K: Ord, V: Ord> TopN<K, V> {
    /// Creates one that keeps at most `n` pairs; with 0 it keeps none. It allocates as pairs are added, not for `n`.
    pub fn new(n: usize) -> Self {
        Self { limit: n, smallest_first: BinaryHeap::new() }
    }

    /// Adds a pair, and drops the smallest if that makes more than `n`.
    pub fn add(&mut self, key: K, value: V) {
        let added = Reverse((value, key));
        if self.smallest_first.len() < self.limit {
            self.smallest_first.push(added);
        } else if let Some(mut smallest) = self.smallest_first.peek_mut()
            && added < *smallest
        {
            *smallest = added;
        }
    }

    /// Iterates over the kept pairs, from the largest value. Sorts once, in O(n log n).
    pub fn iter(&self) -> vec::IntoIter<(&K, &V)> {
        let mut pairs: Vec<_> = self.smallest_first.iter().map(|Reverse((value, key))| (key, value)).collect();
        pairs.sort_unstable_by(|(key_a, a), (key_b, b)| b.cmp(a).then_with(|| key_b.cmp(key_a)));
        pairs.into_iter()
    }
}

impl<K, V> TopN<K, V> {
    /// Returns how many pairs it keeps now: at most [`limit`](Self::limit).
    pub fn len(&self) -> usize {
        self.smallest_first.len()
    }

    /// Returns whether it keeps no pair.
    pub fn is_empty(&self) -> bool {
        self.smallest_first.is_empty()
    }

    /// Returns the `n` that it was created with.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Converts each pair. As there are not more of them than before, none is lost.
    pub(super) fn map<L: Ord, W: Ord>(self, convert: impl Fn(K, V) -> (L, W)) -> TopN<L, W> {
        let convert_pair = |Reverse((value, key))| {
            let (key, value) = convert(key, value);
            Reverse((value, key))
        };
        TopN { limit: self.limit, smallest_first: self.smallest_first.into_iter().map(convert_pair).collect() }
    }
}

impl<K: Ord, V: Ord> Default for TopN<K, V> {
    /// Creates one that keeps at most 25 pairs.
    fn default() -> Self {
        Self::new(DEFAULT_LIMIT)
    }
}

impl<K: Ord, V: Ord> Extend<(K, V)> for TopN<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        pairs.into_iter().for_each(|(key, value)| self.add(key, value));
    }
}

impl<K: Ord, V: Ord> IntoIterator for TopN<K, V> {
    type Item = (K, V);
    type IntoIter = vec::IntoIter<(K, V)>;

    /// Iterates over the kept pairs, from the largest value.
    fn into_iter(self) -> Self::IntoIter {
        let sorted = self.smallest_first.into_sorted_vec();
        sorted.into_iter().map(|Reverse((value, key))| (key, value)).collect::<Vec<_>>().into_iter()
    }
}

impl<'a, K: Ord, V: Ord> IntoIterator for &'a TopN<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = vec::IntoIter<(&'a K, &'a V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K: Ord, V: Ord> PartialEq for TopN<K, V> {
    /// Compares the limits and the kept pairs; the order in which they came does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.limit == other.limit && self.iter().eq(other.iter())
    }
}

impl<K: Ord, V: Ord> Eq for TopN<K, V> {}

impl<K: Ord + fmt::Debug, V: Ord + fmt::Debug> fmt::Debug for TopN<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopN({}) ", self.limit)?;
        f.debug_list().entries(self).finish()
    }
}

#[cfg(feature = "serde")]
impl<K: Ord + serde::Serialize, V: Ord + serde::Serialize> serde::Serialize for TopN<K, V> {
    /// Writes an array of `[key, value]`, from the largest value.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}
