//! Writes lines to a writer, and counts those that could not be written.

use std::fmt;
use std::io::{self, Write};
use std::sync::Mutex;

use crate::base::lock;
use crate::base::partial_write::PartialWrite;
use crate::base::stderr;
use crate::handler::FlushError;
use crate::handler::failures::LostSinceFlush;
use crate::handler::losses::{HandlerLosses, LossUnit, Losses, Tally, amounts};

/// Writes whole lines. After a line that was cut short, the next write begins with a line break.
pub struct LineWriter {
    writer: Box<dyn Write + Send>,
    /// The last write broke off within a line.
    is_torn: bool,
}

impl LineWriter {
    /// Creates a line writer over a writer, such as a file.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self { writer: Box::new(writer), is_torn: false }
    }

    /// Writes lines, each with its line break, by one `write`, so that other writers put none in between.
    ///
    /// # Errors
    ///
    /// If some of the lines were not written. The others must not be written again.
    pub fn write_lines(&mut self, lines: &str) -> io::Result<()> {
        self.write(lines).map_err(|(_, error)| error)
    }

    /// Writes lines by one `write`, so that other writers put none in between. If only the last line break is missing,
    /// the lines count as written, and the next write begins with it.
    ///
    /// # Errors
    ///
    /// Returns the error with the number of whole lines that were written, which is less than all.
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
        // A writer that returns a `PartialWrite` repairs the torn line itself.
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

    /// Flushes the writer.
    ///
    /// # Errors
    ///
    /// The error of the writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl fmt::Debug for LineWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineWriter").field("is_torn", &self.is_torn).finish_non_exhaustive()
    }
}

/// The writer of a handler, and its counts of lost items.
pub(crate) struct LineOutput {
    output: Mutex<Output>,
    losses: HandlerLosses,
}

struct Output {
    writer: LineWriter,
    failures: LostSinceFlush,
    /// The items that were written since the last successful flush. A writer with a buffer may still lose them.
    unflushed: Tally,
}

impl LineOutput {
    pub(crate) fn new(target: &str, writer: impl Write + Send + 'static) -> Self {
        let (writer, failures, unflushed) = (LineWriter::new(writer), LostSinceFlush::default(), Tally::new());
        Self { output: Mutex::new(Output { writer, failures, unflushed }), losses: HandlerLosses::new(target) }
    }

    /// Counts losses in `losses` from now on, under `target`.
    pub(crate) fn list(&mut self, losses: &Losses, target: &str) {
        self.losses = HandlerLosses::listed(losses, target);
    }

    /// Returns how many items were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.losses.total()
    }

    /// Writes the lines of one item. If that fails, counts the item as lost if none of its lines was written, else one
    /// data point for each missing line.
    pub(crate) fn write(&self, unit: LossUnit, lines: io::Result<String>) {
        let mut output = lock(&self.output);
        let output = &mut *output;
        let (whole, count, error) = match lines {
            Err(error) => (0, 1, error),
            Ok(lines) => match output.writer.write(&lines) {
                Ok(()) => return *output.unflushed.entry(unit).or_default() += 1,
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
    /// If the flush fails, or items could not be written since the last flush.
    pub(crate) fn flush(&self) -> Result<(), FlushError> {
        let mut output = lock(&self.output);
        let failed = output.failures.take("could not be written");
        let flushed = output.writer.flush();
        if flushed.is_ok() {
            output.unflushed.clear();
        }
        flushed
            .and(failed)
            .map_err(|error| FlushError::Write { target: self.losses.target().into(), cause: error.into() })
    }
}

impl Drop for LineOutput {
    /// If the last flush fails, all items since the last successful flush count as lost, because the writer does not
    /// say how many of them it wrote.
    fn drop(&mut self) {
        let flushed = self.flush();
        let output = self.output.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Err(error) = flushed
            && !output.unflushed.is_empty()
        {
            output.unflushed.iter().for_each(|(unit, count)| self.losses.of_unit(*unit).add(*count));
            stderr::line(format_args!("prof: {error}; up to {} were lost", amounts(&output.unflushed)));
        }
    }
}

impl fmt::Debug for LineOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineOutput").field("losses", &self.losses).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Takes so many bytes, and then none until it is given more room.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Disk {
        fn with_room(bytes: usize) -> Self {
            let disk = Self::default();
            disk.make_room(bytes);
            disk
        }

        fn make_room(&self, bytes: usize) {
            lock(&self.0).1 += bytes;
        }

        fn text(&self) -> String {
            String::from_utf8(lock(&self.0).0.clone()).unwrap()
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (text, room) = &mut *lock(&self.0);
            let length = bytes.len().min(*room);
            if length == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            text.extend(&bytes[..length]);
            *room -= length;
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Writes two items of two lines each where there is so much room, and another one where there is enough.
    #[track_caller]
    fn check(room: usize, expect: &str, calls: u64, data_points: u64) {
        let disk = Disk::with_room(room);
        let output = LineOutput::new("disk", disk.clone());
        output.write(LossUnit::Calls, Ok("ab\ncd\n".to_owned()));
        output.write(LossUnit::Calls, Ok("ef\ngh\n".to_owned()));
        disk.make_room(100);
        output.write(LossUnit::Calls, Ok("ij\nkl\n".to_owned()));
        assert_eq!(disk.text(), expect);
        assert_eq!((output.losses.calls.get(), output.losses.data_points.get()), (calls, data_points));
        // Each line that is counted is not there, and each other one is.
        let is_whole = |line: &&str| ["ab", "cd", "ef", "gh", "ij", "kl"].contains(line);
        assert_eq!(expect.lines().filter(is_whole).count() as u64 + 2 * calls + data_points, 6);
        assert_eq!(output.flush().is_err(), output.lost() > 0);
        output.flush().unwrap();
    }

    #[test]
    fn a_line_that_was_cut_short_is_ended_and_what_is_lost_is_counted_exactly() {
        check(100, "ab\ncd\nef\ngh\nij\nkl\n", 0, 0);
        check(0, "ij\nkl\n", 2, 0);
        check(1, "a\nij\nkl\n", 2, 0);
        // Only the end of a line is missing: the line is there.
        check(2, "ab\nij\nkl\n", 1, 1);
        check(3, "ab\nij\nkl\n", 1, 1);
        check(4, "ab\nc\nij\nkl\n", 1, 1);
        check(5, "ab\ncd\nij\nkl\n", 1, 0);
        check(6, "ab\ncd\nij\nkl\n", 1, 0);
        check(8, "ab\ncd\nef\nij\nkl\n", 0, 1);
        check(10, "ab\ncd\nef\ng\nij\nkl\n", 0, 1);
        check(11, "ab\ncd\nef\ngh\nij\nkl\n", 0, 0);
    }

    #[test]
    fn what_a_writer_holds_back_and_cannot_write_at_the_end_is_counted() {
        let losses = Losses::new();
        let mut output = LineOutput::new("disk", io::BufWriter::new(Disk::with_room(0)));
        output.list(&losses, "disk");
        output.write(LossUnit::Calls, Ok("ab\ncd\n".to_owned()));
        output.write(LossUnit::DataPoints, Ok("ef\n".to_owned()));
        assert_eq!(losses.total(), 0, "it may still be written");
        let error = output.flush().unwrap_err().to_string();
        assert!(error.starts_with("could not flush metrics to disk: "), "{error}");
        drop(output);
        assert_eq!(losses.to_string(), "1 call and 1 data point were lost on their way to disk");
    }
}
