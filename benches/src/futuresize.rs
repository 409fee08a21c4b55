//! Bytes of an `async fn`'s future, with four levels of calls and an argument of 64 bytes that is passed through all.

use std::mem::size_of_val;

use serde::Serialize;

use crate::error::BenchError;
use crate::output::{self, Row, number};

/// Arguments of `futuresize`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How many levels there are.
pub(crate) const LEVELS: usize = 4;

/// What was found about one attribute.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FutureSize {
    pub(crate) name: &'static str,
    pub(crate) bytes: usize,
    pub(crate) ratio_to_plain: f64,
}

impl Row for FutureSize {
    const HEADS: &'static [&'static str] = &["attribute", "bytes", "× plain"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.to_owned(), self.bytes.to_string(), number(self.ratio_to_plain, 2)]
    }
}

/// Four functions, each awaiting the next with the same attribute.
macro_rules! levels {
    ($module:ident $(, #[$attribute:meta])?) => {
        mod $module {
            type Argument = [u8; 64];

            $(#[$attribute])?
            async fn first(argument: Argument) -> u8 {
                std::future::pending::<()>().await;
                argument[0]
            }

            $(#[$attribute])?
            async fn second(argument: Argument) -> u8 {
                first(argument).await
            }

            $(#[$attribute])?
            async fn third(argument: Argument) -> u8 {
                second(argument).await
            }

            $(#[$attribute])?
            pub(super) async fn fourth(argument: Argument) -> u8 {
                third(argument).await
            }
        }
    };
}

levels!(plain);
levels!(ours, #[prof_runtime::prof]);
#[cfg(feature = "peers")]
levels!(traced, #[tracing::instrument(skip_all)]);
#[cfg(feature = "peers")]
levels!(fast, #[fastrace::trace]);
#[cfg(feature = "peers")]
levels!(hot, #[hotpath::measure]);

/// Runs the subcommand.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    output::print(&measure(), options.json)
}

/// The sizes, the plain one's and ours first.
pub(crate) fn measure() -> Vec<FutureSize> {
    let argument = [0; 64];
    let sizes = [
        ("plain", size_of_val(&plain::fourth(argument))),
        ("#[prof]", size_of_val(&ours::fourth(argument))),
        #[cfg(feature = "peers")]
        ("tracing #[instrument(skip_all)]", size_of_val(&traced::fourth(argument))),
        #[cfg(feature = "peers")]
        ("fastrace #[trace]", size_of_val(&fast::fourth(argument))),
        #[cfg(feature = "peers")]
        ("hotpath #[measure]", size_of_val(&hot::fourth(argument))),
    ];
    let plain = sizes[0].1;
    // Small numbers.
    #[allow(clippy::cast_precision_loss)]
    let row = |(name, bytes)| FutureSize { name, bytes, ratio_to_plain: bytes as f64 / plain as f64 };
    sizes.into_iter().map(row).collect()
}
