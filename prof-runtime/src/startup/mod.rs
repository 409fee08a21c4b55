//! One variable, or a few lines of code, that say where numbers go.
//!
//! | part | feature | what it starts |
//! |---|---|---|
//! | `report` | `report` | the table on stderr, at the end |
//! | `console` | none | a line on stdout for each data point |
//! | `json:PATH` | `json` | a line of JSON in a file for each data point |
//! | `snapshots:PATH` | `json` | a line of JSON in a file for every 10 s |
//! | `prometheus:ADDR` | `prometheus` | a server of `/metrics`; a port alone is one of 127.0.0.1 |
//! | `otlp:URL` | `otlp` | a push every 60 s; without an URL, the `OTEL_EXPORTER_OTLP_*` variables say where to |
//! | `statsd:ADDR` | `statsd` | datagrams for a `StatsD` daemon |
//! | `dogstatsd:ADDR` | `statsd` | the same with the group as a tag |
//! | `off` | none | nothing; it stands alone, and so does an empty list |
//!
//! Parts are separated by commas. Whatever they start listens beside the handlers that the program
//! [configures](crate::configure), and to all groups. What writes or sends does so on threads of its own, behind
//! queues that are bounded: what a target is too slow for is lost, and counted by [`ProfGuard::losses`].

mod builder;
mod error;
#[cfg(test)]
mod faults;
mod guard;
mod part;
#[cfg(test)]
mod tests;

pub use self::builder::ProfBuilder;
pub use self::error::InitError;
pub use self::guard::ProfGuard;

/// Starts what the environment variable `PROF` lists, such as `PROF=report,prometheus:127.0.0.1:9464`, until the
/// returned guard is dropped: bind it in `main`. Nothing is started if the variable is not set.
///
/// # Errors
///
/// If a part is not known, not compiled in or cannot be started; then nothing was started.
///
/// # Examples
///
/// ```
/// use prof_runtime::prof;
///
/// #[prof]
/// fn work() {}
///
/// fn main() -> Result<(), prof_runtime::InitError> {
///     let _prof = prof_runtime::init_from_env()?;
///     work();
///     Ok(())
/// }
/// ```
pub fn init_from_env() -> Result<ProfGuard, InitError> {
    match std::env::var_os("PROF") {
        None => init(""),
        Some(list) => {
            init(list.to_str().ok_or_else(|| InitError::NotUnicode { list: part::shown(&list.to_string_lossy()) })?)
        }
    }
}

/// Starts what a comma-separated list says, until the returned guard is dropped: the [parts](self) of the variable `PROF`.
///
/// # Errors
///
/// If a part is not known, not compiled in or cannot be started; then nothing was started.
///
/// # Examples
///
/// ```
/// let error = prof_runtime::init("console,promtheus:9464").unwrap_err();
/// assert!(error.to_string().starts_with("`promtheus:9464` is not known; allowed are "));
/// ```
pub fn init(list: &str) -> Result<ProfGuard, InitError> {
    ProfBuilder::new().list(list)?.start()
}
