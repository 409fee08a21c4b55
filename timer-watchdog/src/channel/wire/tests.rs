use proptest::prelude::*;

use super::{FileTimerRequest, LineError, LineReader, MAX_LINE_BYTES};
use crate::timers::{Pid, ScopeId};

/// Returns what a reader hands out for these pieces: requests, and the number of errors.
fn read(pieces: &[&[u8]]) -> (Vec<FileTimerRequest>, usize) {
    let (mut requests, mut errors) = (Vec::new(), 0);
    let mut reader = LineReader::new();
    for piece in pieces {
        reader.feed(piece, |line| match line {
            Ok(request) => requests.push(request),
            Err(_) => errors += 1,
        });
        assert!(reader.fragment_bytes() <= 2 * MAX_LINE_BYTES);
    }
    (requests, errors)
}

const GOOD: &str = r#"{"version": 1, "pid": 7, "scope_id": "load", "expiration_time": 12.5, "signal": 9}"#;

fn good() -> FileTimerRequest {
    FileTimerRequest::acquire(Pid(7), "load", 12.5, 9)
}

#[test]
fn lines_as_python_writes_them_are_read() {
    let check = |line: &str, expect: FileTimerRequest| {
        assert_eq!(FileTimerRequest::from_json(line.as_bytes()), Ok(expect), "{line}");
    };
    check(GOOD, good());
    check(
        r#"{"version": 1, "pid": 7, "scope_id": "load", "expiration_time": -1, "signal": 0}"#,
        FileTimerRequest::release(Pid(7), "load"),
    );
    check(
        r#"{"version": 1, "pid": 7, "scope_id": "\u00e9 \n\" \ud83d\ude00", "expiration_time": 3, "signal": -2}"#,
        FileTimerRequest::acquire(Pid(7), "é \n\" 😀", 3.0, -2),
    );
    check(
        r#"{"version": 1, "pid": 7, "scope_id": "Infinity", "expiration_time": Infinity, "signal": 9}"#,
        FileTimerRequest::acquire(Pid(7), "Infinity", 1e308, 9),
    );
    let never = FileTimerRequest::acquire(Pid(7), "", f64::INFINITY, 9);
    let line = never.to_line().unwrap();
    let largest = FileTimerRequest::acquire(Pid(7), "", f64::MAX, 9);
    assert_eq!(FileTimerRequest::from_json(&line), Ok(largest));
}

#[test]
fn fault_44_a_bad_line_costs_that_line_alone() {
    let deep = format!("{{\"version\":1,\"more\":{}{}}}", "[".repeat(1500), "]".repeat(1500));
    let bad: [&[u8]; 17] = [
        b"garbage",
        b"\xff\xfe\x00",
        b"\0",
        b"{}",
        b"[]",
        b"null",
        b"-1",
        deep.as_bytes(),
        br#"{"version":1,"pid":7,"scope_id":"load","signal":9}"#,
        br#"{"version":1,"pid":7,"pid":8,"scope_id":"load","expiration_time":1,"signal":9}"#,
        br#"{"version":1,"pid":"7","scope_id":"load","expiration_time":1,"signal":9}"#,
        br#"{"version":1,"pid":99999999999,"scope_id":"load","expiration_time":1,"signal":9}"#,
        br#"{"version":2,"pid":7,"scope_id":"load","expiration_time":1,"signal":9}"#,
        br#"{"version":1,"pid":7,"scope_id":"load","expiration_time":1,"signal":32}"#,
        br#"{"version":1,"pid":7,"scope_id":"load","expiration_time":NaN,"signal":9}"#,
        br#"{"version":1,"pid":7,"scope_id":"\ud800","expiration_time":1,"signal":9}"#,
        br#"{"version":1,"pid":7,"scope_id":null,"expiration_time":1,"signal":9}"#,
    ];
    for line in bad {
        let stream = [GOOD.as_bytes(), b"\n", line, b"\n\n", GOOD.as_bytes(), b"\n"].concat();
        assert_eq!(read(&[&stream]), (vec![good(), good()], 1), "{}", String::from_utf8_lossy(line));
    }
    let extra = br#"{"signal":9,"more":[{}],"version":1,"pid":7,"scope_id":"load","expiration_time":12.5}"#;
    assert_eq!(FileTimerRequest::from_json(extra), Ok(good()), "more keys, in another order");
}

#[test]
fn fault_39_errors_name_what_is_wrong() {
    let check = |line: &str, expect: &str| {
        assert_eq!(FileTimerRequest::from_json(line.as_bytes()).unwrap_err().to_string(), expect);
    };
    check(&GOOD.replace(": 9", ": 65"), "signal 65 is not known: at most 31, or 0 for none");
    check(&GOOD.replace(": 1,", ": 3,"), "version 3 of the format is not known, only 1");
    check("x\ny", "expected value at line 1 column 1, in \"x\\ny\"");
}

