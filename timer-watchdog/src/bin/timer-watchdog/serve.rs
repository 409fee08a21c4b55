//! `serve`: runs the server alone.

use std::error::Error;
use std::process::ExitCode;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use timer_watchdog::FileTimerServer;

use crate::options::ServeOptions;
use crate::run::LAST_WORDS;
use crate::tell;

pub(crate) fn serve(options: &ServeOptions) -> Result<ExitCode, Box<dyn Error>> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let builder = FileTimerServer::builder(&options.timer_file).policy(tell::policy(&options.watch)).sd_notify();
    let server = tell::configured(builder, &options.watch).build()?;
    server.start()?;
    signals.forever().next();
    server.stop()?;
    server.flush(LAST_WORDS);
    Ok(ExitCode::SUCCESS)
}
