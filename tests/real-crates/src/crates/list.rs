//! The crates that attributes are tried on.

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
pub(crate) const CRATES: [Crate; 16] = [
    // The manifest in its repository asks for a feature of `axum-macros` that the published one leaves out.
    Crate {
        name: "axum",
        version: "0.8.9",
        arguments: &["--lib", "--tests", "--features=macros,multipart,ws,http2,__private,axum-macros?/__private"],
    },
    known("bytes", "1.12.1"),
    known("csv", "1.4.0"),
    known("hashbrown", "0.17.1"),
    known("http", "1.5.0"),
    known("indexmap", "2.14.2"),
    known("itertools", "0.15.0"),
    // One of its integration tests needs a crate that it does not depend on.
    Crate { name: "nom", version: "8.0.0", arguments: &["--lib", "--test=json", "--test=arithmetic", "--test=issues"] },
    known("petgraph", "0.8.3"),
    // Its integration tests need what is not published.
    Crate { name: "regex-automata", version: "0.4.18", arguments: &["--lib"] },
    known("regex-syntax", "0.8.11"),
    known("semver", "1.0.28"),
    known("smallvec", "1.16.5"),
    Crate { name: "tower", version: "0.5.3", arguments: &["--lib", "--tests", "--features=full"] },
    // Tests of the feature `fs` read files that are not published.
    Crate {
        name: "tower-http",
        version: "0.7.1",
        arguments: &[
            "--lib",
            "--features=auth,catch-panic,compression-full,cors,csrf,decompression-full,follow-redirect,limit",
            "--features=add-extension,map-request-body,map-response-body,metrics,normalize-path,on-early-drop",
            "--features=propagate-header,redirect,request-id,sensitive-headers,set-header,set-status,timeout",
            "--features=trace,util,validate-request",
        ],
    },
    known("url", "2.5.8"),
];
