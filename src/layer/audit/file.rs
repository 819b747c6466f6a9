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
/// Needs a tokio runtime with its timer, whose threads for blocking work do the writing.
///
/// # What holds
///
/// - A line is written whole, in one write at the end of the file (`O_APPEND`), under an exclusive
///   lock on it ([`File::lock`]). So any number of sinks and processes may write to one file, as
///   long as each of them is a `JsonLinesFile`. Any other program that holds that lock delays
///   signing. A record that waited two seconds for the file, behind other records and for the
///   lock, fails with a retryable error.
/// - The locked file is the one at the path. If it was renamed or removed while its lock was
///   awaited, the record goes to the file that is there now.
/// - If a full disk or a crash cut the last line, the next record begins a new one. What was cut
///   stays, and a reader has to skip what is not JSON. Its signature was not returned, unless
///   the system crashed and [`Fsync::Never`] holds.
/// - At most 16 records of a sink and its clones are in a sync at the same time, so a disk that
///   hangs keeps no more threads. A record that waited ten seconds for such a place fails with a
///   retryable error.
/// - Once the write was handed to a thread it is done, even if the future is dropped. Only a
///   runtime that shuts down gives up writes that wait for a thread.
///
/// # Rotation
///
/// The file is opened for each record, so rename it whenever you like and the next record makes a
/// new one, without a signal or a restart. That costs some microseconds of the tenth of a
/// millisecond that a record takes, most of which goes into the change of threads. A record that is
/// just being written ends up in the renamed file, so leave it alone for a moment: with logrotate,
/// use `delaycompress` and not `copytruncate`. A program that removes or truncates the file must
/// hold the lock meanwhile, or a record that is just being written is lost.
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

/// Whose turn it is to write has this, so that records that wait for it keep no thread waiting.
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
    /// When the operating system sees fit, usually within half a minute. Records survive the end
    /// of the process, however it ends, and the last ones not that of the system. The default.
    #[default]
    Never,
    /// Before the signature is returned: the file is synced, and before its first record the folder
    /// with its name (`fsync` of POSIX). The record then survives a crash of the system, as far as
    /// the file system and the disk keep what they confirm. The folders above, and a symbolic link
    /// that leads to the file, are not synced. This costs what the disk takes for it, often some
    /// milliseconds. Requests wait for it side by side.
    EachRecord,
}

impl JsonLinesFile {
    /// Appends to the file at `path`, which is made if there is none. Its folder has to be there.
    ///
    /// A relative path is that of the current directory now, even if that changes later. There is
    /// no fsync by default.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened for reading and writing (reading is for its last byte), and
    /// when records cannot be kept in it: it is no regular file, or the file system can neither
    /// lock nor sync it.
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

    /// Sets when a record has to be on the disk; [`Fsync::Never`] by default.
    #[must_use]
    pub fn with_fsync(mut self, fsync: Fsync) -> Self {
        self.fsync = fsync;
        self
    }

    /// Where the records are.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// How long a record waits for its turn and then for the lock. Other writers hold it for a fraction
/// of a millisecond.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// How many records are in a sync. Each keeps a thread, and the system bundles what they want.
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
        // Before the turn: otherwise each record would wait for those before it and then anew.
        let deadline = time::Instant::now() + LOCK_TIMEOUT;
        let turn = timeout_at(deadline, Arc::clone(&self.turn).lock_owned()).await;
        let turn = turn.map_err(|_| {
            self.late("waited 2 s behind other records; check what keeps the file locked")
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
            "another program replaces the file again and again",
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
                // Before the record, so that if this fails the next one tries again.
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
            self.late("waited 10 s until other records are synced; check the disk")
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

/// Finds out before the first signature whether records can be kept in this file. What looks like a
/// file need not be one, such as those of `/proc`.
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
    let text = format!("it cannot be {what} ({error}); name a file on another file system");
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
