//! Bytes of machine code that an attribute adds to a function.
//!
//! A program with one annotated function has the peer's whole library in it; what the other functions add to it, less
//! what plain functions add to a plain program, is what the attribute costs each.

use object::{Object, ObjectSection, SectionKind};
use serde::Serialize;

use crate::error::BenchError;
use crate::generated::{self, Variant};
use crate::output::{self, Row, number};
use crate::statistics::{float, rounded};

/// Arguments of `codesize`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
    /// How many functions the larger programs have.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) functions: u32,
    /// Only the attributes whose name contains this, and none; may be given several times.
    #[arg(long)]
    pub(crate) filter: Vec<String>,
}

/// What was found about one attribute.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CodeSize {
    pub(crate) name: &'static str,
    /// With one function.
    pub(crate) text_bytes_of_one: u64,
    /// With all of them.
    pub(crate) text_bytes: u64,
    pub(crate) bytes_per_function: f64,
    /// Above a plain function.
    pub(crate) above_plain: f64,
}

impl Row for CodeSize {
    const HEADS: &'static [&'static str] =
        &["attribute", ".text, one function", ".text, all", "bytes per function", "above plain"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.text_bytes_of_one.to_string(),
            self.text_bytes.to_string(),
            number(self.bytes_per_function, 1),
            number(self.above_plain, 1),
        ]
    }
}

/// Runs the subcommand.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    output::print(&measure(options)?, options.json)
}

/// Builds the programs and measures them.
pub(crate) fn measure(options: &Options) -> Result<Vec<CodeSize>, BenchError> {
    let mut rows: Vec<CodeSize> = Vec::new();
    // The last plain one.
    let mut plain = 0.0;
    for variant in generated::chosen(&options.filter) {
        let one = text_bytes(variant, 1)?;
        let all = text_bytes(variant, options.functions as usize)?;
        let each = float(all.saturating_sub(one)) / f64::from(options.functions - 1);
        if variant.is_plain() {
            plain = each;
        }
        rows.push(CodeSize {
            name: variant.name,
            text_bytes_of_one: one,
            text_bytes: all,
            bytes_per_function: rounded(each, 1),
            above_plain: rounded(each - plain, 1),
        });
    }
    Ok(rows)
}

/// The size of the code of a program with so many functions.
fn text_bytes(variant: &Variant, functions: usize) -> Result<u64, BenchError> {
    let generated = variant.generate(functions)?;
    generated.cargo(&["build", "--release"])?;
    let path = generated.program();
    let bytes = std::fs::read(&path).map_err(BenchError::io(format!("could not read {}", path.display())))?;
    let unreadable = || BenchError::Unreadable(path.display().to_string(), "sections");
    let file = object::File::parse(&*bytes).map_err(|_| unreadable())?;
    let text = file.sections().filter(|section| section.kind() == SectionKind::Text);
    Ok(text.map(|section| section.size()).sum())
}
