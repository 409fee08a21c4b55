//! The file that is at a path now.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::lock::{lock_shared, try_lock, unlock};
use crate::lines::PartialWrite;
use crate::sys::open_at_once;

/// An open file, and what is known of it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) file: File,
    pub(super) kind: Kind,
    identity: Identity,
    can_read: bool,
    /// The last line has no end, as far as is known without reading.
    is_torn: bool,
    /// How large the file was after a write that was meant not to end a line, so that the next goes on with it. 0 if it was.
    unended_bytes: u64,
}

/// What a file is, which decides what may become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A regular file, and where it is once links are followed.
    Regular(PathBuf),
    /// A pipe, a terminal or another device.
    Special,
    /// One of the process' own descriptors, such as `/dev/stdout`, whatever it is.
    Descriptor,
}

/// What tells a file from another one of the same name.
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

impl Live {
    /// Opens the file at a path to be appended to, and makes it if there is none.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let resolved = resolve(path)?;
        // What is no regular file must not be opened for reading: the program would be its own reader.
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
        // The last line of a file that cannot be read may be torn.
        let is_torn = matches!(kind, Kind::Regular(_)) && found.len() > 0;
        Ok(Self { identity: Identity::of(&found), file, kind, can_read, is_torn, unended_bytes: 0 })
    }

    /// Makes a new file at a path, which stands in for `other`.
    pub(super) fn create(path: &Path, other: &Self) -> io::Result<Self> {
        let create = || OpenOptions::new().read(true).append(true).create_new(true).open(path);
        let is_leftover = || fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == 0);
        let file = match create() {
            // Of a process that ended in the middle.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_leftover() => {
                fs::remove_file(path)?;
                create()?
            }
            created => created?,
        };
        if let Ok(found) = other.file.metadata() {
            // Who may read the one may read the other; that is not worth a failure.
            let _ = file.set_permissions(found.permissions());
        }
        let identity = Identity::of(&file.metadata()?);
        Ok(Self { file, kind: other.kind.clone(), identity, can_read: true, is_torn: false, unended_bytes: 0 })
    }

    /// Whether this is the file that was found.
    pub(super) fn is(&self, found: &Metadata) -> bool {
        self.identity == Identity::of(found)
    }

    /// Follows the links of the path anew.
    pub(super) fn resolve_again(&mut self, path: &Path) -> io::Result<()> {
        if let Some(real) = resolve(path)? {
            self.kind = Kind::Regular(real);
        }
        Ok(())
    }

    /// Whether the file still has a name.
    pub(super) fn has_a_name(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            self.file.metadata().is_ok_and(|found| found.nlink() > 0)
        }
        #[cfg(not(unix))]
        true
    }

    /// Empties the file.
    pub(super) fn truncate(&mut self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// Appends whole lines to the file, which has `size_bytes`, by one write: after a torn line on a line of their own.
    ///
    /// # Errors
    ///
    /// [`PartialWrite`], unless nothing but the end of the last line is missing, which follows with the next.
    pub(super) fn append(&mut self, lines: &[u8], size_bytes: u64) -> io::Result<()> {
        if !matches!(self.kind, Kind::Regular(_)) {
            return self.append_locked(lines, size_bytes, self.is_torn);
        }
        let is_torn = self.lock_to_append(size_bytes);
        let appended = self.append_locked(lines, size_bytes, is_torn);
        unlock(&self.file);
        appended
    }

    fn append_locked(&mut self, lines: &[u8], size_bytes: u64, is_torn: bool) -> io::Result<()> {
        let mended = if is_torn { [b"\n", lines].concat() } else { Vec::new() };
        let text = if is_torn { &mended } else { lines };
        let mut written = 0;
        let source = loop {
            match self.file.write(&text[written..]) {
                Ok(0) => break io::ErrorKind::WriteZero.into(),
                Ok(length) => written += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
            if written >= text.len() {
                self.is_torn = false;
                let is_ended = text.last().is_none_or(|last| *last == b'\n');
                self.unended_bytes = if is_ended { 0 } else { size_bytes + text.len() as u64 };
                return Ok(());
            }
        };
        self.unended_bytes = 0;
        if let Some(last) = text[..written].last() {
            self.is_torn = *last != b'\n';
        }
        if text[written..] == *b"\n" && written > 0 {
            return Ok(());
        }
        let written = written.saturating_sub(usize::from(is_torn));
        Err(PartialWrite { written, source }.into_io())
    }

    /// Takes the lock of the file, which has `size_bytes`, to write to it. Returns whether it ends with a part of a line: of
    /// ours, of a process before, or where someone cut it off.
    fn lock_to_append(&self, size_bytes: u64) -> bool {
        let may_be_torn = self.can_read && size_bytes != self.unended_bytes && !self.ends_whole(size_bytes);
        // A line that another process is just writing is seen without its end, too: but not once it has no lock.
        if may_be_torn && try_lock(&self.file) {
            return !self.file.metadata().is_ok_and(|found| self.ends_whole(found.len()));
        }
        lock_shared(&self.file);
        !self.can_read && self.is_torn
    }

    /// Whether there is nothing before an offset, or the end of a line.
    fn ends_whole(&self, offset: u64) -> bool {
        let mut last = [0];
        // What cannot be read now is not held to be torn.
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

/// Where a path leads to, when all links are followed; there need be nothing. `None` if it leads to a descriptor of a
/// process.
fn resolve(path: &Path) -> io::Result<Option<PathBuf>> {
    /// As many links as Linux follows.
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
