//! tracing's `#[instrument]` with the registry and a layer that times spans: the least that gives counts and durations.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tracing::span::{Attributes, Id};
use tracing::{Subscriber, instrument};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::subject::{Subject, repeat};
use crate::work::work;

pub(super) const SUBJECTS: &[Subject] = &[
    Subject::new("tracing, no subscriber", repeat!(measured)).alone(),
    Subject::new("tracing, timing layer", repeat!(measured)).setup(install),
];

/// Counts spans and adds up their durations. A real one finds the numbers of each function first.
#[derive(Default)]
struct Timing {
    spans: AtomicU64,
    total_ns: AtomicU64,
}

struct Started(Instant);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Timing {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Started(Instant::now()));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(Started(at)) = span.extensions().get::<Started>() {
            let ns = u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.spans.fetch_add(1, Ordering::Relaxed);
            self.total_ns.fetch_add(ns, Ordering::Relaxed);
        }
    }
}

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Timing::default());
        tracing::subscriber::set_global_default(subscriber).expect("no other subscriber is installed");
    });
}

#[instrument(skip_all)]
#[inline(never)]
fn measured(x: u64) -> u64 {
    work(x)
}
