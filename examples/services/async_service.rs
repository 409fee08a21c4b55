//! A service with tokio tasks: some requests succeed, some fail, some are cancelled by a timeout, one panics.
//!
//! ```sh
//! cargo run -F services --bin async_service
//! ```

use std::time::Duration;

use prof_runtime::{prof, report_at_exit};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

#[derive(Debug, thiserror::Error)]
enum RequestError {
    #[error("request {0} is malformed")]
    Malformed(u32),
    #[error("row {0} does not exist")]
    NotFound(u32),
}

struct Database;

#[prof]
impl Database {
    /// Measured from its first poll to its end, waiting included.
    async fn query(&self, row: u32) -> Result<String, RequestError> {
        // Some rows take longer than anyone waits.
        let takes = if row % 10 == 9 { Duration::from_secs(3600) } else { Duration::from_millis(2) };
        sleep(takes).await;
        if row % 10 == 4 { Err(RequestError::NotFound(row)) } else { Ok(format!("row {row}")) }
    }
}

#[prof]
async fn handle(request: u32) -> Result<String, RequestError> {
    let row = parse(request)?;
    Database.query(row).await
}

#[prof]
fn parse(request: u32) -> Result<u32, RequestError> {
    assert_ne!(request, 50, "a bug in the parser");
    if request % 10 == 7 { Err(RequestError::Malformed(request)) } else { Ok(request) }
}

#[tokio::main]
async fn main() {
    let report = report_at_exit();
    let mut tasks = JoinSet::new();
    for request in 0..100 {
        // What takes too long is dropped, which counts as cancelled.
        tasks.spawn(timeout(Duration::from_millis(500), handle(request)));
    }
    let (mut answered, mut failed, mut timed_out, mut panicked) = (0, 0, 0, 0);
    while let Some(finished) = tasks.join_next().await {
        match finished {
            Ok(Ok(Ok(_))) => answered += 1,
            Ok(Ok(Err(_))) => failed += 1,
            Ok(Err(_)) => timed_out += 1,
            Err(_) => panicked += 1,
        }
    }
    println!("{answered} answered, {failed} failed, {timed_out} timed out, {panicked} panicked");
    drop(report);
}
