//! A running program: started, told what to do, and looked at when it has ended. Nothing here waits without a bound.
#![allow(unsafe_code)] // For what happens between `fork` and `exec`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, PipeReader, Read, Write as _, pipe};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Longer than anything takes; what does not come by then fails the test instead of holding it up for ever.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// How a program is to be started. Without more, it is given no variable that anything here reads.
#[derive(Debug)]
pub(crate) struct Setup {
    command: Command,
    /// The other side of the terminal that stderr is.
    terminal: Option<File>,
}

/// The program of `service.rs`, with the variable `SERVICE_PROF`.
pub(crate) fn service(prof: &(impl AsRef<OsStr> + ?Sized)) -> Setup {
    Setup::of(env!("CARGO_BIN_EXE_faults-service")).env("SERVICE_PROF", prof)
}

impl Setup {
    fn of(program: &str) -> Self {
        let mut command = Command::new(program);
        let is_read = |name: &str| {
            let name = name.to_uppercase();
            name.starts_with("OTEL_")
                || name.ends_with("_PROXY")
                || ["PROF", "SERVICE_PROF", "COLUMNS"].contains(&&*name)
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_read(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        command.env("NO_COLOR", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, terminal: None }
    }

    /// The same program, started by `sh` after `preparation`, such as `ulimit -n 32`.
    pub(crate) fn after(self, preparation: &str) -> Self {
        self.under("sh", &["-c", &format!("{preparation}; exec \"$0\" \"$@\"")])
    }

    /// The same program, started by another one, which becomes it.
    pub(crate) fn under(self, program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(directory) = self.command.get_current_dir() {
            command.current_dir(directory);
        }
        Self { command, ..self }
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// An argument, such as `timeout-ms=100`.
    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args(self, arguments: &[&str]) -> Self {
        arguments.iter().fold(self, |setup, argument| setup.arg(argument))
    }

    pub(crate) fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.command.current_dir(directory.into());
        self
    }

    /// Makes stderr a terminal of so many columns.
    pub(crate) fn terminal(mut self, columns: u16) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal, size).unwrap();
        let path = ptsname(&terminal, Vec::new()).unwrap();
        let ours = File::options().read(true).write(true).open(path.to_str().unwrap()).unwrap();
        self.command.stderr(ours);
        self.terminal = Some(terminal.into());
        self
    }

    /// Makes stderr a pipe that is full, and that nobody reads as long as the returned end is open.
    pub(crate) fn unread_stderr(mut self) -> (Self, PipeReader) {
        let (reader, mut writer) = pipe().unwrap();
        let flags = fcntl_getfl(&writer).unwrap();
        fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
        while writer.write(&[b'x'; 4096]).is_ok() {}
        fcntl_setfl(&writer, flags).unwrap();
        self.command.stderr(writer);
        (self, reader)
    }

    /// Starts it, whatever comes of it. It ignores no signal, also where the tests run in the background of a script,
    /// which has them ignore Ctrl-C.
    pub(crate) fn spawn(mut self) -> Program {
        unsafe extern "C" {
            safe fn signal(signal: i32, handler: usize) -> usize;
        }
        const DEFAULT: usize = 0;
        let reset = || {
            for one in [Signal::HUP, Signal::INT, Signal::TERM] {
                signal(one.as_raw(), DEFAULT);
            }
            Ok(())
        };
        // SAFETY: the closure does nothing but call `signal`, which may be called there.
        unsafe { self.command.pre_exec(reset) };
        let child = self.command.spawn().expect("the program can be started");
        Program::new(child, self.terminal)
    }

    /// Starts it, and waits until it takes lines.
    #[track_caller]
    pub(crate) fn start(self) -> Program {
        let mut program = self.spawn();
        assert_eq!(program.answer(), "ready", "{}", program.stderr.text());
        program
    }
}

/// A program that runs. Dropping it kills it.
pub(crate) struct Program {
    process: Pid,
    /// Locked by the thread that reaps or kills it, so that its number is not another process's when it is killed.
    child: Arc<Mutex<Child>>,
    input: Option<ChildStdin>,
    answers: Receiver<String>,
    stdout: Shared,
    stderr: Shared,
    ended: Receiver<ExitStatus>,
}

/// What a program that has ended leaves behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// Without the answers.
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Text that grows until its writer is gone.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<(Mutex<(String, bool)>, Condvar)>);

impl Shared {
    fn text(&self) -> String {
        self.0.0.lock().unwrap().0.clone()
    }

    fn push(&self, line: &str) {
        self.0.0.lock().unwrap().0.push_str(line);
        self.0.1.notify_all();
    }

    fn close(&self) {
        self.0.0.lock().unwrap().1 = true;
        self.0.1.notify_all();
    }

    /// Waits until `is_there`, or until nothing more comes. `None` if that takes too long.
    fn wait(&self, is_there: impl Fn(&str) -> bool) -> Option<String> {
        let (state, changed) = &*self.0;
        let goes_on = |(text, is_closed): &mut (String, bool)| !*is_closed && !is_there(text);
        let (state, timeout) = changed.wait_timeout_while(state.lock().unwrap(), LONG, goes_on).unwrap();
        (!timeout.timed_out()).then(|| state.0.clone())
    }

