//! Records as lines of a file.

mod storage;

use std::{
    fs::{File, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard, Semaphore},
    time::{self, timeout, timeout_at},
};

use self::storage::{Disk, FileId, Storage, folder_of, is_at};
use super::{AuditRecord, AuditSink};
use crate::error::BoxError;

/// A file with one record on each line, as JSON (<https://jsonlines.org>).
///
/// Needs a tokio runtime with its timer. Its threads for blocking work write the file.
///
/// # Guarantees
///
/// - A line is written in one write at the end of the file (`O_APPEND`), under an exclusive lock
///   ([`File::lock`]). So any number of sinks and processes can share a file, if each of them is a
///   `JsonLinesFile`. Any other program that locks the file delays signing. A record that waited
///   two seconds, behind other records and for the lock, fails with a retryable error.
/// - The locked file is the one at the path. If it was renamed or removed while the record waited
///   for the lock, the record goes to the file that is there now.
/// - If a full disk or a crash cut the last line, the next record begins a new one. The cut line
///   stays, and readers have to skip lines that are not JSON. The signature of a cut line was not
///   returned, unless the system crashed and [`Fsync::Never`] was set.
/// - At most 16 records of a sink and its clones are synced at the same time, so a disk that hangs
///   blocks no more threads. A record that waited ten seconds for one of these places fails with a
///   retryable error.
/// - A write that waits for a thread happens even if the future is dropped, unless the runtime
///   shuts down.
///
/// # Rotation
///
/// The file is opened for each record, so after you rename it the next record creates a new one,
/// without a signal or a restart. That takes some microseconds of the tenth of a millisecond of a
/// record, most of which is the change of threads. A record that is being written goes to the
/// renamed file, so do not change that one at once: with logrotate, use `delaycompress` and not
/// `copytruncate`. A program that removes or truncates the file must hold its lock while it does,
/// or a record that is being written is lost.
///
/// A new file can be read and written by its owner alone (mode 0600) on Unix.
#[derive(Clone, Debug)]
pub struct JsonLinesFile {
    path: Arc<Path>,
    fsync: Fsync,
    turn: Arc<Mutex<Turn>>,
    /// Places for records that are in a sync.
    syncs: Arc<Semaphore>,
    storage: Arc<dyn Storage>,
}

/// Locked by the record that is being written, so that the waiting ones block no thread.
#[derive(Debug, Default)]
struct Turn {
    /// The file whose folder was synced. Not each empty file: another writer, which does not sync,
    /// may have written the first line.
    in_synced_folder: Option<FileId>,
}

/// When a record is on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fsync {
    /// When the operating system decides, usually within half a minute. Records survive a crash of
    /// the process, but the last ones not a crash of the system. The default.
    #[default]
    Never,
    /// Before the signature is returned: the file is synced, and before its first record the folder
    /// with its name (`fsync` of POSIX). The record then survives a crash of the system, if the
    /// file system and the disk store what they confirm. Parent folders, and a symbolic link to the
    /// file, are not synced. It takes as long as the disk needs, often some milliseconds.
    /// Concurrent requests wait for it concurrently.
    EachRecord,
}

