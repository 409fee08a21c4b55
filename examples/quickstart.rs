//! The five-minute tour: annotate a function, a method and one that fails, add a handler of your own, print a report.
//!
//! ```sh
//! cargo run --bin quickstart
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prof_runtime::{CallRecord, MetricData, MetricHandler, Outcome, configure, prof, put_metric, report_at_exit};

/// A free function; its metrics are called `quickstart.fibonacci`.
#[prof]
fn fibonacci(n: u64) -> u64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

struct Account {
    cents: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("{missing} cents are missing")]
struct Overdrawn {
    missing: u64,
}

/// Every method of a block at once: `Account.deposit`, `Account.withdraw`.
#[prof]
impl Account {
    fn deposit(&mut self, cents: u64) {
        self.cents += cents;
        put_metric!("balance", self.cents);
    }

    /// An `Err` is a failure.
    fn withdraw(&mut self, cents: u64) -> Result<u64, Overdrawn> {
        self.cents = self.cents.checked_sub(cents).ok_or_else(|| Overdrawn { missing: cents - self.cents })?;
        Ok(self.cents)
    }
}

/// A handler of one's own: counts failures, whatever failed.
#[derive(Default)]
struct Failures(AtomicU64);

impl MetricHandler for Failures {
    fn emit(&self, _: &MetricData<'_>) {}

    fn record_call(&self, call: &CallRecord<'_>) {
        if call.outcome() == Outcome::Failure {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn main() {
    let _report = report_at_exit();
    let failures = Arc::new(Failures::default());
    configure(Arc::clone(&failures));

    let sum: u64 = (0..1000).map(|n| fibonacci(n % 90)).fold(0, u64::wrapping_add);
    println!("fibonacci: {sum}");

    let mut account = Account { cents: 0 };
    account.deposit(500);
    for cents in [300, 300] {
        match account.withdraw(cents) {
            Ok(left) => println!("withdrew {cents}, {left} left"),
            Err(error) => println!("could not withdraw {cents}: {error}"),
        }
    }
    println!("failures: {}", failures.0.load(Ordering::Relaxed));
}
