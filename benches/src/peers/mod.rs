//! What others have, doing the same work in the configuration that their users run: a function is counted and timed,
//! and the numbers are where an exporter finds them. Nothing is exported meanwhile.
//!
//! Where a peer leaves a choice, the cheaper one was taken.

mod autometrics;
mod fastrace;
mod hotpath;
mod metered;
mod metrics;
mod opentelemetry;
mod prometheus;
mod tracing;

use crate::subject::Subject;

/// Upper bounds of histogram buckets in seconds, for the peers that have no default.
const BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// All of them.
pub(crate) fn all() -> Vec<Subject> {
    [
        hotpath::SUBJECTS,
        metered::SUBJECTS,
        fastrace::SUBJECTS,
        prometheus::SUBJECTS,
        opentelemetry::SUBJECTS,
        metrics::SUBJECTS,
        tracing::SUBJECTS,
        autometrics::SUBJECTS,
    ]
    .concat()
}
