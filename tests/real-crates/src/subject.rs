//! The attributes that are tried.

/// An attribute, and what a crate needs to use it. Each is written as its documentation advises.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// The attribute on a function.
    pub(crate) function: &'static str,
    /// The attributes on blocks, where there are such.
    pub(crate) on_impl: Option<&'static str>,
    pub(crate) on_trait: Option<&'static str>,
    pub(crate) on_mod: Option<&'static str>,
    /// The package, which has the name that generated code calls it by.
    pub(crate) package: &'static str,
    pub(crate) features: &'static [&'static str],
}

/// The peers have the versions and features that `benches` measures them with.
pub(crate) const SUBJECTS: [Subject; 5] = [
    Subject {
        name: OURS,
        version: env!("CARGO_PKG_VERSION"),
        function: "::prof_runtime::prof",
        on_impl: Some("::prof_runtime::prof"),
        on_trait: Some("::prof_runtime::prof"),
        on_mod: Some("::prof_runtime::prof"),
        package: "prof-runtime",
        features: &[],
    },
    Subject {
        name: "tracing",
        version: "0.1.44",
        // Without `skip_all` it records every argument, and asks `Debug` of each.
        function: "::tracing::instrument(skip_all)",
        on_impl: None,
        on_trait: None,
        on_mod: None,
        package: "tracing",
        features: &[],
    },
    Subject {
        name: "fastrace",
        version: "0.7.19",
        function: "::fastrace::trace",
        on_impl: None,
        on_trait: None,
        on_mod: None,
        package: "fastrace",
        features: &["enable"],
    },
    Subject {
        name: "hotpath",
        version: "0.30.3",
        function: "::hotpath::measure",
        on_impl: Some("::hotpath::measure_all"),
        on_trait: None,
        on_mod: Some("::hotpath::measure_all"),
        package: "hotpath",
        features: &["hotpath"],
    },
    Subject {
        name: "autometrics",
        version: "3.0.0",
        function: "::autometrics::autometrics",
        on_impl: Some("::autometrics::autometrics"),
        on_trait: None,
        on_mod: None,
        package: "autometrics",
        features: &["prometheus-exporter"],
    },
];

/// The name of the attribute that this repository is about.
pub(crate) const OURS: &str = "prof";

/// The attribute with this name.
pub(crate) fn named(name: &str) -> Option<&'static Subject> {
    SUBJECTS.iter().find(|subject| subject.name == name)
}

impl Subject {
    /// Whether this is the attribute of this repository.
    pub(crate) fn is_ours(&self) -> bool {
        self.name == OURS
    }

    /// What stands to the right of the package's name in a manifest.
    pub(crate) fn dependency(&self) -> toml_edit::InlineTable {
        let mut dependency = toml_edit::InlineTable::new();
        if self.is_ours() {
            dependency.insert("path", concat!(env!("CARGO_MANIFEST_DIR"), "/../../prof-runtime").into());
            // Crates without `std` are among those tried, and the report at exit is not what is tried.
            dependency.insert("default-features", false.into());
        } else {
            dependency.insert("version", format!("={}", self.version).into());
        }
        if !self.features.is_empty() {
            dependency.insert("features", self.features.iter().copied().collect::<toml_edit::Array>().into());
        }
        dependency
    }
}
