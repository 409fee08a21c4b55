//! The open file of a path.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::lock::{lock_shared, try_lock, unlock};
use crate::base::partial_write::PartialWrite;
use crate::base::sys::files::open_at_once;

/// An open file, with its type, its place and its size.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) file: File,
    pub(super) kind: Kind,
    identity: Identity,
    can_read: bool,
    /// The size of the file after this process' last write.
    size_bytes: u64,
    end: End,
    /// Whether another process was seen writing to the file.
    is_shared: bool,
}

/// The type of a file. Only regular files are moved or repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A regular file, with its path after all links.
    Regular(PathBuf),
    /// A pipe, a terminal or another device.
    Special,
    /// A descriptor of the process itself, such as `/dev/stdout`, of any type.
    Descriptor,
}

/// How a file ends, as far as this process knows without reading the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With a whole line that this process wrote.
    Ours,
    /// Possibly with a torn line.
    Torn,
    Unknown,
}

/// Identifies a file independently of its name: device and inode on Unix; elsewhere, all files are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(#[cfg(unix)] (u64, u64));

impl Identity {
    #[cfg(unix)]
    fn of(found: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self((found.dev(), found.ino()))
    }

    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Self {
        Self()
    }
}

/// The metadata of a file that rotation needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    identity: Identity,
    pub(super) size_bytes: u64,
    /// Whether the file still has a name, by which other programs can open it.
    pub(super) has_a_name: bool,
}

