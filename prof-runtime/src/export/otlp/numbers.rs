//! What a push says, and what pushes before it have said that arrived.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::time::SystemTime;

use super::Temporality;
use crate::export::Loss;
use crate::{FunctionStats, Snapshot, ValueStats};

/// The numbers of one push: a list of series, which may take several messages. One series is what is known of a
/// function, of a value of `put_metric`, or of what was lost.
pub(super) struct Numbers<'a> {
    functions: Vec<Since<'a, FunctionStats>>,
    values: Vec<Since<'a, ValueStats>>,
    rest: Since<'a, Rest>,
    /// When counting began.
    pub(super) started_at: SystemTime,
    pub(super) taken_at: SystemTime,
    pub(super) temporality: Temporality,
}

/// A number, and since when it is one.
pub(super) struct Since<'a, T: Clone> {
    pub(super) start: SystemTime,
    pub(super) number: Cow<'a, T>,
}

/// What the runtime says of itself.
#[derive(Clone, Default)]
pub(super) struct Rest {
    pub(super) lost: Vec<Loss>,
    /// Data points of `put_metric` without a name of their own.
    pub(super) dropped: u64,
}

/// The numbers of each series when it arrived last, and when that was. A push of several messages may arrive in part.
#[derive(Default)]
pub(super) struct Arrived {
    functions: HashMap<(String, String), (FunctionStats, SystemTime)>,
    values: HashMap<(String, String), (ValueStats, SystemTime)>,
    rest: Option<(Rest, SystemTime)>,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, rest: &'a Rest, temporality: Temporality, arrived: &Arrived) -> Self {
        let (started_at, taken_at) = (snapshot.started_at, snapshot.taken_at);
        // A wall clock may be set back.
        let since = |arrived_at: SystemTime| arrived_at.min(taken_at);
        let is_delta = temporality == Temporality::Delta;
        let key = |group: &str, name: &str| is_delta.then(|| (group.to_owned(), name.to_owned()));
        let function =
            |now: &'a FunctionStats| match key(&now.group, &now.name).and_then(|key| arrived.functions.get(&key)) {
                Some((before, at)) => Since { start: since(*at), number: Cow::Owned(now.since(before)) },
                None => Since { start: started_at, number: Cow::Borrowed(now) },
            };
        let value = |now: &'a ValueStats| match key(&now.group, &now.name).and_then(|key| arrived.values.get(&key)) {
            Some((before, at)) => Since { start: since(*at), number: Cow::Owned(now.since(before)) },
            None => Since { start: started_at, number: Cow::Borrowed(now) },
        };
        let rest = match &arrived.rest {
            Some((before, at)) if is_delta => Since { start: since(*at), number: Cow::Owned(rest.since(before)) },
            _ => Since { start: started_at, number: Cow::Borrowed(rest) },
        };
        Self {
            functions: snapshot.functions.iter().map(function).collect(),
            values: snapshot.values.iter().map(value).collect(),
            rest,
            started_at,
            taken_at,
            temporality,
        }
    }

    /// How many series there are: first functions, then values, then the rest.
    pub(super) fn len(&self) -> usize {
        self.functions.len() + self.values.len() + 1
    }

    pub(super) fn functions(&self, series: &Range<usize>) -> &[Since<'a, FunctionStats>] {
        part(&self.functions, series, 0)
    }

    pub(super) fn values(&self, series: &Range<usize>) -> &[Since<'a, ValueStats>] {
        part(&self.values, series, self.functions.len())
    }

    pub(super) fn rest(&self, series: &Range<usize>) -> Option<&Since<'a, Rest>> {
        series.contains(&(self.len() - 1)).then_some(&self.rest)
    }
}

/// Those of some items, of which the first is series `first`, that are among the series.
fn part<'a, T>(items: &'a [T], series: &Range<usize>, first: usize) -> &'a [T] {
    let at = |series: usize| series.saturating_sub(first).min(items.len());
    &items[at(series.start)..at(series.end)]
}

impl Rest {
    fn since(&self, earlier: &Self) -> Self {
        let is_same = |a: &Loss, b: &Loss| a.target == b.target && a.unit == b.unit;
        let before =
            |loss: &Loss| earlier.lost.iter().find(|known| is_same(known, loss)).map_or(0, |known| known.count);
        let difference = |loss: &Loss| {
            let mut difference = loss.clone();
            difference.count = loss.count.saturating_sub(before(loss));
            difference
        };
        Self { lost: self.lost.iter().map(difference).collect(), dropped: self.dropped.saturating_sub(earlier.dropped) }
    }
}

impl Arrived {
    /// Notes that some of the series of [`Numbers::new`] have arrived.
    pub(super) fn add(&mut self, snapshot: &Snapshot, rest: &Rest, series: &Range<usize>) {
        let at = snapshot.taken_at;
        for function in part(&snapshot.functions, series, 0) {
            self.functions.insert((function.group.clone(), function.name.clone()), (function.clone(), at));
        }
        for value in part(&snapshot.values, series, snapshot.functions.len()) {
            self.values.insert((value.group.clone(), value.name.clone()), (value.clone(), at));
        }
        if series.contains(&(snapshot.functions.len() + snapshot.values.len())) {
            self.rest = Some((rest.clone(), at));
        }
    }
}
