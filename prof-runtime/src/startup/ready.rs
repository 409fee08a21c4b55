//! Prepares the parts of a list: looks names up, opens files, binds addresses. Starts nothing.

use std::fs;
use std::io;
#[cfg(feature = "json")]
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::InitError;
use super::guard::Starting;
use super::own::{OwnKind, OwnPart, StartError};
use super::part::{Argument, Kind, Part};
use crate::base::background;
use crate::base::clock;
use crate::base::exit;
use crate::handler::buffered::{BufferedHandler, Builder as BufferedBuilder};
use crate::handler::losses::Losses;
use crate::handler::{ConsoleHandler, IntoHandler};

#[cfg(feature = "json")]
use crate::base::files::RotatingFile;
#[cfg(feature = "json")]
use crate::export::SnapshotLines;
#[cfg(feature = "prometheus")]
use crate::export::prometheus::{
    PrometheusCollector, PrometheusListener, PrometheusServer, PrometheusServerBuilder, Resolution, labels,
};
#[cfg(feature = "prometheus")]
use crate::export::{ExportContext, Server};
#[cfg(feature = "report")]
use crate::report::Report;

/// The settings that apply to all parts.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) timeout: Duration,
    /// The interval of `snapshots` and `otlp`; `None` for the default of each.
    pub(super) interval: Option<Duration>,
    pub(super) max_bytes: u64,
    pub(super) old_files: u32,
    pub(super) losses: Losses,
    /// The attributes of the program: keys and values.
    pub(super) attributes: Vec<(String, String)>,
    /// The settings of each part's queue.
    pub(super) queue: BufferedBuilder,
    #[cfg(feature = "prometheus")]
    pub(super) prometheus: PrometheusOptions,
}

/// The settings of all servers of Prometheus.
#[cfg(feature = "prometheus")]
#[derive(Clone, Debug, Default)]
pub(super) struct PrometheusOptions {
    /// Hosts that a server on loopback answers, beside loopback names.
    pub(super) allowed_hosts: Vec<String>,
    pub(super) resolution: Resolution,
    pub(super) build_labels: Vec<(String, String)>,
}

/// A part that is ready to start. Only the start of its threads can still fail.
enum ReadyPart {
    #[cfg(feature = "report")]
    Report,
    Console,
    #[cfg(feature = "json")]
    Json(RotatingFile),
    #[cfg(feature = "json")]
    Snapshots(RotatingFile),
    #[cfg(feature = "prometheus")]
    Prometheus(PrometheusListener),
    #[cfg(feature = "statsd")]
    Statsd(Box<crate::export::StatsdHandler>),
    #[cfg(feature = "otlp")]
    Otlp(Box<crate::export::otlp::OtlpExporter>),
    #[cfg(feature = "signals")]
    Signals,
}

/// The parts that are ready, in the order in which they are started.
pub(super) struct Ready {
    parts: Vec<(Part, ReadyPart)>,
    made: MadeFiles,
}

/// Makes all parts ready, within the bound of a start.
pub(super) fn ready(parts: Vec<Part>, options: &Options) -> Result<Ready, InitError> {
    #[cfg(feature = "prometheus")]
    for (name, _) in &options.prometheus.build_labels {
        if !labels::is_name(name) {
            return Err(InitError::Start { part: "prometheus".to_owned().into(), cause: labels::refusal(name).into() });
        }
    }
    if parts.iter().all(|part| part.argument == Argument::Nothing && part.kind != Kind::Otlp) {
        // None of these parts can block.
        return make_all_ready(parts, &AtomicUsize::new(0));
    }
    let timeout = options.timeout.max(exit::TIMEOUT);
    let (current, now) = (Arc::new(AtomicUsize::new(0)), parts.clone());
    let at = Arc::clone(&current);
    // Looking up a name may take minutes, and a file may be on a server that does not answer.
    let made = background::within("prof-start", clock::deadline(timeout), move || make_all_ready(parts, &at));
    made.unwrap_or_else(|| {
        let part = now.get(current.load(Ordering::Relaxed)).map(Part::shown).unwrap_or_default();
        Err(InitError::Start { part, cause: format!("it could not be looked up or opened within {timeout:?}").into() })
    })
}

