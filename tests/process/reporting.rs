//! The report at the end of a program, beside other handlers.
#![allow(missing_docs)]

use std::io::{pipe, read_to_string};

use prof_runtime::{
    MemoryHandler, ProfBuilder, Report, Snapshot, configure, configure_group, prof, put_metric, scoped,
};

#[prof(name = "here")]
fn here(fails: bool) -> Result<(), ()> {
    if fails { Err(()) } else { Ok(()) }
}

#[prof(name = "there", group = "elsewhere")]
fn there() {}

#[test]
fn a_report_has_every_group_and_takes_nothing_from_the_handlers() {
    let (reader, writer) = pipe().unwrap();
    let report = ProfBuilder::new().report_as(Report::table().to(writer)).start().unwrap();
    let (json_reader, json_writer) = pipe().unwrap();
    let json = ProfBuilder::new().report_as(Report::json().to(json_writer)).start().unwrap();

    // Installed after the report, and heard beside it.
    let (default, elsewhere) = (MemoryHandler::new(), MemoryHandler::new());
    configure(default.clone());
    configure_group("elsewhere", elsewhere.clone());
    here(false).unwrap();
    here(true).unwrap_err();
    there();
    put_metric!("pages", 3);
    {
        let _scope = scoped(MemoryHandler::new());
        there();
    }
    assert_eq!((default.count("here.success"), default.count("here.failure")), (1, 1));
    assert_eq!(elsewhere.count("there.success"), 1);

    drop(json);
    drop(report);
    let text = read_to_string(reader).unwrap();
    assert!(text.starts_with("prof: 3 calls of 2 functions in "), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    let group = module_path!();
    let row = |name: &str| text.lines().find(|line| line.trim_start().starts_with(name)).unwrap().to_owned();
    assert!(row("here").contains(group), "{text}");
    assert!(row("there").contains("elsewhere"), "{text}");
    assert!(row("pages").contains('3'), "{text}");

    let snapshot: Snapshot = serde_json::from_str(&read_to_string(json_reader).unwrap()).unwrap();
    assert_eq!(snapshot.function("here").unwrap().failure, 1);
    assert_eq!(snapshot.function("there").unwrap().calls(), 1);

    // The reports are gone, and no observer is left.
    here(false).unwrap();
    assert_eq!(default.count("here.success"), 2);
}
