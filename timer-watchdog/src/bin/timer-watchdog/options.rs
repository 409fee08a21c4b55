//! The options of the command.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXIT_STATUS: &str = "\
Exit status:
  run and send exec end with the status of CMD:
    its exit status, or 128+N if signal N ended it (137 = killed by SIGKILL)
    126  CMD cannot be executed
    127  CMD cannot be found
  serve, send acquire and send release:
    0    success
  all:
    2    the command line is wrong
    125  the watchdog itself failed; CMD, if there is one, was not started

Environment:
  TIMER_WATCHDOG_FILE, TORCHELASTIC_TIMER_FILE
       the named pipe of the server: set by run for CMD, read by send
  TORCHELASTIC_RUN_ID
       the name of the run in reports, unless --run-id sets it
  NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID
       the service manager that serve reports to, see sd_notify(3)

Durations: 30s, 500ms, 1.5m, 2h; a number without a unit is in seconds.
Signals: by name (KILL, SIGTERM) or number (9, 15).";

/// Finds worker processes that hang, says where, and kills them
///
/// A worker in any language acquires and releases timers by lines of JSON in a named pipe, as PyTorch's file timers do:
/// a program that uses torch.distributed.elastic.timer needs no change. A worker that does not release a timer in time
/// is killed. One line reports what it was doing.
#[expect(clippy::doc_markdown, reason = "it is the text of `--help`")]
#[derive(Debug, Parser)]
#[command(version, after_long_help = EXIT_STATUS)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) action: Action,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Run CMD and watch it and all its descendants
    ///
    /// Forwards signals to CMD, and adopts its orphans. Only CMD and its descendants can be workers.
    #[command(after_long_help = EXIT_STATUS)]
    Run(RunOptions),
    /// Serve a named pipe until SIGTERM or SIGINT
    #[command(after_long_help = EXIT_STATUS)]
    Serve(ServeOptions),
    /// Acquire and release timers from shell scripts
    #[command(after_long_help = EXIT_STATUS)]
    Send(SendOptions),
}

#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// The named pipe; by default one in a new private directory
    #[arg(long, value_name = "PATH")]
    pub(crate) timer_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) watch: WatchOptions,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// The named pipe; created if it does not exist
    #[arg(long, value_name = "PATH")]
    pub(crate) timer_file: PathBuf,
    #[command(flatten)]
    pub(crate) watch: WatchOptions,
}

#[derive(Debug, Args)]
pub(crate) struct WatchOptions {
    /// The longest wait between two passes; it does not delay deadlines
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s")]
    pub(crate) max_interval: Duration,
    /// The first signal, in place of the one that a timer names
    #[arg(long, value_name = "SIGNAL", value_parser = signal)]
    pub(crate) signal: Option<i32>,
    /// The time between the first signal and SIGKILL
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    pub(crate) grace: Duration,
    /// Report only, and send no signal
    #[arg(long)]
    pub(crate) observe: bool,
    /// What is killed: the worker, its process group, or its control group (version 2; run creates one for CMD)
    #[arg(long, value_enum, value_name = "TARGET", default_value_t = Target::Process)]
    pub(crate) kill_target: Target,
    /// Write a file for each incident into this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) dump_dir: Option<PathBuf>,
    /// Report as lines of JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The name of the run in reports
    #[arg(long, value_name = "NAME", env = "TORCHELASTIC_RUN_ID", default_value = "")]
    pub(crate) run_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    Process,
    Group,
    Cgroup,
}

#[derive(Debug, Args)]
pub(crate) struct SendOptions {
    #[command(subcommand)]
    pub(crate) action: SendAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SendAction {
    /// Acquire a timer; it replaces one of the same scope
    Acquire {
        #[command(flatten)]
        timer: TimerOptions,
        /// The time after which it expires
        #[arg(long, value_name = "TIME", value_parser = duration)]
        after: Duration,
    },
    /// Release a timer
    Release {
        #[command(flatten)]
        timer: TimerOptions,
    },
    /// Acquire a timer, then become CMD; the timer lasts until CMD ends
    Exec {
        #[command(flatten)]
        timer: TimerOptions,
        /// The time after which it expires
        #[arg(long, value_name = "TIME", value_parser = duration)]
        after: Duration,
        /// The program and its arguments
        #[arg(last = true, required = true, value_name = "CMD")]
        command: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TimerOptions {
    /// The scope: the name of the timer
    #[arg(long, value_name = "NAME")]
    pub(crate) scope: String,
    /// The worker process; by default the caller (such as a shell), or with exec CMD itself
    #[arg(long)]
    pub(crate) pid: Option<i32>,
    /// The named pipe of the server; by default the one in the environment
    #[arg(long, value_name = "PATH")]
    pub(crate) timer_file: Option<PathBuf>,
    /// The signal that the worker gets when the timer expires; 0 to report only
    #[arg(long, value_name = "SIGNAL", value_parser = signal, default_value = "KILL")]
    pub(crate) signal: i32,
    /// How long to wait until a server reads from the pipe
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s")]
    pub(crate) wait: Duration,
}

/// Parses a duration. A number without a unit is in seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let start = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let factor = match &text[start..] {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("the unit {unit:?} is none of ms, s, m, h")),
    };
    let number: f64 = text[..start].parse().map_err(|_| String::from("expected a number and a unit, as in 30s"))?;
    Duration::try_from_secs_f64(number * factor).map_err(|error| error.to_string())
}

/// The names of the signals 1 to 31.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// Parses a signal, by name or number.
fn signal(text: &str) -> Result<i32, String> {
    let name = text.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let by_name = (1..).zip(SIGNALS).find(|(_, known)| *known == name).map(|(number, _)| number);
    let by_number = text.parse().ok().filter(|number| (0..=31).contains(number));
    by_name.or(by_number).ok_or_else(|| String::from("expected a name, as TERM, or a number up to 31"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory as _;

    use super::{Options, duration, signal};

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn durations_and_signals_are_read() {
        let check = |text: &str, expect: Option<u64>| {
            assert_eq!(duration(text).ok(), expect.map(Duration::from_millis), "{text}");
        };
        check("30s", Some(30_000));
        check("1.5m", Some(90_000));
        check("2h", Some(7_200_000));
        check("500ms", Some(500));
        check("7", Some(7000));
        for bad in ["", "s", "1d", "-1s", "NaN", "1e400s"] {
            check(bad, None);
        }
        for (text, expect) in
            [("KILL", Some(9)), ("sigterm", Some(15)), ("31", Some(31)), ("SYS", Some(31)), ("0", Some(0))]
        {
            assert_eq!(signal(text).ok(), expect, "{text}");
        }
        for bad in ["32", "-1", "NONE", ""] {
            assert!(signal(bad).is_err(), "{bad}");
        }
    }
}
