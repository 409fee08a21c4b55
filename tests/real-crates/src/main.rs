//! Compares code that an attribute stands on with the same code without it: published crates, and the cases of `shapes`
//! and `lints`, with `#[prof]` and with the attributes of its peers.
//!
//! ```text
//! cargo run -p prof-real-crates -- [--on|--scoped] [ATTRIBUTE…] [functions|impls] [CRATE…]
//! cargo run -p prof-real-crates -- cases [ATTRIBUTE…] [CASE…]
//! ```
//!
//! With `--on`, integration tests are annotated too, and a linked crate registers an aggregator that counts all calls;
//! with `--scoped`, each test also has a scope. ATTRIBUTE is `prof` (the default), one of the peers in [`subject`], or
//! `all`. Prints Markdown to stdout, and each difference to stderr. Needs a registry, and for crates many minutes. Ends
//! with 1 if `prof` makes a difference.

mod cases;
mod crates;
mod subject;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ended = match arguments.split_first() {
        Some((command, rest)) if command == "cases" => cases::run(rest),
        _ => crates::run(&arguments),
    };
    match ended {
        Ok(is_transparent) => ExitCode::from(u8::from(!is_transparent)),
        Err(usage) => {
            eprintln!("{usage}");
            ExitCode::from(2)
        }
    }
}
