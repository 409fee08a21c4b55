//! Lines on their way to a writer, and the count of those that did not get there.

use std::fmt;
use std::io::{self, Write};
use std::sync::Mutex;

use crate::export::{Failures, HandlerLosses, LossUnit, Losses, Tally, amounts};
use crate::handler::FlushError;
use crate::local::lock;
use crate::stderr;

/// Writes whole lines, and mends a line that was cut short: the next one begins on a line of its own.
pub(crate) struct LineWriter {
    writer: Box<dyn Write + Send>,
    /// The last line has no end.
    is_torn: bool,
}

/// A write that failed half-way, as the error of a writer that ends the torn line by itself.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub(crate) struct PartialWrite {
    /// How many bytes got out before.
    pub(crate) written: usize,
    pub(crate) source: io::Error,
}

impl PartialWrite {
    /// As an error of a writer that ends a torn line by itself.
    #[cfg_attr(not(feature = "json"), allow(dead_code))]
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::new(self.source.kind(), self)
    }
}

impl LineWriter {
    pub(crate) fn new(writer: impl Write + Send + 'static) -> Self {
        Self { writer: Box::new(writer), is_torn: false }
    }

    /// Writes lines by one write, so that those of other writers do not get in between. Lines of which only the last end is
    /// missing are written; it follows with the next.
    ///
    /// # Errors
    ///
    /// With how many of the lines are whole: fewer than all.
    pub(crate) fn write(&mut self, lines: &str) -> Result<(), (usize, io::Error)> {
        let mended = if self.is_torn { format!("\n{lines}") } else { String::new() };
        let added = usize::from(self.is_torn);
        let text = if self.is_torn { mended.as_bytes() } else { lines.as_bytes() };
        let mut written = 0;
        let failed = loop {
            match self.writer.write(&text[written..]) {
                Ok(0) => break io::ErrorKind::WriteZero.into(),
                Ok(length) => written += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
            if written >= text.len() {
                self.is_torn = false;
                return Ok(());
            }
        };
        // A writer that says how far it came has taken care of the torn line.
        let partial = failed.get_ref().and_then(|error| error.downcast_ref::<PartialWrite>());
        let (by_itself, written) = (partial.is_some(), written + partial.map_or(0, |partial| partial.written));
        let lines = lines.as_bytes();
        let written_lines = written.saturating_sub(added).min(lines.len());
        self.is_torn = match written {
            _ if by_itself => false,
            0 => self.is_torn,
            _ => text.get(written - 1) != Some(&b'\n'),
        };
        let is_end = |byte: &&u8| **byte == b'\n';
        let only_the_end_is_missing = written_lines > 0 && lines.get(written_lines) == Some(&b'\n');
        let whole = lines[..written_lines].iter().filter(is_end).count() + usize::from(only_the_end_is_missing);
        match whole == lines.iter().filter(is_end).count() {
            true => Ok(()),
            false => Err((whole, failed)),
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// What a handler that writes lines is made of.
pub(crate) struct LineOutput {
    output: Mutex<Output>,
    losses: HandlerLosses,
}

struct Output {
    writer: LineWriter,
    failures: Failures,
    /// What was written since the last flush that succeeded: a writer that holds back may still lose it.
    held: Tally,
}

impl LineOutput {
    pub(crate) fn new(target: &str, writer: impl Write + Send + 'static) -> Self {
        let (writer, failures, held) = (LineWriter::new(writer), Failures::default(), Tally::new());
        Self { output: Mutex::new(Output { writer, failures, held }), losses: HandlerLosses::new(target) }
    }

    /// Counts losses in a list from now on.
    pub(crate) fn list(&mut self, losses: &Losses, target: &str) {
        self.losses = HandlerLosses::listed(losses, target);
    }

    /// How much was lost.
    pub(crate) fn lost(&self) -> u64 {
        self.losses.total()
    }

    /// Writes the lines of one item, or counts what is not written: the item if it is none of its lines, else a data point
    /// for each line.
    pub(crate) fn write(&self, unit: LossUnit, lines: io::Result<String>) {
        let mut output = lock(&self.output);
        let output = &mut *output;
        let (whole, count, error) = match lines {
            Err(error) => (0, 1, error),
            Ok(lines) => match output.writer.write(&lines) {
                Ok(()) => return *output.held.entry(unit).or_default() += 1,
                Err((whole, error)) => (whole, lines.lines().count(), error),
            },
        };
        let (unit, lost) = match whole {
            0 => (unit, 1),
            _ => (LossUnit::DataPoints, (count - whole) as u64),
        };
        output.failures.add(&self.losses, unit, lost, error);
    }

    /// Flushes the writer.
    ///
    /// # Errors
    ///
    /// If that fails, or something could not be written since the last flush.
    pub(crate) fn flush(&self) -> Result<(), FlushError> {
        let mut output = lock(&self.output);
        let failed = output.failures.take("could not be written");
        let flushed = output.writer.flush();
        if flushed.is_ok() {
            output.held.clear();
        }
        flushed
            .and(failed)
            .map_err(|error| FlushError::Write { target: self.losses.target().into(), source: error.into() })
    }
}

impl Drop for LineOutput {
    /// What a writer holds back and cannot write at the end is lost; how much of it got out before, it does not say.
    fn drop(&mut self) {
        let flushed = self.flush();
        let output = self.output.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Err(error) = flushed
            && !output.held.is_empty()
        {
            output.held.iter().for_each(|(unit, count)| self.losses.of_unit(*unit).add(*count));
            stderr::line(format_args!("prof: {error}; up to {} were lost", amounts(&output.held)));
        }
    }
}

impl fmt::Debug for LineOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineOutput").field("losses", &self.losses).finish_non_exhaustive()
    }
}
