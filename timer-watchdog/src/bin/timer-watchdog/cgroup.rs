//! A control group (version 2) for the command, so that all that comes from it can be ended at once.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

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

/// How long the group may take to become empty, once its last processes have been killed.
const LAST_EXITS: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

impl Drop for Cgroup {
    fn drop(&mut self) {
        if fs::remove_dir(&self.folder).is_err() {
            // Its last processes may be on their way out; the kernel tells when the group becomes empty. Processes that
            // live on keep it.
            let _ = self.wait_until_empty();
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

impl Cgroup {
    fn wait_until_empty(&self) -> io::Result<()> {
        let mut events = fs::File::open(self.folder.join("cgroup.events"))?;
        let mut text = String::new();
        events.read_to_string(&mut text)?;
        if text.contains("populated 1") {
            poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&LAST_EXITS))?;
        }
        Ok(())
    }
}
