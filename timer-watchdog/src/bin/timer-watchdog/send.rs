//! `send`: acquires and releases timers from shell scripts.

use std::error::Error;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use timer_watchdog::{FileTimerClient, Pid, ScopeId, TimerClient as _};

use crate::options::{SendAction, SendOptions, TimerOptions};
use crate::run;

pub(crate) fn send(options: &SendOptions) -> Result<ExitCode, Box<dyn Error>> {
    let parent = Pid(std::os::unix::process::parent_id().cast_signed());
    match &options.action {
        SendAction::Acquire { timer, after } => {
            let client = client(timer, parent)?;
            client.acquire(&scope(timer), client.now().after(*after))?;
        }
        SendAction::Release { timer } => {
            let client = client(timer, parent)?;
            client.release(&scope(timer))?;
            if !client.flush(timer.wait) {
                return Err(format!("no server reads from {}", client.path().display()).into());
            }
        }
        SendAction::Exec { timer, after, command } => {
            // The process keeps its number when it becomes the command, and the exit of the command clears the timer.
            let client = client(timer, Pid::current())?;
            client.acquire(&scope(timer), client.now().after(*after))?;
            let error = Command::new(&command[0]).args(&command[1..]).exec();
            client.release(&scope(timer))?;
            return Ok(run::not_executed(&command[0], &error));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn client(timer: &TimerOptions, otherwise: Pid) -> Result<FileTimerClient, Box<dyn Error>> {
    let client = match &timer.timer_file {
        Some(path) => FileTimerClient::new(path),
        None => {
            FileTimerClient::from_env().ok_or("no server is named: give --timer-file or set TIMER_WATCHDOG_FILE")?
        }
    };
    Ok(client.for_process(timer.pid.map_or(otherwise, Pid)).signal(timer.signal).retry_for(timer.wait))
}

fn scope(timer: &TimerOptions) -> ScopeId {
    ScopeId::from(timer.scope.clone())
}
