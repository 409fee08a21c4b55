//! Starts the parts one by one.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::{ProfGuard, Running, Starting};
use crate::aggregate::Aggregator;
use crate::base::exit;
use crate::base::lock;
use crate::config::observer::Observer;
use crate::export::{ExportContext, Exporter, PeriodicExporter};
use crate::handler::buffered::BufferedHandler;
use crate::handler::losses::LossUnit;
use crate::handler::{GuardedHandler, MetricHandler};
#[cfg(feature = "report")]
use crate::report::Report;
use crate::startup::own::{StartError, StartServer};
use crate::startup::ready::Options;
#[cfg(all(unix, feature = "signals"))]
use crate::startup::signals::Caught;

impl Starting {
    pub(in crate::startup) fn new(options: &Options) -> Self {
        let running = Running {
            observers: Mutex::default(),
            last: OnceLock::new(),
            handlers: Vec::new(),
            direct: Vec::new(),
            exporters: Vec::new(),
            servers: Vec::new(),
            aggregator: None,
            #[cfg(feature = "report")]
            reports: Mutex::default(),
            losses: options.losses.clone(),
            timeout: options.timeout,
            process_id: std::process::id(),
            has_ended: Mutex::new(false),
        };
        Self {
            running,
            #[cfg(all(unix, feature = "signals"))]
            signals: None,
        }
    }

    /// Returns the one aggregator of all parts that take snapshots, so that a call is counted once.
    fn shared_aggregator(&mut self) -> Aggregator {
        self.running.aggregator.get_or_insert_default().clone()
    }

    #[cfg(feature = "report")]
    pub(in crate::startup) fn report(&mut self, report: Report) {
        self.shared_aggregator();
        lock(&self.running.reports).push(report);
    }

    pub(in crate::startup) fn add_handler(&mut self, handler: BufferedHandler) {
        self.running.handlers.push(Arc::new(handler));
    }

    pub(in crate::startup) fn add_direct_handler(&mut self, handler: Arc<GuardedHandler>) {
        self.running.direct.push(handler);
    }

    /// Adds an exporter, which exports at its default interval if there is none.
    pub(in crate::startup) fn add_exporter(
        &mut self,
        target: &str,
        interval: Option<Duration>,
        mut exporter: Box<dyn Exporter>,
        attributes: &[(String, String)],
    ) -> io::Result<()> {
        if exporter.is_disabled() {
            return Ok(());
        }
        let (losses, aggregator) = (self.running.losses.counter(target, LossUnit::Snapshots), self.shared_aggregator());
        let context = ExportContext::new(target, &aggregator, &self.running.losses).with_attributes(attributes);
        exporter.attach(&context);
        let interval = interval.unwrap_or_else(|| exporter.default_interval());
        self.running.exporters.push(PeriodicExporter::start_counting(losses, aggregator, interval, exporter)?);
        Ok(())
    }

    /// Starts a server.
    pub(in crate::startup) fn add_server(
        &mut self,
        target: &str,
        attributes: &[(String, String)],
        start: Box<StartServer>,
    ) -> Result<(), StartError> {
        let aggregator = self.shared_aggregator();
        let context = ExportContext::new(target, &aggregator, &self.running.losses).with_attributes(attributes);
        self.running.servers.push((target.to_owned(), start(&context)?));
        Ok(())
    }

    /// Lets signals end all parts from now on.
    #[cfg(feature = "signals")]
    #[cfg_attr(not(unix), allow(clippy::unused_self, clippy::unnecessary_wraps))] // There are none.
    pub(in crate::startup) fn catch_signals(&mut self) -> io::Result<()> {
        #[cfg(unix)]
        {
            self.signals = Some(Caught::new()?);
        }
        Ok(())
    }

    /// Stops the started parts without any output, since another part could not be started.
    pub(in crate::startup) fn cancel(self) {
        self.running.exporters.iter().for_each(PeriodicExporter::cancel);
    }

    /// Registers the parts as observers, now that all of them exist.
    pub(in crate::startup) fn observe(self) -> ProfGuard {
        let running = self.running;
        let aggregator =
            running.aggregator.iter().map(|aggregator| Arc::new(aggregator.clone()) as Arc<dyn MetricHandler>);
        let handlers = running.handlers.iter().map(|handler| Arc::clone(handler) as Arc<dyn MetricHandler>);
        *lock(&running.observers) = aggregator
            .chain(handlers)
            .map(GuardedHandler::new)
            .chain(running.direct.iter().cloned())
            .map(Observer::new)
            .collect();
        let running = Arc::new(running);
        let listed = Some(exit::list(&running));
        ProfGuard {
            running,
            listed,
            #[cfg(all(unix, feature = "signals"))]
            _signals: self.signals,
        }
    }
}
