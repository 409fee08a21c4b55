//! When a snapshot is exported, and what becomes of one that is not.

use super::*;
use crate::counts::Snapshot;

/// Says how it was called, and answers as it is told to.
struct Told(Sender<usize>, Receiver<Result<(), ExportError>>);

impl Exporter for Told {
    fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
        // No one may be waiting to hear of it.
        let _ = self.0.try_send(snapshot.values.len());
        self.1.recv().unwrap_or(Ok(()))
    }
}

fn unreachable() -> ExportError {
    let (target, cause) = ("told".into(), "no one is there".into());
    ExportError::Unreachable { target, cause, retry_after: None }
}

const NEVER: Duration = Duration::from_secs(1 << 40);
const LONG: Duration = Duration::from_secs(60);

#[test]
fn exports_at_intervals_on_demand_and_at_the_end() {
    let (calls, called) = bounded(9);
    let (answers, answer) = bounded(9);
    drop(answers);
    let often = Duration::from_millis(1);
    let exporter = PeriodicExporter::start("told", Aggregator::new(), often, Told(calls, answer.clone())).unwrap();
    called.recv_timeout(LONG).unwrap();
    called.recv_timeout(LONG).unwrap();
    drop((called, exporter));

    let (calls, called) = bounded(9);
    let exporter = PeriodicExporter::start("told", Aggregator::new(), NEVER, Told(calls, answer)).unwrap();
    exporter.export_now(LONG).unwrap();
    assert_eq!(called.len(), 1);
    exporter.shutdown(LONG).unwrap();
    assert_eq!(called.len(), 2, "once more at the end");
    assert!(matches!(exporter.export_now(LONG), Err(ExportError::Stopped { .. })));
    assert_eq!(exporter.lost(), 0);
}

#[test]
fn a_last_export_that_fails_is_counted_as_lost() {
    let (calls, _called) = bounded(9);
    let (answers, answer) = bounded(9);
    let exporter = PeriodicExporter::start("told", Aggregator::new(), NEVER, Told(calls, answer)).unwrap();
    answers.send(Err(unreachable())).unwrap();
    let error = exporter.export_now(LONG).unwrap_err();
    assert_eq!(error.to_string(), "could not export metrics to told: no one is there");
    assert_eq!(exporter.lost(), 0, "the next one makes up for it");
    answers.send(Err(unreachable())).unwrap();
    exporter.shutdown(LONG).unwrap();
    assert_eq!(exporter.lost(), 1);
}

#[test]
fn a_target_that_hangs_holds_no_one_up_for_longer_than_the_timeout() {
    let (calls, called) = bounded(9);
    let (answers, answer) = bounded(9);
    let exporter = PeriodicExporter::start("told", Aggregator::new(), NEVER, Told(calls, answer)).unwrap();
    let timeout = Duration::from_millis(1);
    assert!(matches!(exporter.export_now(timeout), Err(ExportError::Timeout { .. })));
    called.recv_timeout(LONG).unwrap();
    assert!(matches!(exporter.shutdown(timeout), Err(ExportError::Timeout { .. })));
    drop(answers);
    exporter.shutdown(LONG).unwrap();
}

#[test]
fn attempts_become_rarer_up_to_the_interval() {
    let work = |failures, interval_s| Work {
        target: "told".to_owned(),
        aggregator: Aggregator::new(),
        interval: Duration::from_secs(interval_s),
        exporter: Box::new(Told(bounded(0).0, bounded(0).1)),
        failures,
        last: LastExport {
            losses: LossCounter::new("told", LossUnit::Snapshots),
            is_lost: Arc::default(),
            is_cancelled: Arc::default(),
            snapshot: Arc::default(),
        },
    };
    let check = |failures, interval_s, asked_s: Option<u64>, expect_s| {
        let retry_in = work(failures, interval_s).retry_in(asked_s.map(Duration::from_secs));
        assert_eq!(retry_in, Duration::from_secs(expect_s));
    };
    check(1, 60, None, 1);
    check(2, 60, None, 2);
    check(3, 60, None, 4);
    check(9, 60, None, 60);
    check(u32::MAX, u64::MAX, None, 1 << 16);
    check(3, 2, None, 2);
    check(1, 60, Some(120), 120);
}
