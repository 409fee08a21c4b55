//! The command: watches worker processes in any language, and kills those that hang.

#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod send;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod tell;

use std::process::ExitCode;

/// The exit status when the watchdog itself fails, as in `env`, `nohup` and `timeout`.
const FAILED: u8 = 125;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    use clap::Parser as _;
    use options::Action;

    let done = match options::Options::parse().action {
        Action::Run(options) => run::run(&options),
        Action::Serve(options) => serve::serve(&options),
        Action::Send(options) => send::send(&options),
    };
    done.unwrap_or_else(|error| {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
        eprintln!("timer-watchdog: {text}");
        ExitCode::from(FAILED)
    })
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("timer-watchdog: worker processes can be watched on Linux only");
    ExitCode::from(FAILED)
}
