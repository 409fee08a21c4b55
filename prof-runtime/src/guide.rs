//! The pages of the repository's `docs/`, as they are in this version.

// `guide.md` says where a link between pages leads in rustdoc. It comes first: of two definitions, Markdown takes the
// first.
#![doc = ""]
#![doc = include_str!("guide.md")]
#![doc = include_str!("../docs/README.md")]

macro_rules! pages {
    ($($name:ident = $file:literal,)*) => {$(
        #[doc = include_str!("guide.md")]
        #[doc = include_str!(concat!("../", $file))]
        pub mod $name {}
    )*};
}

pages! {
    attribute = "docs/attribute.md",
    contexts = "docs/contexts.md",
    cost = "docs/cost.md",
    counters = "docs/counters.md",
    exporters = "docs/exporters.md",
    faults = "FAULTS.md",
    handlers = "docs/handlers.md",
    json = "docs/json.md",
    libraries = "docs/libraries.md",
    limits = "docs/limits.md",
    objectives = "docs/objectives.md",
    opentelemetry = "docs/opentelemetry.md",
    platforms = "docs/platforms.md",
    production = "docs/production.md",
    prometheus = "docs/prometheus.md",
    real_crates = "docs/real-crates.md",
    statsd = "docs/statsd.md",
    tests = "docs/tests.md",
    transparency = "docs/transparency.md",
}
