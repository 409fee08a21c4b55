//! Control groups, version 2: `cgroup.kill` reaches every process below, at once, even those that fork meanwhile.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{SIGKILL, proc};
use crate::timers::Pid;

/// Returns the folder of a process's control group.
pub(super) fn folder_of(pid: Pid) -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let root = mount_point(&mounts).ok_or_else(|| unsupported("control groups of version 2 are not mounted"))?;
    let group = path_of(&fs::read_to_string(proc::path(pid, "cgroup"))?)?;
    let own = path_of(&fs::read_to_string("/proc/self/cgroup")?)?;
    if Path::new(&own).starts_with(&group) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the server is in the same control group"));
    }
    Ok(root.join(group.trim_start_matches('/')))
}

/// Sends a signal to all processes of a control group and below.
pub(super) fn send(folder: &Path, signal: i32) -> io::Result<()> {
    if signal == SIGKILL {
        return fs::write(folder.join("cgroup.kill"), "1");
    }
    for pid in members(folder)? {
        match super::linux::signal_now(pid, signal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn members(folder: &Path) -> io::Result<Vec<Pid>> {
    let mut members = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let listed = fs::read_to_string(folder.join("cgroup.procs"))?;
        members.extend(listed.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 1).map(Pid));
        let below = fs::read_dir(&folder)?.filter_map(Result::ok);
        folders.extend(below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()));
    }
    Ok(members)
}

fn mount_point(mounts: &str) -> Option<PathBuf> {
    let mut fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    fields.find(|fields| fields.get(2) == Some(&"cgroup2")).map(|fields| PathBuf::from(fields[1]))
}

fn path_of(listed: &str) -> io::Result<String> {
    let path = listed.lines().find_map(|line| line.strip_prefix("0::"));
    path.map(str::to_owned).ok_or_else(|| unsupported("the process is in no control group of version 2"))
}

fn unsupported(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, what)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{mount_point, path_of};

    #[test]
    fn the_group_is_found_beside_those_of_version_1() {
        assert_eq!(path_of("9:pids:/a\n0::/b/c\n").unwrap(), "/b/c");
        assert_eq!(path_of("9:pids:/a\n").unwrap_err().kind(), std::io::ErrorKind::Unsupported);
        let mounts = "cgroup /sys/fs/cgroup/pids cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(mount_point(mounts), Some(PathBuf::from("/sys/fs/cgroup/unified")));
        assert_eq!(mount_point(""), None);
    }
}
