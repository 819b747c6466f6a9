//! What makes a record durable.

use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

/// The steps from a line to a line on the disk. A trait, so that tests see each step and its turn.
pub(super) trait Storage: fmt::Debug + Send + Sync {
    /// Opens the file at `path` for reading and appending, and makes it if there is none.
    fn open(&self, path: &Path) -> io::Result<File>;

    /// Waits for the lock on `file`, until the deadline: an editor may have left it behind.
    fn lock(&self, file: &File, deadline: Instant) -> io::Result<()>;

    /// Writes all of `line` at the end of `file`, which is open for appending.
    fn append(&self, file: &mut File, line: &[u8]) -> io::Result<()>;

    /// Returns when what was written to `file` survives a crash of the system.
    fn sync_file(&self, file: &File) -> io::Result<()>;

    /// Returns when the names in `folder` survive one: without its name, no line of a file does.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// The file system.
#[derive(Debug)]
pub(super) struct Disk;

impl Storage for Disk {
    fn open(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file, so records would be lost; use a file on a disk",
            )),
        }
    }

    fn lock(&self, file: &File, deadline: Instant) -> io::Result<()> {
        const PAUSE: Duration = Duration::from_millis(5);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "another program locks the file; check which one",
                    ));
                }
            }
        }
    }

    fn append(&self, file: &mut File, line: &[u8]) -> io::Result<()> {
        file.write_all(line)
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        match cfg!(unix) {
            true => File::open(folder)?.sync_all(),
            // Elsewhere folders cannot be opened, and the file system sees to it.
            false => Ok(()),
        }
    }
}

/// The folder with the name of the file that `path` leads to, behind every symbolic link.
pub(super) fn folder_of(path: &Path) -> io::Result<PathBuf> {
    let file = fs::canonicalize(path)?;
    file.parent()
        .map(Path::to_owned)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path leads to no file"))
}

/// Which file it is. A new file may have the number of one that was removed, and is younger then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    #[cfg(unix)]
    device_and_number: (u64, u64),
    /// `None` where the file system does not keep it.
    created: Option<SystemTime>,
}

impl FileId {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        let metadata = file.metadata()?;
        Ok(Self {
            #[cfg(unix)]
            device_and_number: (metadata.dev(), metadata.ino()),
            created: metadata.created().ok(),
        })
    }
}

/// Whether `file` is still the one that `path` leads to: it may have been renamed or removed.
#[cfg(unix)]
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let open = file.metadata()?;
    Ok(there(fs::metadata(path))?
        .is_some_and(|there| (there.dev(), there.ino()) == (open.dev(), open.ino())))
}

#[cfg(not(unix))]
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = same_file::Handle::from_file(file.try_clone()?)?;
    Ok(there(same_file::Handle::from_path(path))?.is_some_and(|there| there == open))
}

/// `None` when there is nothing at a path.
fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