#[test]
fn fault_43_the_limit_includes_the_newline() {
    let fixed = FileTimerRequest::release(Pid(7), "").to_line().unwrap().len();
    let fits = FileTimerRequest::release(Pid(7), "x".repeat(MAX_LINE_BYTES - fixed));
    let line = fits.to_line().unwrap();
    assert_eq!(line.len(), MAX_LINE_BYTES);
    assert_eq!(read(&[&line]), (vec![fits], 0));
    let over = FileTimerRequest::release(Pid(7), "x".repeat(MAX_LINE_BYTES - fixed + 1));
    assert_eq!(over.to_line(), Err(LineError::TooLong { bytes: MAX_LINE_BYTES }));
}

#[test]
fn fault_43_after_a_line_that_is_too_long_the_next_one_is_read() {
    let huge = vec![b'x'; 5 * MAX_LINE_BYTES + 3];
    let stream = [&huge, b"\n".as_slice(), GOOD.as_bytes(), b"\n"].concat();
    assert_eq!(read(&[&stream]), (vec![good()], 1));
    let pieces: Vec<_> = stream.chunks(1000).collect();
    assert_eq!(read(&pieces), (vec![good()], 1));
    let unfinished = [&huge, GOOD.as_bytes(), b"\n"].concat();
    assert_eq!(read(&[&unfinished]), (vec![good()], 1), "the request at its end is whole");
}

#[test]
fn fault_42_half_a_line_costs_the_next_writer_nothing() {
    for cut in 1..GOOD.len() {
        let stream = [&GOOD.as_bytes()[..cut], GOOD.as_bytes(), b"\n"].concat();
        assert_eq!(read(&[&stream]), (vec![good()], 1), "cut at {cut}");
    }
}

#[test]
fn fault_45_odd_scopes_go_through_and_huge_ones_keep_their_identity() {
    let scopes =
        ["", "\n", "\0", "\"", "{\"version\"", "…#", &"\u{1}".repeat(4000), &"é".repeat(3000), &"x".repeat(5_000_000)];
    for scope in scopes {
        let request = FileTimerRequest::release(Pid(7), scope.to_owned()).shortened();
        assert_eq!(request, request.clone().shortened());
        let line = request.to_line().unwrap();
        assert_eq!(read(&[&line]), (vec![request], 0));
    }
    let other = |last: &str| FileTimerRequest::release(Pid(7), "x".repeat(5000) + last).shortened();
    assert_ne!(other("a"), other("b"));
    let acquire = FileTimerRequest::acquire(Pid(i32::MIN), "x".repeat(MAX_LINE_BYTES - 258), -f64::MAX, i32::MIN);
    assert_eq!(acquire.clone().shortened(), acquire);
    assert!(acquire.to_line().is_ok(), "whatever is not shortened fits, with the longest numbers");
}

/// What the fuzz target checks, on its corpus.
#[test]
fn the_corpus_of_the_fuzz_target_reads_the_same_however_it_is_cut() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/line_reader");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let whole = read(&[&bytes]);
        for size in [1, 7, MAX_LINE_BYTES] {
            let pieces: Vec<_> = bytes.chunks(size).collect();
            assert_eq!(read(&pieces), whole);
        }
        for request in whole.0 {
            let line = request.clone().shortened().to_line().unwrap();
            assert_eq!(read(&[&line]), (vec![request.shortened()], 0));
        }
        files += 1;
    }
    assert!(files >= 5);
}

proptest! {
    #[test]
    fn what_is_written_is_read(pid: i32, scope in ".{0,600}", seconds in -1e18..1e18_f64, signal in -5..=31) {
        let request = FileTimerRequest { pid: Pid(pid), scope_id: ScopeId::from(scope), expiration_time: seconds, signal };
        let line = request.clone().shortened().to_line().unwrap();
        prop_assert_eq!(read(&[&line]), (vec![request.shortened()], 0));
    }

    /// The naive model: split at newlines first, then parse each line.
    #[test]
    fn the_cut_into_pieces_does_not_matter(
        lines in proptest::collection::vec(prop_oneof![Just(GOOD.as_bytes().to_vec()), any::<Vec<u8>>()], 0..20),
        sizes in proptest::collection::vec(1_usize..200, 1..8),
    ) {
        let stream: Vec<u8> = lines.iter().flat_map(|line| [line, b"\n".as_slice()].concat()).collect();
        let expect: Vec<_> = stream
            .split(|byte| *byte == b'\n')
            .filter_map(|line| FileTimerRequest::from_json(line).ok())
            .collect();
        let mut pieces: Vec<&[u8]> = Vec::new();
        let mut rest = stream.as_slice();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at(rest.len().min(*size));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(read(&pieces).0, expect);
    }
}
