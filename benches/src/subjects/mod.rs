//! Everything that is measured.

mod guards;
mod instruments;
mod limits;
mod ours;
mod ours_async;
mod plain;
mod scopes;
mod several;
pub(crate) mod shapes;

use crate::error::BenchError;
use crate::subject::Subject;

/// Every subject, the plain ones and the limits first.
pub(crate) fn all() -> Vec<Subject> {
    let ours = [
        plain::SUBJECTS,
        limits::SUBJECTS,
        ours::SUBJECTS,
        several::SUBJECTS,
        instruments::SUBJECTS,
        ours_async::SUBJECTS,
        scopes::SUBJECTS,
        &shapes::subjects(),
        guards::SUBJECTS,
    ]
    .concat();
    #[cfg(feature = "peers")]
    let all = [ours, crate::peers::all()].concat();
    #[cfg(not(feature = "peers"))]
    let all = ours;
    all
}

/// The subjects whose name contains `filter`, and those that they are compared to.
pub(crate) fn matching(filter: Option<&str>) -> Result<Vec<Subject>, BenchError> {
    let all = all();
    let Some(filter) = filter else { return Ok(all) };
    let chosen: Vec<Subject> = all.iter().filter(|subject| subject.name.contains(filter)).copied().collect();
    if chosen.is_empty() {
        return Err(BenchError::NoSubject(filter.to_owned()));
    }
    let is_needed = |one: &Subject| {
        let is_compared_to = |subject: &Subject| subject.baseline == one.name;
        one.name.contains(filter) || one.name == crate::subject::TSC_PAIR || chosen.iter().any(is_compared_to)
    };
    Ok(all.into_iter().filter(|subject| is_needed(subject) || subject.name == crate::subject::PLAIN).collect())
}
