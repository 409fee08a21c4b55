//! The attributes that are tried, and the crates that they are tried on.

/// An attribute, and what a crate needs to use it.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) attribute: &'static str,
    /// The rest of a `[dependencies.` table.
    pub(crate) dependency: &'static str,
}

const SUBJECTS: [Subject; 5] = [
    Subject {
        name: "prof",
        attribute: "::prof_runtime::prof",
        dependency: "prof-runtime]\npath = \"{runtime}\"\ndefault-features = false",
    },
    Subject {
        name: "tracing",
        attribute: "::tracing::instrument(skip_all)",
        dependency: "tracing]\nversion = \"0.1\"",
    },
    Subject { name: "fastrace", attribute: "::fastrace::trace", dependency: "fastrace]\nversion = \"0.7\"" },
    Subject {
        name: "hotpath",
        attribute: "::hotpath::measure",
        dependency: "hotpath]\nversion = \"*\"\nfeatures = [\"hotpath\"]",
    },
    Subject {
        name: "autometrics",
        attribute: "::autometrics::autometrics",
        dependency: "autometrics]\nversion = \"*\"\nfeatures = [\"prometheus-exporter\"]",
    },
];

/// The attribute with this name.
pub(crate) fn named(name: &str) -> Option<Subject> {
    SUBJECTS.into_iter().find(|subject| subject.name == name)
}

/// A published crate.
pub(crate) struct Crate {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// What of the crate is built and run, and with which features.
    pub(crate) arguments: &'static [&'static str],
}

const fn known(name: &'static str, version: &'static str) -> Crate {
    Crate { name, version, arguments: &["--lib", "--tests"] }
}

/// Generic-heavy, unsafe, asynchronous, parsing, without `std`, trait-heavy: no two of a kind.
pub(crate) const CRATES: [Crate; 14] = [
    known("itertools", "0.15"),
    known("bytes", "1"),
    known("http", "1"),
    known("indexmap", "2"),
    // One of its integration tests needs a crate that it does not depend on.
    Crate { name: "nom", version: "8", arguments: &["--lib", "--test=json", "--test=arithmetic", "--test=issues"] },
    known("csv", "1"),
    known("petgraph", "0.8"),
    // The integration tests of this one and of regex-automata need what is not published.
    Crate {
        name: "tower",
        version: "0.5",
        arguments: &["--lib", "--features=util,buffer,limit,load-shed,retry,timeout,filter,steer,make,reconnect"],
    },
    known("smallvec", "1"),
    known("url", "2"),
    known("semver", "1"),
    known("regex-syntax", "0.8"),
    known("hashbrown", "0.17"),
    Crate { name: "regex-automata", version: "0.4", arguments: &["--lib"] },
];
