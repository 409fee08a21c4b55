//! `run`: runs a command, and watches it and its descendants.

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, set_child_subreaper, wait};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::Signals;
use timer_watchdog::{ControlGroup, FileTimerServer, Pid as WorkerPid};

use crate::options::{RunOptions, Target};
use crate::tell;

/// The exit statuses of shells for a command that cannot be executed, or cannot be found.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// How long the end of the command waits for the last reports and dumps.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(2);

/// Signals that a terminal sends to all of its foreground processes.
const FROM_TERMINAL: [i32; 4] = [SIGINT, SIGQUIT, SIGHUP, SIGWINCH];
/// All signals that are forwarded to the command.
const PASSED_ON: [i32; 8] = [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT];

pub(crate) fn run(options: &RunOptions) -> Result<ExitCode, Box<dyn Error>> {
    // Before the command starts, so that no signal and no exit is missed.
    let mut signals = Signals::new(PASSED_ON.iter().chain([&SIGCHLD]))?;
    // Orphans become children of this process, so that all descendants of the command stay its descendants.
    set_child_subreaper(Some(rustix::process::getpid()))?;
    let place = Place::new(options.timer_file.as_deref())?;
    let policy = tell::policy(&options.watch).within(WorkerPid::current());
    let builder = FileTimerServer::builder(place.path()).policy(policy);
    let server = tell::configured(builder, &options.watch).build()?;
    server.start()?;

    let has_control_group = options.watch.kill_target == Target::Cgroup;
    let group = has_control_group.then(|| ControlGroup::create(&format!("timer-watchdog-{}", std::process::id())));
    let group = group.transpose().map_err(|error| format!("cannot create a control group for the command: {error}"))?;
    let mut command = command(options, place.path());
    let started = match &group {
        Some(group) => group.start_in(|| Ok(command.spawn()))?,
        None => command.spawn(),
    };
    let child = match started {
        Ok(child) => child,
        Err(error) => return Ok(not_executed(&options.command[0], &error)),
    };
    let child = Pid::from_raw(child.id().cast_signed()).ok_or("the command has no process number")?;
    let has_own_group = options.watch.kill_target == Target::Group;
    let status = supervise(&mut signals, child, has_own_group)?;
    server.stop()?;
    server.flush(LAST_WORDS);
    Ok(exit_code(status))
}

fn command(options: &RunOptions, timer_file: &Path) -> Command {
    let mut command = Command::new(&options.command[0]);
    command.args(&options.command[1..]);
    command.env("TORCHELASTIC_TIMER_FILE", timer_file).env("TIMER_WATCHDOG_FILE", timer_file);
    if options.watch.kill_target == Target::Group {
        // Otherwise the group would be this process's own.
        command.process_group(0);
    }
    command
}

/// Forwards signals, and collects ended children, until the command ends. Returns its status.
fn supervise(signals: &mut Signals, child: Pid, has_own_group: bool) -> Result<WaitStatus, Box<dyn Error>> {
    let gets_from_terminal = !has_own_group && io::stdin().is_terminal();
    for signal in signals.forever() {
        if signal == SIGCHLD {
            if let Some(status) = take_ended(child)? {
                return Ok(status);
            }
        } else if !(gets_from_terminal && FROM_TERMINAL.contains(&signal))
            && let Some(signal) = Signal::from_named_raw(signal)
        {
            // Its status has not been collected, so the number is still its own. A signal to a zombie has no effect.
            let _ = kill_process(child, signal);
        }
    }
    Err("signals have ended".into())
}

/// Collects the status of all ended children. Returns that of the command, if it is among them.
fn take_ended(child: Pid) -> io::Result<Option<WaitStatus>> {
    while let Some((pid, status)) = wait(WaitOptions::NOHANG)? {
        if pid == child {
            return Ok(Some(status));
        }
    }
    Ok(None)
}

fn exit_code(status: WaitStatus) -> ExitCode {
    let code = status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(crate::FAILED))
}

/// Reports that a command cannot be executed. Returns the exit status.
pub(crate) fn not_executed(program: &OsStr, error: &io::Error) -> ExitCode {
    eprintln!("timer-watchdog: cannot execute {}: {error}", program.display());
    ExitCode::from(if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE })
}

/// The place of the pipe: the given path, or a private folder, which the drop removes.
enum Place {
    Given(PathBuf),
    Private { folder: PathBuf, pipe: PathBuf },
}

impl Place {
    fn new(given: Option<&Path>) -> io::Result<Self> {
        if let Some(path) = given {
            // The command may change its working directory.
            return Ok(Self::Given(std::path::absolute(path)?));
        }
        // A crashed run may have left its folder behind. Then the next number is tried.
        let name = |number| format!("timer-watchdog-run-{}-{number}", std::process::id());
        let folders = (0..100).map(|number| std::env::temp_dir().join(name(number)));
        let mut tries = folders.map(|folder| (fs::DirBuilder::new().mode(0o700).create(&folder), folder));
        let is_taken =
            |made: &io::Result<()>| made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists);
        let (made, folder) = tries.find(|(made, _)| !is_taken(made)).ok_or(io::ErrorKind::AlreadyExists)?;
        made.map(|()| Self::Private { pipe: folder.join("timer"), folder })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) | Self::Private { pipe: path, .. } => path,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Private { folder, .. } = self {
            let _ = fs::remove_dir(folder);
        }
    }
}
