//! What cannot be started leaves nothing behind and is told in a few words; what can is started where it was asked for.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::program::{Ended, service};

#[track_caller]
fn refused(prof: impl AsRef<OsStr>, directory: &Path) -> Ended {
    let ended = service(&prof).directory(directory).spawn().wait();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    ended
}

#[test]
fn a_start_that_fails_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let wrong =
        ["prometheus:bad", "prometheus:256.0.0.1:9464", "statsd:bad", "json:no/such/dir", "otlp:nonsense", "nonsense"];
    for wrong in wrong {
        refused(format!("json:points,{wrong}"), dir.path());
        refused(format!("{wrong},snapshots:lines"), dir.path());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{wrong}");
    }
    // What was there before stays, empty or not.
    fs::write(dir.path().join("empty"), "").unwrap();
    fs::write(dir.path().join("full"), "line\n").unwrap();
    refused("json:empty,json:full,json:no/such/dir", dir.path());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    assert_eq!(fs::read_to_string(dir.path().join("full")).unwrap(), "line\n");
}

#[test]
fn a_pipe_that_nobody_reads_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    mknodat(CWD, dir.path().join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    for kind in ["json", "snapshots"] {
        let ended = refused(format!("{kind}:pipe"), dir.path());
        let expect =
            format!("service: could not start `{kind}:pipe`: nobody reads this pipe; start its reader first\n");
        assert_eq!(ended.stderr, expect);
    }
}

/// Has every lookup of a name take for ever.
const NO_RESOLVER: &str = "
    #[unsafe(no_mangle)]
    pub extern \"C\" fn getaddrinfo(_: usize, _: usize, _: usize, _: usize) -> i32 {
        loop {
            std::thread::park();
        }
    }
";

#[test]
fn a_name_that_is_looked_up_for_ever_holds_up_no_start_and_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let (source, library) = (dir.path().join("no_resolver.rs"), dir.path().join("no_resolver.so"));
    fs::write(&source, NO_RESOLVER).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut compiler = Command::new(rustc);
    compiler.args(["--edition=2024", "--crate-type=cdylib", "-o"]).arg(&library).arg(&source);
    assert!(compiler.status().unwrap().success());
    let files = tempfile::tempdir().unwrap();
    for kind in ["statsd", "prometheus"] {
        let part = format!("{kind}:collector.example:8125");
        let setup = service(&format!("json:points,{part}")).env("LD_PRELOAD", &library).directory(files.path());
        let ended = setup.spawn().wait();
        let expect = format!("service: could not start `{part}`: it could not be looked up or opened within 5s\n");
        assert_eq!((ended.status.code(), &*ended.stderr), (Some(1), &*expect));
    }
    assert_eq!(fs::read_dir(files.path()).unwrap().count(), 0);
    // A push looks it up on a thread of its own.
    let setup = service("report,otlp:http://collector.example").arg("timeout-ms=50").env("LD_PRELOAD", &library);
    let mut program = setup.start();
    program.ask("work 3");
    let ended = program.end().succeeded();
    assert_eq!(ended.said("prof: 3 calls of 1 function in "), 1, "{ended:?}");
}

#[test]
fn a_long_part_is_not_told_whole() {
    let dir = tempfile::tempdir().unwrap();
    for start in ["nonsense", "json:points,json:/dev/null/", "prometheus:", "otlp:", "console:", "statsd:"] {
        let ended = refused(format!("{start}{}", "x".repeat(100_000)), dir.path());
        assert!(ended.stderr.len() < 1_000, "{ended:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_path_need_not_be_unicode() {
    let dir = tempfile::tempdir().unwrap();
    let name = |name: &[u8]| OsStr::from_bytes(name).to_owned();
    let mut program = service(&name(b" json:caf\xe9 , snapshots:\xff")).directory(dir.path()).start();
    program.ask("work 3");
    program.end().succeeded();
    let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [name(b"caf\xe9"), name(b"\xff")]);
    let text = fs::read_to_string(dir.path().join(name(b"caf\xe9"))).unwrap();
    assert_eq!(text.matches("\"work.success\"").count(), 3, "{text}");
}

#[test]
fn an_address_has_to_be_unicode() {
    let dir = tempfile::tempdir().unwrap();
    let ended = refused(OsStr::from_bytes(b"report,statsd:caf\xe9:8125"), dir.path());
    assert!(ended.stderr.starts_with("service: `statsd:caf\u{fffd}:8125` is not Unicode"), "{ended:?}");
}
