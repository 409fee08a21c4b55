//! Control groups, version 2. One write to `cgroup.kill` reaches every process of a group, even those that fork.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{SIGKILL, pidfd, proc};
use crate::timers::Pid;

/// How long the drop of a [`ControlGroup`] waits for its last processes to exit, once they have been killed.
const EXIT_LIMIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// A new control group (version 2) below the calling process's own.
///
/// No descendant of a member can leave it by itself, so a kill with [`KillTarget::Cgroup`](crate::KillTarget::Cgroup)
/// reaches them all. The drop removes the group, after at most half a second, unless processes live on in it.
#[derive(Debug)]
pub struct ControlGroup {
    folder: PathBuf,
    /// The group of the process that created it.
    parent: PathBuf,
}

impl ControlGroup {
    /// Creates the group `name`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`] if control groups of version 2 are not mounted, [`io::ErrorKind::AlreadyExists`]
    /// for a name that is taken, else what the operating system answers: most often that the caller has no right to it.
    pub fn create(name: &str) -> io::Result<Self> {
        let parent = root()?.join(path_in_root(Pid::current())?);
        let folder = parent.join(name);
        fs::create_dir(&folder)?;
        Ok(Self { folder, parent })
    }

    /// Moves the calling process into the group, calls `start`, and moves it back. What `start` starts is a member from
    /// its first instruction on.
    ///
    /// # Errors
    ///
    /// If `start` fails, or if the operating system refuses one of the moves.
    pub fn start_in<T>(&self, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let own = Pid::current().to_string();
        fs::write(self.folder.join("cgroup.procs"), &own)?;
        let started = start();
        fs::write(self.parent.join("cgroup.procs"), &own)?;
        started
    }

    /// Waits until the kernel tells that the group has no process anymore.
    fn wait_until_empty(&self) -> io::Result<()> {
        let mut events = fs::File::open(self.folder.join("cgroup.events"))?;
        let mut text = String::new();
        events.read_to_string(&mut text)?;
        if text.contains("populated 1") {
            poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&EXIT_LIMIT))?;
        }
        Ok(())
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        if fs::remove_dir(&self.folder).is_err() {
            let _ = self.wait_until_empty();
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

/// Returns the folder of a process's control group. Refuses a group that the calling process is in.
pub(super) fn folder_of(pid: Pid) -> io::Result<PathBuf> {
    let group = path_in_root(pid)?;
    if path_in_root(Pid::current())?.starts_with(&group) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the server is in the same control group"));
    }
    Ok(root()?.join(group))
}

/// Sends a signal to all processes of a control group and of the groups below it.
pub(super) fn send(folder: &Path, signal: i32) -> io::Result<()> {
    if signal == SIGKILL {
        return fs::write(folder.join("cgroup.kill"), "1");
    }
    for pid in members(folder)? {
        match pidfd::open(pid).and_then(|pidfd| pidfd::send(&pidfd, signal)) {
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

/// Returns where the hierarchy of version 2 is mounted.
fn root() -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    mount_point(&mounts).ok_or_else(|| unsupported("control groups of version 2 are not mounted"))
}

fn mount_point(mounts: &str) -> Option<PathBuf> {
    let mut fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    fields.find(|fields| fields.get(2) == Some(&"cgroup2")).map(|fields| PathBuf::from(fields[1]))
}

/// Returns the path of a process's control group, relative to [`root`].
fn path_in_root(pid: Pid) -> io::Result<PathBuf> {
    listed_path(&fs::read_to_string(proc::path(pid, "cgroup"))?)
}

fn listed_path(listed: &str) -> io::Result<PathBuf> {
    let path = listed.lines().find_map(|line| line.strip_prefix("0::"));
    let path = path.ok_or_else(|| unsupported("the process is in no control group of version 2"))?;
    Ok(PathBuf::from(path.trim_start_matches('/')))
}

fn unsupported(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, what)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{listed_path, mount_point};

    #[test]
    fn the_group_is_found_beside_those_of_version_1() {
        assert_eq!(listed_path("9:pids:/a\n0::/b/c\n").unwrap(), PathBuf::from("b/c"));
        assert_eq!(listed_path("0::/\n").unwrap(), PathBuf::new());
        assert_eq!(listed_path("9:pids:/a\n").unwrap_err().kind(), std::io::ErrorKind::Unsupported);
        let mounts = "cgroup /sys/fs/cgroup/pids cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(mount_point(mounts), Some(PathBuf::from("/sys/fs/cgroup/unified")));
        assert_eq!(mount_point(""), None);
    }
}
