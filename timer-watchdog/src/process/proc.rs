//! Files of `/proc` about processes.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::timers::Pid;

/// The fields of `/proc/<pid>/stat` that this crate uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    /// One letter, as `ps` shows it.
    pub(crate) state: char,
    pub(crate) parent: Pid,
    pub(crate) group: Pid,
    /// The start time, in clock ticks since the machine started. With the number, it identifies the process.
    pub(crate) start_ticks: u64,
}

impl Stat {
    pub(crate) fn read(pid: Pid) -> io::Result<Self> {
        let text = fs::read_to_string(path(pid, "stat"))?;
        Self::parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "cannot parse /proc/<pid>/stat"))
    }

    /// The second field is the name, in brackets. It may contain anything, brackets and newlines included.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse().ok();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: Pid(number(1)?),
            group: Pid(number(2)?),
            start_ticks: fields.get(19)?.parse().ok()?,
        })
    }
}

/// Returns the path of a file of a process in `/proc`.
pub(crate) fn path(pid: Pid, file: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{file}"))
}

/// Returns the real and the effective user of a process.
pub(crate) fn users(pid: Pid) -> io::Result<[u32; 2]> {
    let status = fs::read_to_string(path(pid, "status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let mut numbers = line.into_iter().flat_map(str::split_ascii_whitespace).map_while(|number| number.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(real), Some(effective)) => Ok([real, effective]),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "/proc/<pid>/status names no user")),
    }
}

/// Returns the kernel function in which a process or thread waits. Empty if it does not wait, or if this may not be
/// read.
pub(crate) fn wait_channel(folder: &std::path::Path) -> String {
    let name = fs::read_to_string(folder.join("wchan")).unwrap_or_default();
    if name == "0" { String::new() } else { name }
}

/// Returns whether `pid` is `ancestor` or, by the present parents, descends from it.
pub(crate) fn comes_from(pid: Pid, ancestor: Pid) -> bool {
    let parent = |pid: &Pid| Stat::read(*pid).ok().map(|stat| stat.parent).filter(|parent| parent.0 > 0);
    // A bound, because parents may change while they are read.
    std::iter::successors(Some(pid), parent).take(1024).any(|pid| pid == ancestor)
}

#[cfg(test)]
mod tests {
    use super::{Stat, comes_from, users};
    use crate::timers::Pid;

    #[test]
    fn a_name_with_brackets_does_not_confuse() {
        let rest = "S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 0 0";
        for name in ["x", "a) R 9 9", ") (", "\n", ""] {
            let expect = Stat { state: 'S', parent: Pid(1), group: Pid(42), start_ticks: 987_654 };
            assert_eq!(Stat::parse(&format!("7 ({name}) {rest}")), Some(expect), "{name:?}");
        }
        for odd in ["", "7 (x", "7 (x)", "7 (x) S 1"] {
            assert_eq!(Stat::parse(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn this_process_comes_from_its_parent_and_not_the_other_way_round() {
        let me = Pid::current();
        let parent = Stat::read(me).unwrap().parent;
        assert!(comes_from(me, me));
        assert!(comes_from(me, parent));
        assert!(!comes_from(parent, me));
        assert_eq!(users(me).unwrap()[1], rustix::process::geteuid().as_raw());
    }
}
