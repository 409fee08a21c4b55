//! The cases of `shapes` that need unstable features of the language: see the test target.
