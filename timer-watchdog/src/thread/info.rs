//! How events name a thread.

use std::fmt;
use std::thread::{self, ThreadId};

/// A thread, as events name it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadInfo {
    /// The name that its creator gave it.
    pub name: Option<String>,
    /// Its id within the program.
    pub id: ThreadId,
    /// Its id within the operating system. None where it cannot be read: on other systems than Linux.
    pub os_id: Option<u32>,
}

impl ThreadInfo {
    /// Returns the calling thread.
    pub(crate) fn current() -> Self {
        let thread = thread::current();
        Self { name: thread.name().map(str::to_owned), id: thread.id(), os_id: os_thread_id() }
    }
}

impl fmt::Display for ThreadInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thread {:?} ", self.name.as_deref().unwrap_or("unnamed"))?;
        match self.os_id {
            Some(os_id) => write!(f, "({os_id})"),
            None => write!(f, "({:?})", self.id),
        }
    }
}

/// Reads the id from the link `/proc/thread-self`, whose target is `PID/task/TID`.
fn os_thread_id() -> Option<u32> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let link = std::fs::read_link("/proc/thread-self").ok()?;
    link.file_name()?.to_str()?.parse().ok()
}
