//! What makes a record durable.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

/// The steps from a line to a line on the disk. A trait, so that tests see each step and its turn.
pub(super) trait Storage: fmt::Debug + Send + Sync {
    /// Opens the file at `path` for reading and appending, and makes it if there is none.
    fn open(&self, path: &Path) -> io::Result<File>;

    /// Writes all of `line` at the end of `file`, which is open for appending.
    fn append(&self, file: &mut File, line: &[u8]) -> io::Result<()>;

    /// Returns when what was written to `file` survives a crash of the system.
    fn sync_file(&self, file: &File) -> io::Result<()>;

    /// Returns when the name of the file at `path` survives one: without it, neither do its lines.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
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
                "not a regular file, so records would be lost; name a file on a disk",
            )),
        }
    }

    fn append(&self, file: &mut File, line: &[u8]) -> io::Result<()> {
        file.write_all(line)
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            // Elsewhere folders cannot be opened, and the file system sees to it.
            Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
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
