//! Lines, as many to a datagram as fit.

use std::mem;

use super::Tally;
use crate::export::LossUnit;

/// A datagram that is being filled.
#[derive(Debug)]
pub(super) struct Datagram {
    text: String,
    tally: Tally,
    max_bytes: usize,
}

/// What was too long for any datagram.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong {
    pub(super) unit: LossUnit,
    pub(super) count: u64,
    /// The length of the longest of them.
    pub(super) bytes: usize,
}

impl Datagram {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { text: String::new(), tally: Tally::new(), max_bytes }
    }

    pub(super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    pub(super) fn set_max_bytes(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
    }

    /// Adds the lines of one item, together if they fit into one datagram. If they do not fit into the present one,
    /// that is sent first.
    ///
    /// # Errors
    ///
    /// Returns the lines that are too long by themselves: as the item if that is all of them, else as data points.
    pub(super) fn add(
        &mut self,
        lines: &str,
        unit: LossUnit,
        mut send: impl FnMut(&str, Tally),
    ) -> Result<(), TooLong> {
        if lines.len() <= self.max_bytes {
            self.add_fitting(lines, unit, &mut send);
            return Ok(());
        }
        let (mut too_long, mut added, mut longest) = (0, false, 0);
        for line in lines.split_inclusive('\n') {
            longest = longest.max(line.len());
            if line.len() > self.max_bytes {
                too_long += 1;
            } else {
                // The first line counts as the item, the others as data points.
                let unit = if mem::replace(&mut added, true) { LossUnit::DataPoints } else { unit };
                self.add_fitting(line, unit, &mut send);
            }
        }
        match (too_long, added) {
            (0, _) => Ok(()),
            (_, false) => Err(TooLong { unit, count: 1, bytes: longest }),
            (count, true) => Err(TooLong { unit: LossUnit::DataPoints, count, bytes: longest }),
        }
    }

    fn add_fitting(&mut self, lines: &str, unit: LossUnit, send: &mut impl FnMut(&str, Tally)) {
        if self.text.len() + lines.len() > self.max_bytes {
            self.take(send);
        }
        self.text.push_str(lines);
        *self.tally.entry(unit).or_default() += 1;
    }

    /// Sends the datagram.
    pub(super) fn take(&mut self, send: &mut impl FnMut(&str, Tally)) {
        if !self.text.is_empty() {
            send(&self.text, mem::take(&mut self.tally));
            self.text.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(max_bytes: usize, items: &[&str], expect: &[&str], too_long: &[TooLong]) {
        let (mut datagram, mut texts, mut lost) = (Datagram::new(max_bytes), Vec::new(), Vec::new());
        let mut count = 0;
        let mut send = |text: &str, tally: Tally| {
            texts.push(text.to_owned());
            count += tally.values().sum::<u64>();
        };
        for item in items {
            lost.extend(datagram.add(item, LossUnit::Calls, &mut send).err());
        }
        datagram.take(&mut send);
        assert_eq!(texts, expect);
        assert_eq!(lost, too_long);
        assert!(texts.iter().all(|text| text.len() <= max_bytes && text.ends_with('\n')));
        assert!(count >= (items.len() - lost.iter().filter(|lost| lost.unit == LossUnit::Calls).count()) as u64);
    }

    #[test]
    fn datagrams_stay_within_their_size_and_lines_whole() {
        check(6, &["a\nb\n", "c\n", "d\n"], &["a\nb\nc\n", "d\n"], &[]);
        check(6, &["a\n", "bb\ncc\n"], &["a\n", "bb\ncc\n"], &[]);
        check(6, &["größe\n", "ä\n"], &["ä\n"], &[TooLong { unit: LossUnit::Calls, count: 1, bytes: 8 }]);
        // Two lines that fit one by one.
        check(6, &["aaaa\nb\n"], &["aaaa\n", "b\n"], &[]);
        // Two of which one does not.
        check(
            6,
            &["a\n", "too long\nb\n", "c\n"],
            &["a\nb\nc\n"],
            &[TooLong { unit: LossUnit::DataPoints, count: 1, bytes: 9 }],
        );
        check(0, &["a\n"], &[], &[TooLong { unit: LossUnit::Calls, count: 1, bytes: 2 }]);
        check(6, &[], &[], &[]);
    }
}
