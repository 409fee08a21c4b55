//! The reader that cuts bytes of a pipe into lines, and parses the lines as requests.

use super::{FileTimerRequest, LineError, MAX_LINE_BYTES};

/// The start of every request. It cannot occur inside a JSON string, where its quotes would be escaped.
const START: &[u8] = b"{\"version\"";

/// Reads requests, one a line. Pure: it does no input itself.
///
/// A bad line loses that line alone. When half a line of one writer is followed by the line of another one, the whole
/// request at the end of the joined line is still read. The buffer holds at most two lines of [`MAX_LINE_BYTES`].
///
/// # Examples
///
/// ```
/// use timer_watchdog::{FileTimerRequest, LineReader, Pid};
///
/// let good = FileTimerRequest::release(Pid(7), "load");
/// let mut bytes = b"what is this?\n{\"version\": 1, \"pi".to_vec();
/// bytes.extend(good.to_line().unwrap());
///
/// let (mut requests, mut errors) = (Vec::new(), 0);
/// let mut reader = LineReader::new();
/// reader.feed(&bytes, |line| match line {
///     Ok(request) => requests.push(request),
///     Err(_) => errors += 1,
/// });
/// assert_eq!((requests, errors), (vec![good], 2));
/// ```
#[derive(Debug, Default)]
pub struct LineReader {
    /// The bytes of the present line so far. Of a line that is too long, its last bytes.
    fragment: Vec<u8>,
    /// The number of bytes dropped from the start of the present line.
    dropped_bytes: usize,
}

impl LineReader {
    /// Returns a reader at the start of a line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads bytes, and calls `take` for each line that they complete, in order. Empty lines are skipped.
    pub fn feed(&mut self, bytes: &[u8], mut take: impl FnMut(Result<FileTimerRequest, LineError>)) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            if self.fragment.is_empty() {
                finish(line, 0, &mut take);
            } else {
                self.keep(line);
                let line = std::mem::take(&mut self.fragment);
                finish(&line, std::mem::take(&mut self.dropped_bytes), &mut take);
            }
            rest = after;
        }
        self.keep(rest);
    }

    /// Returns the number of buffered bytes of an unfinished line.
    pub fn fragment_bytes(&self) -> usize {
        self.fragment.len()
    }

    /// Ends the unfinished line, as a newline does.
    pub fn end_line(&mut self, take: impl FnMut(Result<FileTimerRequest, LineError>)) {
        self.feed(b"\n", take);
    }

    /// Adds to the present line. Of a line that is too long, keeps the end, which may hold a whole request.
    fn keep(&mut self, bytes: &[u8]) {
        let tail = &bytes[bytes.len().saturating_sub(MAX_LINE_BYTES)..];
        self.dropped_bytes += bytes.len() - tail.len();
        self.fragment.extend_from_slice(tail);
        if self.fragment.len() > 2 * MAX_LINE_BYTES {
            let excess = self.fragment.len() - MAX_LINE_BYTES;
            self.fragment.drain(..excess);
            self.dropped_bytes += excess;
        }
    }
}

/// Calls `take` for one line: with its request, or with its error and then with the request at its end, if there is
/// one.
fn finish(line: &[u8], dropped_bytes: usize, take: &mut impl FnMut(Result<FileTimerRequest, LineError>)) {
    if line.is_empty() && dropped_bytes == 0 {
        return;
    }
    let bytes = line.len() + dropped_bytes;
    let parsed = match bytes < MAX_LINE_BYTES {
        true => FileTimerRequest::from_json(line),
        false => Err(LineError::TooLong { bytes }),
    };
    let is_bad = parsed.is_err();
    take(parsed);
    if is_bad && let Some(request) = last_request(line) {
        take(Ok(request));
    }
}

/// Returns the whole request at the end of a bad line.
fn last_request(line: &[u8]) -> Option<FileTimerRequest> {
    let start = line.windows(START.len()).rposition(|window| window == START).filter(|start| *start > 0)?;
    let tail = &line[start..];
    (tail.len() < MAX_LINE_BYTES).then(|| FileTimerRequest::from_json(tail).ok()).flatten()
}
