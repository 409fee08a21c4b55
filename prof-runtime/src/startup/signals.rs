//! Ends all parts before a signal ends the program.

use std::sync::Mutex;

use crate::base::background::BackgroundThread;
use crate::base::clock;
use crate::base::exit;
use crate::base::lock;
use crate::base::stderr;
use crate::base::sys::signals;

/// Catches signals until it is dropped; of several, until the last one is dropped.
pub(super) struct Caught {
    process_id: u32,
}

/// The thread that waits for signals, and the number of `Caught` that it does so for.
static WAITING: Mutex<Option<(BackgroundThread, usize)>> = Mutex::new(None);

impl Caught {
    /// Catches SIGHUP, SIGINT and SIGTERM, unless the program handles or ignores the signal.
    pub(super) fn new() -> std::io::Result<Self> {
        let mut waiting = lock(&WAITING);
        match &mut *waiting {
            Some((thread, count)) if thread.is_in_this_process() => *count += 1,
            _ => {
                signals::prepare()?;
                let thread = BackgroundThread::start("prof-signals", |_| wait())?;
                signals::catch();
                *waiting = Some((thread, 1));
            }
        }
        Ok(Self { process_id: std::process::id() })
    }
}

/// Ends all parts when a signal comes, and then applies the signal's default action.
fn wait() {
    match signals::wait() {
        Ok(Some(signal)) => {
            exit::end_all();
            signals::end_by(signal);
        }
        Ok(None) => {}
        Err(error) => stderr::line(format_args!("prof: could not wait for signals: {error}")),
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        if self.process_id != std::process::id() {
            return;
        }
        let mut waiting = lock(&WAITING);
        let Some((thread, count)) = &mut *waiting else { return };
        *count -= 1;
        if *count == 0 && signals::release().is_ok() {
            // It ends the process if a signal came just now.
            thread.stop(clock::deadline(exit::TIMEOUT));
            *waiting = None;
        }
    }
}
