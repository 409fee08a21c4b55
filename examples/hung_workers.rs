//! A pool of workers counts the lines of real files, and some of its jobs hang: one reads a pipe that nobody writes
//! to, one waits for a lock that nobody releases, one turns in a loop. Each is reported with its place in the source
//! once its limit has passed, while all healthy jobs finish.
//!
//! ```sh
//! cargo run --bin hung_workers
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use timer_watchdog::Event;
use timer_watchdog::hang::{self, HangConfig, Level, Scope, Stall};

/// What no job may exceed: far more than the healthy ones take, on the slowest machine.
const LIMIT: Duration = Duration::from_millis(500);

/// Healthy files, and workers: more than there are jobs that hang.
const FILES: usize = 40;
const WORKERS: usize = 5;

static COUNT: Scope = Scope::new("count lines");
static LOCK: Scope = Scope::new("update the total");
static SETTLE: Scope = Scope::new("settle");

enum Job {
    /// Counts the lines of a file and adds them to the total.
    Count(PathBuf),
    /// Adds to a total whose lock is never released.
    Update(Arc<Mutex<usize>>),
    /// Halves a number until it is zero, and gets that wrong.
    Settle(f64),
}

fn count(path: &Path) -> io::Result<usize> {
    let _limit = hang::watch_in(&COUNT, LIMIT);
    BufReader::new(File::open(path)?).lines().try_fold(0, |lines, line| line.map(|_| lines + 1))
}

fn update(total: &Mutex<usize>) -> usize {
    let _limit = hang::watch_in(&LOCK, LIMIT);
    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
    *total += 1;
    *total
}

fn settle(mut number: f64) -> usize {
    let _limit = hang::watch_in(&SETTLE, LIMIT);
    while number.is_finite() {
        number /= 2.0;
        thread::yield_now();
    }
    0
}

fn work(jobs: &Mutex<Receiver<Job>>, done: &Sender<io::Result<usize>>) {
    // The lock goes before the job begins, or a job that hangs would take all workers with it.
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(job) = next() {
        let result = match job {
            Job::Count(path) => count(&path),
            Job::Update(total) => Ok(update(&total)),
            Job::Settle(number) => Ok(settle(number)),
        };
        if done.send(result).is_err() {
            return;
        }
    }
}

/// Writes the files, and a pipe among them, and returns the jobs: those that hang come first.
fn prepare(folder: &Path) -> Result<Vec<Job>, Box<dyn Error>> {
    let pipe = folder.join("pipe");
    if !Command::new("mkfifo").arg(&pipe).status()?.success() {
        return Err("mkfifo failed".into());
    }
    let total = Arc::new(Mutex::new(0));
    // A thread that forgets the guard of a lock never releases it.
    std::mem::forget(total.lock());
    let mut jobs = vec![Job::Count(pipe), Job::Update(Arc::clone(&total)), Job::Settle(1.0)];
    for number in 0..FILES {
        let path = folder.join(format!("{number}.txt"));
        fs::write(&path, "a line\n".repeat(number))?;
        jobs.push(Job::Count(path));
    }
    Ok(jobs)
}

fn report(stall: &Stall) -> String {
    let file = Path::new(stall.place.file()).file_name().unwrap_or_default();
    let place = format!("{}:{}", file.display(), stall.place.line());
    let name = stall.scope.unwrap_or("unnamed");
    format!("hangs: {name:?} at {place}, over its limit of {:?}", stall.timeout)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (tell, events) = channel();
    let _watcher =
        HangConfig::new().soft_fraction(f64::NAN).on_event(move |event| tell.send(event).unwrap_or(())).start()?;

    let folder = std::env::temp_dir().join(format!("hung_workers.{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let (queue, jobs) = channel();
    let jobs = Arc::new(Mutex::new(jobs));
    let (done, results) = channel();
    for number in 0..WORKERS {
        let (jobs, done) = (Arc::clone(&jobs), done.clone());
        let worker = thread::Builder::new().name(format!("worker {number}"));
        worker.spawn(move || work(&jobs, &done))?;
    }
    for job in prepare(&folder)? {
        queue.send(job)?;
    }

    let counts: io::Result<Vec<usize>> = results.iter().take(FILES).collect();
    println!("healthy: {FILES} files with {} lines", counts?.iter().sum::<usize>());

    let hard = |event| match event {
        Event::Stalled(stall) if stall.level == Level::Hard => Some(stall),
        _ => None,
    };
    let mut reports: Vec<String> = events.iter().filter_map(hard).take(3).map(|stall| report(&stall)).collect();
    reports.sort();
    println!("{}", reports.join("\n"));
    fs::remove_dir_all(&folder)?;
    // The end of `main` ends the process, and with it the threads that hang.
    Ok(())
}
