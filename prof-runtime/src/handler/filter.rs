//! A handler that receives some of the metrics.

use std::fmt;
use std::sync::Arc;

use super::pattern::Pattern;
use crate::handler::{FastPath, FlushError, GuardedHandler, IntoHandler, MetricHandler};
use crate::model::MetricData;
use crate::model::context::PublishedContext;
use crate::site::{CallRecord, RecordedNumber, UntimedCall};

/// Passes on the metrics whose name and group meet its conditions, and leaves out the others.
///
/// Without a condition, all metrics pass; with several, those that meet each of them. Names are those of functions,
/// data points and contexts: a function's calls pass whole or not at all.
///
/// In the patterns of [`names`](Self::names) and [`without_names`](Self::without_names), `*` stands for any text, also
/// for none.
///
/// A filter is a handler of its own: it sees each call, and an [`Aggregator`](crate::Aggregator) behind it costs what
/// it costs behind any handler (`prof-bench overhead`). A whole group is left out for less by
/// [`configure_group`](crate::configure_group) with a [`NullHandler`](crate::NullHandler).
///
/// # Examples
///
/// ```
/// use prof_runtime::{FilterHandler, MemoryHandler, put_metric, scoped};
///
/// let memory = MemoryHandler::new();
/// let filter = FilterHandler::new(memory.clone()).names(["pages.*"]).without_groups(["indexer"]);
/// let _scope = scoped(filter);
/// put_metric("pages.fetched", 3, "crawler");
/// put_metric("errors", 1, "crawler");
/// put_metric("pages.listed", 2, "indexer");
/// assert_eq!(memory.names(), ["pages.fetched"]);
/// ```
pub struct FilterHandler {
    inner: Arc<GuardedHandler>,
    conditions: Vec<Condition>,
}

/// Decides by a name and a group.
type Predicate = dyn Fn(&str, &str) -> bool + Send + Sync;

enum Condition {
    /// One of the patterns matches the name; none does, if `is_wanted` is false.
    Name { patterns: Vec<Pattern>, is_wanted: bool },
    /// The group is one of these; none of them, if `is_wanted` is false.
    Group { groups: Vec<String>, is_wanted: bool },
    /// The predicate returns true.
    If(Box<Predicate>),
}

impl Condition {
    fn is_met(&self, name: &str, group: &str) -> bool {
        match self {
            Self::Name { patterns, is_wanted } => patterns.iter().any(|pattern| pattern.matches(name)) == *is_wanted,
            Self::Group { groups, is_wanted } => groups.iter().any(|one| one == group) == *is_wanted,
            Self::If(condition) => condition(name, group),
        }
    }
}

impl FilterHandler {
    /// Creates a filter before `handler` that all metrics pass.
    #[track_caller]
    pub fn new(handler: impl IntoHandler) -> Self {
        Self { inner: GuardedHandler::new(handler.into_handler()), conditions: Vec::new() }
    }

    /// Lets only metrics pass whose name matches one of the patterns.
    #[must_use]
    pub fn names<P: AsRef<str>>(self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.with_names(patterns, true)
    }

    /// Leaves out metrics whose name matches one of the patterns.
    #[must_use]
    pub fn without_names<P: AsRef<str>>(self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.with_names(patterns, false)
    }

    /// Lets only metrics of these groups pass.
    #[must_use]
    pub fn groups<G: Into<String>>(self, groups: impl IntoIterator<Item = G>) -> Self {
        self.with_groups(groups, true)
    }

    /// Leaves out metrics of these groups.
    #[must_use]
    pub fn without_groups<G: Into<String>>(self, groups: impl IntoIterator<Item = G>) -> Self {
        self.with_groups(groups, false)
    }

    /// Lets only metrics pass for whose name and group `condition` returns true. The filter calls it for each metric. A
    /// panic in it counts as a panic of the filter.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::{FilterHandler, MemoryHandler, put_metric, scoped};
    ///
    /// let memory = MemoryHandler::new();
    /// let _scope = scoped(FilterHandler::new(memory.clone()).only_if(|name, group| name.starts_with(group)));
    /// put_metric("crawler.pages", 3, "crawler");
    /// put_metric("pages", 4, "crawler");
    /// assert_eq!(memory.names(), ["crawler.pages"]);
    /// ```
    #[must_use]
    pub fn only_if(self, condition: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        self.with(Condition::If(Box::new(condition)))
    }

    fn with_names<P: AsRef<str>>(self, patterns: impl IntoIterator<Item = P>, is_wanted: bool) -> Self {
        let patterns = patterns.into_iter().map(|pattern| Pattern::new(pattern.as_ref())).collect();
        self.with(Condition::Name { patterns, is_wanted })
    }

    fn with_groups<G: Into<String>>(self, groups: impl IntoIterator<Item = G>, is_wanted: bool) -> Self {
        self.with(Condition::Group { groups: groups.into_iter().map(Into::into).collect(), is_wanted })
    }

    fn with(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Runs `give` on the inner handler, if a metric with this name and group passes.
    fn pass(&self, name: &str, group: &str, give: impl FnOnce(&dyn MetricHandler)) {
        if self.conditions.iter().all(|condition| condition.is_met(name, group)) {
            let _ = self.inner.with(give);
        }
    }
}

impl MetricHandler for FilterHandler {
    fn emit(&self, data: &MetricData<'_>) {
        self.pass(&data.name, &data.group_name, |handler| handler.emit(data));
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        let site = call.callsite();
        self.pass(site.name(), site.group(), |handler| handler.record_call(call));
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        let site = call.callsite();
        self.pass(site.name(), site.group(), |handler| handler.record_untimed_call(call));
    }

    fn record_number(&self, number: &RecordedNumber<'_>) {
        self.pass(number.name(), number.group(), |handler| handler.record_number(number));
    }

    fn record_context(&self, context: &PublishedContext<'_>) {
        self.pass(context.name, context.group_name, |handler| handler.record_context(context));
    }

    fn flush(&self) -> Result<(), FlushError> {
        self.inner.flush()
    }

    fn fast_path(&self) -> FastPath<'_> {
        match self.inner.fast_path() {
            FastPath::Off => FastPath::Off,
            // Without a condition, the filter is not there.
            path if self.conditions.is_empty() => path,
            _ => FastPath::None,
        }
    }
}

impl fmt::Debug for FilterHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterHandler")
            .field("inner", &self.inner)
            .field("conditions", &self.conditions.len())
            .finish_non_exhaustive()
    }
}
