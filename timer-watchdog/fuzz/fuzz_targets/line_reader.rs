//! Feeds any bytes to the reader of lines, whole and in pieces: no panic, a bounded buffer, the same requests.
//!
//! `cargo +nightly fuzz run line_reader`, in the folder of the crate.

#![no_main]

use libfuzzer_sys::fuzz_target;
use timer_watchdog::{FileTimerRequest, LineReader, MAX_LINE_BYTES};

fn read(bytes: &[u8], piece_bytes: usize) -> Vec<FileTimerRequest> {
    let mut requests = Vec::new();
    let mut reader = LineReader::new();
    for piece in bytes.chunks(piece_bytes) {
        reader.feed(piece, |line| requests.extend(line));
        assert!(reader.fragment_bytes() <= 2 * MAX_LINE_BYTES);
    }
    requests
}

fuzz_target!(|bytes: &[u8]| {
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(whole, read(bytes, 1));
    assert_eq!(whole, read(bytes, 4096));
    for request in whole {
        let line = request.clone().shortened().to_line().expect("a short request fits");
        assert_eq!(read(&line, line.len()), [request.shortened()]);
    }
});