impl JsonLinesFile {
    /// Appends to the file at `path`, and creates it if there is none. Its folder must exist.
    ///
    /// A relative path is resolved now, and stays the same if the current directory changes. By
    /// default there is no fsync.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened for reading (its last byte) and writing, when it is no
    /// regular file, and when the file system cannot lock or sync it.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        Self::open_on(Arc::new(Disk), &path).map_err(|error| in_file(&path, error))
    }

    fn open_on(storage: Arc<dyn Storage>, path: &Path) -> io::Result<Self> {
        prove(&storage.open(path)?, &*storage)?;
        Ok(Self {
            path: path.into(),
            fsync: Fsync::default(),
            turn: Arc::default(),
            syncs: Arc::new(Semaphore::new(MOST_SYNCS)),
            storage,
        })
    }

    /// Sets when a record is synced to the disk; [`Fsync::Never`] by default.
    #[must_use]
    pub fn with_fsync(mut self, fsync: Fsync) -> Self {
        self.fsync = fsync;
        self
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// How long a record waits behind others and then for the lock. Other writers lock the file for a
/// fraction of a millisecond.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// How many records are synced at the same time. Each blocks a thread, and the system combines
/// them.
const MOST_SYNCS: usize = 16;

/// How long a record waits for one of these places.
const SYNC_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the file may be replaced while it is opened, for one record.
const MOST_REPLACED: usize = 16;

#[async_trait]
impl AuditSink for JsonLinesFile {
    async fn record(&self, record: &AuditRecord) -> Result<(), BoxError> {
        let json = serde_json::to_string(record)?;
        let runtime = Handle::try_current()?;
        // Set the deadline before waiting for the turn, so that it covers both waits.
        let deadline = time::Instant::now() + LOCK_TIMEOUT;
        let turn = timeout_at(deadline, Arc::clone(&self.turn).lock_owned()).await;
        let turn = turn.map_err(|_| {
            self.late("waited 2 s behind other records; check which program locks the file")
        })?;
        let sink = self.clone();
        let written = runtime
            .spawn_blocking(move || sink.write(&json, turn, deadline.into_std()))
            .await?;
        let file = written.map_err(|error| in_file(&self.path, error))?;
        match self.fsync {
            Fsync::Never => Ok(()),
            Fsync::EachRecord => self.sync(&runtime, file).await,
        }
    }
}

impl JsonLinesFile {
    /// Opens the file and locks it, and makes sure that it still is the file at the path then:
    /// while the lock is awaited, the file may be renamed, compressed and removed.
    fn open_locked(&self, deadline: Instant) -> io::Result<File> {
        for _ in 0..MOST_REPLACED {
            let file = self.storage.open(&self.path)?;
            self.storage.lock(&file, deadline)?;
            if is_at(&file, &self.path)? {
                return Ok(file);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another program keeps replacing the file; check what rotates it",
        ))
    }

    fn write(
        &self,
        json: &str,
        mut turn: OwnedMutexGuard<Turn>,
        deadline: Instant,
    ) -> io::Result<File> {
        let mut file = self.open_locked(deadline)?;
        let is_new = file.metadata()?.len() == 0;
        if self.fsync == Fsync::EachRecord {
            let id = Some(FileId::of(&file)?);
            if turn.in_synced_folder != id {
                // Before the record, so that if this fails the next record retries it.
                self.storage.sync_folder(&folder_of(&self.path)?)?;
                turn.in_synced_folder = id;
            }
        }
        let line = match is_new || ends_with_newline(&mut file)? {
            true => format!("{json}\n"),
            false => format!("\n{json}\n"),
        };
        self.storage.append(&mut file, line.as_bytes())?;
        file.unlock()?;
        Ok(file)
    }

    async fn sync(&self, runtime: &Handle, file: File) -> Result<(), BoxError> {
        let place = timeout(SYNC_TIMEOUT, Arc::clone(&self.syncs).acquire_owned()).await;
        let place = place.map_err(|_| {
            self.late("waited 10 s for the sync of other records; check the disk")
        })??;
        let storage = Arc::clone(&self.storage);
        let sync = move || {
            let synced = storage.sync_file(&file);
            drop(place);
            synced
        };
        let synced = runtime.spawn_blocking(sync).await?;
        Ok(synced.map_err(|error| in_file(&self.path, error))?)
    }

    fn late(&self, why: &str) -> io::Error {
        in_file(
            &self.path,
            io::Error::new(io::ErrorKind::TimedOut, why.to_owned()),
        )
    }
}

/// Checks before the first signature that records can be stored in this file. Some files, such as
/// those of `/proc`, cannot be locked or synced.
fn prove(file: &File, storage: &dyn Storage) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => file.unlock()?,
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(cannot_be("locked", error)),
    }
    let synced = storage.sync_file(file);
    synced.map_err(|error| cannot_be("synced to a disk", error))
}

fn cannot_be(what: &str, error: io::Error) -> io::Error {
    let text = format!("it cannot be {what} ({error}); use a file on another file system");
    io::Error::new(error.kind(), text)
}

fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn in_file(path: &Path, error: io::Error) -> io::Error {
    // Too many open files, in the process or the system: POSIX, and std has no kind for it.
    let kind = match error.raw_os_error() {
        Some(23 | 24) if cfg!(unix) => io::ErrorKind::ResourceBusy,
        _ => error.kind(),
    };
    io::Error::new(kind, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
