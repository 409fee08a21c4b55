//! The feature `auto`: programs without a line for it that start what the variable `PROF` lists.
#![allow(missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use prof_tests::compiler;

/// What each program begins with.
const WORK: &str = r#"
use prof_runtime::prof;

#[prof(name = "work")]
fn work(number: u32) -> Result<u32, String> {
    if number == 0 { Err("none".to_owned()) } else { Ok(number) }
}
"#;

/// Compiles a program that annotates, and nothing else.
fn compile(name: &str, options: &[&str], main: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("auto");
    fs::create_dir_all(&directory).unwrap();
    let (source, program) = (directory.join(name).with_extension("rs"), directory.join(name));
    fs::write(&source, format!("{WORK}\n{main}")).unwrap();
    let mut compiler = compiler("rustc", &["prof_runtime"]);
    let output = compiler.args(["--edition=2024"]).args(options).arg(source).arg("-o").arg(&program).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}

fn run(program: &Path, prof: Option<&str>) -> Output {
    let mut command = Command::new(program);
    command.env_remove("PROF").env_remove("COLUMNS").envs(prof.map(|prof| ("PROF", prof)));
    command.output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// How often `work` was called, by each report in what a program printed.
fn reported_calls(text: &str) -> Vec<u64> {
    let rows = text.lines().filter_map(|line| line.trim().strip_prefix("work "));
    rows.map(|row| row.split_whitespace().next().unwrap().parse().unwrap()).collect()
}

#[test]
fn a_program_without_a_line_for_it_reports_when_it_ends() {
    let returns = compile("returns", &[], "fn main() { work(1).unwrap(); work(0).unwrap_err(); }");
    let output = run(&returns, Some("report"));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(reported_calls(&stderr(&output)), [2], "{output:?}");

    let exits = compile("exits", &[], "fn main() { work(1).unwrap(); std::process::exit(7) }");
    let output = run(&exits, Some("report"));
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(reported_calls(&stderr(&output)), [1], "{output:?}");
}

#[test]
fn without_the_variable_nothing_starts() {
    let program = compile("quiet", &[], "fn main() { work(1).unwrap(); }");
    for prof in [None, Some(""), Some("off")] {
        let output = run(&program, prof);
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
        assert_eq!(stderr(&output), "", "{prof:?}");
    }
}

#[test]
fn a_wrong_part_is_told_and_the_program_goes_on() {
    let program = compile("wrong", &[], "fn main() { println!(\"{}\", work(1).unwrap()); }");
    let output = run(&program, Some("report,promtheus:0"));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"1\n");
    let stderr = stderr(&output);
    assert!(stderr.starts_with("prof: the variable PROF starts nothing: `promtheus:…` is not known"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_line_in_main_takes_over_what_runs() {
    let main = r#"
        fn main() {
            work(1).unwrap();
            let guard = prof_runtime::init_from_env().unwrap();
            work(2).unwrap();
            drop(guard);
            eprintln!("after the report");
        }
    "#;
    let output = run(&compile("both", &[], main), Some("report"));
    let stderr = stderr(&output);
    assert_eq!(reported_calls(&stderr), [2], "{stderr}");
    assert!(stderr.ends_with("after the report\n"), "{stderr}");
}

#[test]
fn tests_report_what_they_called() {
    let tests = r"
        #[test] fn one() { work(1).unwrap(); }
        #[test] fn two() { work(2).unwrap(); work(0).unwrap_err(); }
    ";
    let output = run(&compile("tests", &["--test"], tests), Some("report"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("2 passed"), "{output:?}");
    assert_eq!(reported_calls(&stderr(&output)), [3], "{output:?}");
}

#[test]
fn handlers_that_register_at_link_time_receive_too() {
    let main = r#"
        use std::sync::LazyLock;
        static MEMORY: LazyLock<prof_runtime::MemoryHandler> = LazyLock::new(prof_runtime::MemoryHandler::new);
        prof_runtime::register_handler!(MEMORY.clone());

        fn main() {
            work(1).unwrap();
            assert_eq!(MEMORY.count("work.success"), 1);
        }
    "#;
    let output = run(&compile("registered", &[], main), Some("report"));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(reported_calls(&stderr(&output)), [1], "{output:?}");
}

#[cfg(unix)]
#[test]
fn a_forked_child_reports_only_what_it_starts() {
    const FORK: &str = r#"
        unsafe extern "C" {
            safe fn fork() -> i32;
            safe fn waitpid(process: i32, status: Option<&mut i32>, options: i32) -> i32;
        }

        fn main() {
            work(1).unwrap();
            let process = fork();
            if process == 0 {
                CHILD
                for number in 1..=5 {
                    work(number).unwrap();
                }
                std::process::exit(0);
            }
            waitpid(process, None, 0);
        }
    "#;
    let output = run(&compile("forks", &[], &FORK.replace("CHILD", "")), Some("report"));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(reported_calls(&stderr(&output)), [1], "{output:?}");

    let starts = "let _prof = prof_runtime::init_from_env().unwrap();";
    let output = run(&compile("forks_and_starts", &[], &FORK.replace("CHILD", starts)), Some("report"));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(reported_calls(&stderr(&output)), [5, 1], "{output:?}");
}