/// Makes parts ready one by one; `current` is the index of the part in progress. Files come last, since creating one is
/// visible to others.
fn make_all_ready(parts: Vec<Part>, current: &AtomicUsize) -> Result<Ready, InitError> {
    let mut ready = Ready { parts: Vec::new(), made: MadeFiles::default() };
    let mut numbered: Vec<(usize, Part)> = parts.into_iter().enumerate().collect();
    numbered.sort_by_key(|(_, part)| matches!(part.argument, Argument::Path(_)));
    for (at, part) in numbered {
        current.store(at, Ordering::Relaxed);
        match make_ready(&part, &mut ready.made) {
            Ok(one) => ready.parts.push((part, one)),
            Err(cause) => return Err(InitError::Start { part: part.shown(), cause }),
        }
    }
    Ok(ready)
}

#[cfg_attr(not(feature = "json"), allow(unused_variables, clippy::ptr_arg))]
fn make_ready(part: &Part, made: &mut MadeFiles) -> Result<ReadyPart, StartError> {
    Ok(match (part.kind, &part.argument) {
        #[cfg(feature = "report")]
        (Kind::Report, _) => ReadyPart::Report,
        (Kind::Console, _) => ReadyPart::Console,
        #[cfg(feature = "json")]
        (Kind::Json, Argument::Path(path)) => ReadyPart::Json(made.open(path)?),
        #[cfg(feature = "json")]
        (Kind::Snapshots, Argument::Path(path)) => ReadyPart::Snapshots(made.open(path)?),
        #[cfg(feature = "prometheus")]
        (Kind::Prometheus, Argument::Address(address)) => {
            ReadyPart::Prometheus(PrometheusListener::bind(&*loopback(address))?)
        }
        #[cfg(feature = "statsd")]
        (Kind::Statsd, Argument::Address(address)) => {
            ReadyPart::Statsd(Box::new(crate::export::StatsdHandler::to(&**address)?))
        }
        #[cfg(feature = "statsd")]
        (Kind::Dogstatsd, Argument::Address(address)) => {
            ReadyPart::Statsd(Box::new(crate::export::StatsdHandler::to(&**address)?.dogstatsd()))
        }
        #[cfg(feature = "otlp")]
        (Kind::Otlp, Argument::Address(url)) => ReadyPart::Otlp(Box::new(crate::export::otlp::OtlpExporter::to(url)?)),
        #[cfg(feature = "otlp")]
        (Kind::Otlp, _) => ReadyPart::Otlp(Box::new(crate::export::otlp::OtlpExporter::from_env()?)),
        #[cfg(feature = "signals")]
        (Kind::Signals, _) => match cfg!(unix) {
            true => ReadyPart::Signals,
            false => return Err("signals can be caught on Unix only; remove this part".into()),
        },
        // Unreachable: the parser refuses parts that are not compiled in, and `off` has no parts.
        _ => return Err("it is not compiled in".into()),
    })
}

impl Ready {
    /// Starts all parts.
    pub(super) fn start(self, starting: &mut Starting, options: &Options) -> Result<(), InitError> {
        for (part, ready) in self.parts {
            let started = start_one(&part.shown().0, ready, starting, options);
            started.map_err(|cause| InitError::Start { part: part.shown(), cause })?;
        }
        self.made.keep();
        Ok(())
    }
}