impl Found {
    /// Returns the metadata of the file at a path. Follows links, as opening the path does.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        if let Ok(found) = crate::base::sys::files::find(path) {
            return Ok(found.into());
        }
        // Old systems and old sandboxes lack the faster call.
        fs::metadata(path).map(|found| Self::of(&found))
    }

    /// Returns the metadata of an open file.
    pub(super) fn open(file: &File) -> io::Result<Self> {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        if let Ok(found) = crate::base::sys::files::find_open(file) {
            return Ok(found.into());
        }
        file.metadata().map(|found| Self::of(&found))
    }

    fn of(found: &Metadata) -> Self {
        #[cfg(unix)]
        let has_a_name = std::os::unix::fs::MetadataExt::nlink(found) > 0;
        #[cfg(not(unix))]
        let has_a_name = true;
        Self { identity: Identity::of(found), size_bytes: found.len(), has_a_name }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
impl From<crate::base::sys::files::Found> for Found {
    fn from(found: crate::base::sys::files::Found) -> Self {
        let crate::base::sys::files::Found { identity, size_bytes, names } = found;
        Self { identity: Identity(identity), size_bytes, has_a_name: names > 0 }
    }
}

impl Live {
    /// Opens the file at a path for appending. Creates it if it does not exist.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let resolved = resolve(path)?;
        // Not for reading: the program would be the reader of its own pipe.
        let is_regular = resolved.is_some() && fs::metadata(path).map_or(true, |found| found.is_file());
        let mut can_read = is_regular;
        let mut file = match open_at_once(OpenOptions::new().read(is_regular).append(true).create(true), path) {
            Err(error) if is_regular && error.kind() == io::ErrorKind::PermissionDenied => {
                can_read = false;
                open_at_once(OpenOptions::new().append(true).create(true), path)
            }
            opened => opened,
        }?;
        if can_read && !file.metadata()?.is_file() {
            can_read = false;
            file = open_at_once(OpenOptions::new().append(true), path)?;
        }
        let found = file.metadata()?;
        let kind = match resolved {
            None => Kind::Descriptor,
            Some(real) if found.is_file() => Kind::Regular(real),
            Some(_) => Kind::Special,
        };
        let end = match kind {
            Kind::Regular(_) if !can_read && found.len() > 0 => End::Torn,
            _ => End::Unknown,
        };
        let identity = Identity::of(&found);
        Ok(Self { file, kind, identity, can_read, size_bytes: found.len(), end, is_shared: false })
    }

    /// Creates the file that is to replace `other`, with its permissions.
    pub(super) fn create(path: &Path, other: &Self) -> io::Result<Self> {
        let create = || OpenOptions::new().read(true).append(true).create_new(true).open(path);
        let is_leftover = || fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == 0);
        let file = match create() {
            // A process that ended in the middle of a move left this file.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_leftover() => {
                fs::remove_file(path)?;
                create()?
            }
            created => created?,
        };
        if let Ok(found) = other.file.metadata() {
            // The new file gets the same permissions. Writing continues if they cannot be set.
            let _ = file.set_permissions(found.permissions());
        }
        let identity = Identity::of(&file.metadata()?);
        Ok(Self {
            file,
            kind: other.kind.clone(),
            identity,
            can_read: true,
            size_bytes: 0,
            end: End::Ours,
            is_shared: other.is_shared,
        })
    }

    /// Returns whether `found` describes this file.
    pub(super) fn is(&self, found: &Found) -> bool {
        self.identity == found.identity
    }

    /// Returns whether this file is at the path `real`, which is not a link.
    pub(super) fn is_at(&self, real: &Path) -> bool {
        fs::symlink_metadata(real).is_ok_and(|found| found.is_file() && self.identity == Identity::of(&found))
    }

    /// Follows the links of the path again.
    pub(super) fn resolve_again(&mut self, path: &Path) -> io::Result<()> {
        if let Some(real) = resolve(path)? {
            self.kind = Kind::Regular(real);
        }
        Ok(())
    }

    /// Empties the file.
    pub(super) fn truncate(&mut self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// Appends whole lines to the file, which has `size_bytes`, by one write. If the file ends in a torn line, begins
    /// with a line break.
    ///
    /// # Errors
    ///
    /// [`PartialWrite`], unless only the last line break is missing. The next write then begins with it.
    pub(super) fn append(&mut self, lines: &[u8], size_bytes: u64) -> io::Result<()> {
        let is_known = self.end == End::Ours && size_bytes == self.size_bytes;
        self.is_shared |= size_bytes > self.size_bytes;
        if !matches!(self.kind, Kind::Regular(_)) {
            return self.append_locked(lines, size_bytes, self.end == End::Torn);
        }
        if is_known && !self.is_shared {
            return self.append_locked(lines, size_bytes, false);
        }
        let is_torn = self.lock_to_append(size_bytes, is_known);
        let appended = self.append_locked(lines, size_bytes, is_torn);
        unlock(&self.file);
        appended
    }

    fn append_locked(&mut self, lines: &[u8], size_bytes: u64, is_torn: bool) -> io::Result<()> {
        let mended = if is_torn { [b"\n", lines].concat() } else { Vec::new() };
        let text = if is_torn { &mended } else { lines };
        let mut written = 0;
        let cause = loop {
            match self.file.write(&text[written..]) {
                Ok(0) => break io::ErrorKind::WriteZero.into(),
                Ok(length) => written += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
            if written >= text.len() {
                (self.end, self.size_bytes) = (End::Ours, size_bytes + text.len() as u64);
                return Ok(());
            }
        };
        if let Some(last) = text[..written].last() {
            self.size_bytes = size_bytes + written as u64;
            self.end = if *last == b'\n' { End::Unknown } else { End::Torn };
        }
        if text[written..] == *b"\n" && written > 0 {
            return Ok(());
        }
        let written = written.saturating_sub(usize::from(is_torn));
        Err(PartialWrite { written, cause }.into_io())
    }

    /// Takes the lock to append to the file, which has `size_bytes`. Returns whether the file ends in a torn line, of
    /// any process.
    fn lock_to_append(&self, size_bytes: u64, is_known: bool) -> bool {
        let may_be_torn = !is_known && self.can_read && !self.ends_whole(size_bytes);
        // Another process may be in the middle of a line. It then holds the shared lock, unless it believed to be the
        // only writer; without the lock it finishes within moments. So the line is torn only if it has no line break
        // for a while under the exclusive lock.
        if may_be_torn && try_lock(&self.file) {
            return self.stays_torn();
        }
        lock_shared(&self.file);
        !is_known && !self.can_read && self.end == End::Torn
    }

    /// Returns whether the last line has no line break, also when checked several times.
    fn stays_torn(&self) -> bool {
        /// Enough time for a write that has begun.
        const LOOKS: u32 = 16;
        let is_torn = || !Found::open(&self.file).is_ok_and(|found| self.ends_whole(found.size_bytes));
        (0..LOOKS).all(|_| {
            std::thread::yield_now();
            is_torn()
        })
    }

    /// Returns whether the bytes before `offset` end in a line break, or there are none.
    fn ends_whole(&self, offset: u64) -> bool {
        let mut last = [0];
        // If the file cannot be read, the line counts as whole.
        offset == 0 || read_at(&self.file, &mut last, offset - 1).is_err() || last == *b"\n"
    }
}

/// Reads bytes at an offset.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Read as _, Seek as _};
    file.seek(io::SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

/// Follows all links of a path, also if no file exists at its end. Returns `None` if the path leads to a descriptor of
/// a process.
fn resolve(path: &Path) -> io::Result<Option<PathBuf>> {
    /// The number of links that Linux follows.
    const LINKS: u32 = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(Some(path)) };
        let parent = fs::canonicalize(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
        if parent.starts_with("/proc") || parent.starts_with("/dev/fd") {
            return Ok(None);
        }
        let real = parent.join(name);
        match fs::read_link(&real) {
            Ok(target) => path = parent.join(target),
            Err(_) => return Ok(Some(real)),
        }
    }
    Err(io::Error::other("there are too many links"))
}
