//! What a process is doing, read from `/proc` without its cooperation.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::proc::{self, Stat};
use crate::timers::Pid;

/// The number of threads that are read. The others are counted.
const MAX_THREADS: usize = 256;
/// The bytes of a command line that are kept.
const MAX_COMMAND_BYTES: usize = 1024;
/// The bytes of a kernel stack that are kept.
const MAX_STACK_BYTES: usize = 4096;

/// What a process was doing. Fields that may not be read are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Evidence {
    /// The command line, its words separated by blanks.
    pub command: String,
    /// The state, as the letter that `ps` shows.
    pub state: String,
    /// The process that traces it. 0 if none does.
    pub tracer: i32,
    /// Its threads, at most 256. The main thread is first.
    pub threads: Vec<ThreadEvidence>,
    /// The number of its threads.
    pub thread_count: usize,
}

/// What a thread was doing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct ThreadEvidence {
    /// Its number.
    pub tid: i32,
    /// Its name.
    pub name: String,
    /// Its state, as the letter that `ps` shows.
    pub state: String,
    /// The kernel function in which it waits.
    pub wait_channel: String,
    /// The system call in progress, by number and arguments, as the kernel shows it.
    pub system_call: String,
    /// Its kernel stack.
    pub kernel_stack: String,
}

pub(super) fn read(pid: Pid) -> Evidence {
    let folder = format!("/proc/{pid}");
    let mut command = fs::read(format!("{folder}/cmdline")).unwrap_or_default();
    command.truncate(MAX_COMMAND_BYTES);
    let words = command.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(String::from_utf8_lossy).collect();
    let status = fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:")?.trim().parse().ok());
    let mut tids: Vec<i32> = fs::read_dir(format!("{folder}/task")).map_or_else(
        |_| Vec::new(),
        |tasks| tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok()).collect(),
    );
    tids.sort_unstable_by_key(|tid| (*tid != pid.0, *tid));
    Evidence {
        command: words.join(" "),
        state: Stat::read(pid).map_or_else(|_| String::new(), |stat| stat.state.to_string()),
        tracer: tracer.unwrap_or_default(),
        thread_count: tids.len(),
        threads: tids.iter().take(MAX_THREADS).map(|tid| thread(&folder, *tid)).collect(),
    }
}

fn thread(folder: &str, tid: i32) -> ThreadEvidence {
    let folder = format!("{folder}/task/{tid}");
    let text = |file: &str| {
        let text = fs::read_to_string(format!("{folder}/{file}")).unwrap_or_default();
        text.trim_end().to_owned()
    };
    let mut kernel_stack = text("stack");
    kernel_stack.truncate(MAX_STACK_BYTES);
    ThreadEvidence {
        tid,
        name: text("comm"),
        state: text("stat").rsplit_once(") ").and_then(|(_, rest)| rest.get(..1)).unwrap_or_default().to_owned(),
        wait_channel: proc::wait_channel(Path::new(&folder)),
        system_call: text("syscall"),
        kernel_stack,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use super::read;
    use crate::timers::Pid;

    #[test]
    fn a_process_that_waits_is_seen_waiting() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo ready; read line"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let pid = Pid(child.id().cast_signed());
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let evidence = read(pid);
        assert_eq!(evidence.command, "sh -c echo ready; read line");
        assert!(["S", "R"].contains(&evidence.state.as_str()), "{evidence:?}");
        assert_eq!((evidence.threads.len(), evidence.thread_count, evidence.threads[0].tid), (1, 1, pid.0));
        assert_eq!(evidence.threads[0].name, "sh");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(read(pid), super::Evidence::default(), "of a process that is gone nothing is known");
    }
}