#[cfg_attr(not(any(feature = "json", feature = "otlp")), allow(unused_variables))] // Some have no options.
#[cfg_attr(
    not(any(feature = "json", feature = "otlp", feature = "prometheus", feature = "statsd")),
    allow(clippy::needless_pass_by_value) // Some hold nothing.
)]
fn start_one(target: &str, ready: ReadyPart, starting: &mut Starting, options: &Options) -> Result<(), StartError> {
    match ready {
        #[cfg(feature = "report")]
        ReadyPart::Report => starting.report(Report::table()),
        ReadyPart::Console => {
            let console = ConsoleHandler::new().losses(&options.losses, target);
            let handler = buffered(console, options, target)?;
            starting.add_handler(handler);
        }
        #[cfg(feature = "json")]
        ReadyPart::Json(file) => {
            let file = file.rotate(options.max_bytes, options.old_files);
            let lines = crate::JsonLinesHandler::to(file).losses(&options.losses, target);
            let handler = buffered(lines, options, target)?;
            starting.add_handler(handler);
        }
        #[cfg(feature = "json")]
        ReadyPart::Snapshots(file) => {
            let lines = SnapshotLines::to(file.rotate(options.max_bytes, options.old_files)).target(target);
            starting.add_exporter(target, options.interval, Box::new(lines), &options.attributes)?;
        }
        #[cfg(feature = "prometheus")]
        ReadyPart::Prometheus(listener) => {
            let settings = options.prometheus.clone();
            let start = move |context: &ExportContext<'_>| {
                let builder = PrometheusServer::builder();
                let hosts = settings.allowed_hosts.into_iter();
                let collector = PrometheusCollector::new(context.aggregator.clone()).losses(context.losses);
                let attributes = context.attributes.iter();
                let collector = attributes.fold(collector, |collector, (key, value)| collector.attribute(key, value));
                let labels = settings.build_labels.into_iter();
                let collector = labels.fold(collector.resolution(settings.resolution), |collector, (name, value)| {
                    collector.build_label(name, value)
                });
                let server = listener.serve(hosts.fold(builder, PrometheusServerBuilder::allow_host), collector)?;
                Ok(Box::new(server) as Box<dyn Server>)
            };
            starting.add_server(target, &options.attributes, Box::new(start))?;
        }
        #[cfg(feature = "statsd")]
        ReadyPart::Statsd(statsd) => {
            let statsd = statsd.losses(&options.losses, target);
            let handler = buffered(statsd, options, target)?;
            starting.add_handler(handler);
        }
        #[cfg(feature = "otlp")]
        ReadyPart::Otlp(otlp) => starting.add_exporter(target, options.interval, otlp, &options.attributes)?,
        #[cfg(feature = "signals")]
        ReadyPart::Signals => starting.catch_signals()?,
    }
    Ok(())
}

fn buffered(handler: impl IntoHandler, options: &Options, target: &str) -> io::Result<BufferedHandler> {
    // The queue and the handler count their losses separately.
    let name = format!("{target} queue");
    // Daemons look at what they received at most once a second.
    options.queue.clone().losses(&options.losses, &name).flush_every(Duration::from_secs(1)).start(handler)
}

/// Starts the parts of the program's own, in their order.
pub(super) fn start_own(own: Vec<OwnPart>, starting: &mut Starting, options: &Options) -> Result<(), InitError> {
    for OwnPart { name, kind } in own {
        let attributes = &options.attributes;
        let started = match kind {
            OwnKind::Queued(handler) => {
                buffered(handler, options, &name).map(|handler| starting.add_handler(handler)).map_err(StartError::from)
            }
            OwnKind::Direct(handler) => {
                starting.add_direct_handler(handler);
                Ok(())
            }
            OwnKind::Exporter(exporter, interval) => {
                starting.add_exporter(&name, interval.or(options.interval), exporter, attributes).map_err(Into::into)
            }
            OwnKind::Server(start) => starting.add_server(&name, attributes, start),
        };
        started.map_err(|cause| InitError::Start { part: name.into(), cause })?;
    }
    Ok(())
}

/// The files that a start created. Dropping this without [`keep`](Self::keep) removes those that are still empty.
#[derive(Default)]
struct MadeFiles(Vec<PathBuf>);

impl MadeFiles {
    #[cfg(feature = "json")]
    fn open(&mut self, path: &Path) -> io::Result<RotatingFile> {
        // Only a new file is listed for removal. Any other error comes up again in `open`.
        if fs::File::create_new(path).is_ok() {
            self.0.push(path.to_owned());
        }
        RotatingFile::open(path).map_err(|error| match (error.kind(), path.parent()) {
            (io::ErrorKind::NotFound, Some(directory)) if !directory.is_dir() => {
                let directory = directory.display();
                io::Error::new(error.kind(), format!("{error}; create the directory `{directory}` first"))
            }
            (io::ErrorKind::PermissionDenied, _) => {
                io::Error::new(error.kind(), format!("{error}; choose a path that this user may write to"))
            }
            _ => error,
        })
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for MadeFiles {
    fn drop(&mut self) {
        for path in &self.0 {
            if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0) {
                // An empty file that stays does no harm.
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Returns an address to listen on. Without a host, it is that of loopback.
#[cfg(feature = "prometheus")]
pub(super) fn loopback(address: &str) -> String {
    let port = address.strip_prefix(':').unwrap_or(address);
    match !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("127.0.0.1:{port}"),
        false => address.to_owned(),
    }
}
