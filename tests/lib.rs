//! Tests that cross crates: see the test targets.
