//! What is published: each package has what registries show, and every link of every document leads somewhere, in the
//! repository and in the crates' documentation.
#![allow(missing_docs)]

mod links;
mod packages;

use std::path::Path;

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
