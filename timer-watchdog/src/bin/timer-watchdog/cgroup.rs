//! A control group (version 2) for the command, so that all that comes from it can be ended at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A new control group below the own one; goes when dropped, if nothing lives in it any more.
pub(crate) struct Cgroup {
    own: PathBuf,
    folder: PathBuf,
}

impl Cgroup {
    pub(crate) fn new() -> io::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let mut mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let mount = mounts.find(|fields| fields.get(2) == Some(&"cgroup2"));
        let listed = fs::read_to_string("/proc/self/cgroup")?;
        let path = listed.lines().find_map(|line| line.strip_prefix("0::/"));
        let (Some(mount), Some(path)) = (mount, path) else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "there are no control groups of version 2"));
        };
        let own = Path::new(mount[1]).join(path);
        let folder = own.join(format!("timer-watchdog-{}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self { own, folder })
    }

    /// Runs `start` as a member, so that what it starts is one from its first moment; then goes back.
    pub(crate) fn start_in<T>(&self, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let me = std::process::id().to_string();
        fs::write(self.folder.join("cgroup.procs"), &me)?;
        let started = start();
        fs::write(self.own.join("cgroup.procs"), &me)?;
        started
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}
