//! One flush reaches all handlers and all exporters, and tells what each of them failed with.
#![allow(missing_docs)]

use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use prof_runtime::export::{ExportContext, ExportError, Exporter, LossUnit, Losses, PeriodicExporter};
use prof_runtime::{
    Aggregator, FlushError, MemoryHandler, MetricData, MetricHandler, ProfBuilder, Snapshot, configure,
    configure_group, flush, put_metric,
};

/// Refuses to be flushed.
struct Fails(&'static str);

impl MetricHandler for Fails {
    fn emit(&self, _: &MetricData<'_>) {}

    fn flush(&self) -> Result<(), FlushError> {
        Err(FlushError::Stopped { target: self.0.into() })
    }
}

/// Sends the sum of a value with each export, then answers as told.
struct Sums {
    exported: Sender<f64>,
    answers: Receiver<Result<(), ExportError>>,
}

impl Exporter for Sums {
    fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
        let _ = self.exported.send(snapshot.value("pages").map_or(0.0, |pages| pages.sum));
        self.answers.try_recv().unwrap_or(Ok(()))
    }
}

fn sums() -> (Sums, Receiver<f64>, Sender<Result<(), ExportError>>) {
    let (exported, exports) = channel();
    let (answer, answers) = channel();
    (Sums { exported, answers }, exports, answer)
}

/// Flushes while it exports.
struct Flushes;

impl Exporter for Flushes {
    fn export(&mut self, _: &Snapshot) -> Result<(), ExportError> {
        // Whatever the others answer: it must not wait for itself.
        let _ = flush();
        Ok(())
    }
}

fn refused(target: &str) -> Result<(), ExportError> {
    Err(ExportError::Refused { target: target.into(), reason: "full".into() })
}

/// In one process, since a flush is about all of it.
#[test]
fn one_flush_means_all() {
    let hour = Duration::from_secs(3600);
    let ((one, one_exports, one_answers), (other, other_exports, other_answers)) = (sums(), sums());
    let aggregator = Aggregator::new();
    configure(aggregator.clone());
    let memory = MemoryHandler::new();
    let losses = Losses::new();
    let guard = ProfBuilder::new()
        .handler("memory", memory.clone())
        .exporter("one", one)
        .losses(&losses)
        .queue_capacity(NonZeroUsize::new(8).unwrap())
        .attribute("service.name", "flushing")
        .interval(hour)
        .start()
        .unwrap();
    let standing_alone = PeriodicExporter::start("other", aggregator, hour, other).unwrap();

    put_metric("pages", 3, "crawler");
    flush().unwrap();
    assert_eq!((one_exports.try_recv(), other_exports.try_recv()), (Ok(3.0), Ok(3.0)));
    assert_eq!(memory.value("pages"), Some(3.0), "its queue is flushed, too");
    assert!(losses.list().iter().any(|loss| (&*loss.target, loss.unit) == ("one", LossUnit::Snapshots)));

    configure(Fails("the default"));
    configure_group("crawler", Fails("the crawler's"));
    one_answers.send(refused("one")).unwrap();
    other_answers.send(refused("other")).unwrap();
    let Err(FlushError::Several { errors, more: 0 }) = flush() else { panic!("four failed") };
    let mut texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    texts.sort();
    assert_eq!(
        texts,
        [
            "could not flush metrics to one: one refused metrics: full",
            "could not flush metrics to other: other refused metrics: full",
            "could not flush metrics to the crawler's: it was stopped",
            "could not flush metrics to the default: it was stopped",
        ]
    );
    assert!(flush().is_err(), "the handlers go on failing");

    // An exporter that flushes is not waited for by itself.
    let flushes = PeriodicExporter::start("flushes", Aggregator::new(), hour, Flushes).unwrap();
    flushes.export_now(hour).unwrap();

    drop((guard, standing_alone, flushes));
    let before = other_exports.try_iter().count();
    assert!(flush().is_err());
    assert_eq!((before > 0, other_exports.try_iter().count()), (true, 0), "what has ended is not flushed");
    an_exporter_receives_what_the_builder_knows();
}

/// An exporter has what the builder knows before it exports.
fn an_exporter_receives_what_the_builder_knows() {
    struct Attached(Sender<(String, Vec<(String, String)>)>);

    impl Exporter for Attached {
        fn export(&mut self, _: &Snapshot) -> Result<(), ExportError> {
            Ok(())
        }

        fn attach(&mut self, context: &ExportContext<'_>) {
            context.losses.counter(context.target, LossUnit::DataPoints).add(7);
            self.0.send((context.target.to_owned(), context.attributes.to_vec())).unwrap();
        }

        fn is_disabled(&self) -> bool {
            false
        }
    }

    let (sender, attached) = channel();
    let builder = ProfBuilder::new().attribute("service.name", "a").attribute("region", "eu");
    let builder = builder.attribute("service.name", "b").exporter("mine", Attached(sender));
    let guard = builder.start().unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(attached.try_recv(), Ok(("mine".to_owned(), vec![pair("region", "eu"), pair("service.name", "b")])));
    assert_eq!(guard.losses().get("mine"), 7);
    let again = ProfBuilder::new().handler("mine", MemoryHandler::new()).handler("mine", MemoryHandler::new());
    assert_eq!(again.start().unwrap_err().to_string(), "`mine` is listed twice");
}