    /// Reads lines on a thread of its own; `answers` receives those that begin with `> `.
    fn read(output: impl Read + Send + 'static, answers: Option<Sender<String>>) -> Self {
        let shared = Self::default();
        let text = shared.clone();
        thread::spawn(move || {
            let mut lines = BufReader::new(output);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let read = String::from_utf8_lossy(&line);
                match (read.strip_prefix("> "), &answers) {
                    (Some(answer), Some(answers)) => drop(answers.send(answer.trim_end_matches('\n').to_owned())),
                    _ => text.push(&read),
                }
                line.clear();
            }
            text.close();
        });
        shared
    }
}

impl Program {
    fn new(mut child: Child, terminal: Option<File>) -> Self {
        let process = Pid::from_child(&child);
        let (answer, answers) = channel();
        let stdout = Shared::read(child.stdout.take().expect("it is piped"), Some(answer));
        let stderr = match (terminal, child.stderr.take()) {
            (Some(terminal), _) => Shared::read(terminal, None),
            (None, Some(stderr)) => Shared::read(stderr, None),
            (None, None) => Shared::read(std::io::empty(), None),
        };
        let input = child.stdin.take();
        let child = Arc::new(Mutex::new(child));
        let (end, ended) = channel();
        let waited = Arc::clone(&child);
        thread::spawn(move || {
            // It stays a zombie until it is reaped below.
            let _ = waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            let status = waited.lock().unwrap().wait();
            let _ = end.send(status.expect("a child can be waited for"));
        });
        Self { process, child, input, answers, stdout, stderr, ended }
    }

    #[track_caller]
    pub(crate) fn answer(&mut self) -> String {
        self.answers.recv_timeout(LONG).unwrap_or_else(|error| panic!("no answer: {error}\n{}", self.stderr.text()))
    }

    /// Has it do what a line says, without waiting for the answer.
    #[track_caller]
    pub(crate) fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("its input is open");
        input.write_all(format!("{line}\n").as_bytes()).expect("it reads");
    }

    /// Has it do what a line says, and returns its answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.answer()
    }

    /// How much was lost on the way to targets of a kind, such as `json`, or in their queues, `json queue`, over all
    /// units.
    #[track_caller]
    pub(crate) fn lost(&mut self, kind: &str) -> u64 {
        self.losses(kind).iter().map(|(_, count)| count).sum()
    }

    /// How many lines with a data point were lost on the way to targets of a kind, or in their queues: a call has two.
    #[track_caller]
    pub(crate) fn lost_lines(&mut self, kind: &str) -> u64 {
        let lines = |(unit, count): &(String, u64)| if unit == "calls" { 2 * count } else { *count };
        self.losses(kind).iter().map(lines).sum()
    }

    /// What was lost on the way to targets of a kind, by unit.
    #[track_caller]
    fn losses(&mut self, kind: &str) -> Vec<(String, u64)> {
        let lost = self.ask("lost");
        let (kind, is_queue) = kind.strip_suffix(" queue").map_or((kind, false), |kind| (kind, true));
        let parse = |entry: &str| {
            let (name, count) = entry.rsplit_once('=').expect("a target, a unit and a count");
            let (target, unit) = name.rsplit_once(' ').expect("a target and a unit");
            let (target, of_queue) = target.strip_suffix(" queue").map_or((target, false), |target| (target, true));
            let is_it = target.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
            (is_it && is_queue == of_queue).then(|| (unit.to_owned(), count.parse().expect("it is a number")))
        };
        let entries = lost.trim_matches(['[', ']']).split("][");
        let losses: Vec<_> = entries.filter(|entry| !entry.is_empty()).filter_map(parse).collect();
        assert!(!losses.is_empty(), "{kind} is not in {lost}");
        losses
    }

    /// Waits until its stderr has a text, and returns all of it so far.
    #[track_caller]
    pub(crate) fn stderr_with(&self, text: &str) -> String {
        let all = self.stderr.wait(|all| all.contains(text)).unwrap_or_else(|| self.stderr.text());
        assert!(all.contains(text), "{text:?} is not in {all:?}");
        all
    }

    /// What the system tells of it: `status`, or `root`, where its file systems are if they are others than those of
    /// the test.
    pub(crate) fn told_by_system(&self, what: &str) -> PathBuf {
        format!("/proc/{}/{what}", self.process.as_raw_nonzero()).into()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let mut child = self.child.lock().unwrap();
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        kill_process(self.process, signal).expect("it may be sent signals");
    }

    /// Closes its input, which has it return from `main`.
    pub(crate) fn close(&mut self) {
        drop(self.input.take());
    }

    /// Waits until it ends, with its input closed.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        self.close();
        self.wait()
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub(crate) fn wait(self) -> Ended {
        let Ok(status) = self.ended.recv_timeout(LONG) else {
            panic!("it does not end; so far it said {:?} and {:?}", self.stdout.text(), self.stderr.text());
        };
        let rest = |text: &Shared| text.wait(|_| false).expect("its end closes what it writes to");
        Ended { status, stdout: rest(&self.stdout), stderr: rest(&self.stderr) }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.lock().unwrap().kill();
    }
}

impl Ended {
    /// It ended by returning from `main`, and without an error.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert!(self.status.success(), "{self:?}");
        self
    }

    /// How often its stderr has a text.
    pub(crate) fn said(&self, text: &str) -> usize {
        self.stderr.matches(text).count()
    }
}
