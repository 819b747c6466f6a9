//! Records as lines of a file.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard},
};

use super::{AuditRecord, AuditSink};
use crate::error::BoxError;

/// A file with one record on each line, as JSON (<https://jsonlines.org>).
///
/// Needs a tokio runtime, whose threads for blocking work do the writing.
///
/// # What holds
///
/// - A line is written whole, in one write at the end of the file (`O_APPEND`), under an exclusive
///   lock on it ([`File::lock`]). So any number of sinks and processes may write to one file, as
///   long as each of them is a `JsonLinesFile`. Whoever else holds that lock holds up
///   signing, and after two seconds fails it.
/// - If a full disk or a crash cut the last line, the next record begins a new one. What was cut
///   stays, and a reader has to pass over what is not JSON. Its signature was not released, unless
///   the system crashed and [`Fsync::Never`] holds.
/// - Once the write was handed over it is done, even if the future is dropped. Only a runtime that
///   shuts down gives up writes that wait for a thread.
///
/// # Rotation
///
/// The file is opened for each record, so rename it whenever you like and the next record makes a
/// new one, without a signal or a restart. That costs some microseconds of the tenth of a
/// millisecond that a record takes, most of which goes into the change of threads. A record that is
/// just being written ends up in the renamed file, so leave it alone for a moment: with logrotate,
/// use `delaycompress` and not `copytruncate`.
///
/// A new file can be read and written by its owner alone (mode 0600) on Unix.
#[derive(Clone, Debug)]
pub struct JsonLinesFile {
    path: Arc<Path>,
    fsync: Fsync,
    /// Whose turn it is to write, so that those who wait for it keep no thread waiting.
    turn: Arc<Mutex<()>>,
}

/// When a record is on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fsync {
    /// When the operating system sees fit, usually within half a minute. Records survive the end
    /// of the process, however it ends, and the last ones not that of the system. The default.
    #[default]
    Never,
    /// Before the signature is released: no crash of the system loses the record of one. This
    /// costs what the disk takes for it, often some milliseconds. Requests wait for it side by
    /// side.
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
    /// When the file cannot be opened for reading and writing. Reading is for its last byte.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        open(&path).map_err(|error| in_file(&path, error))?;
        Ok(Self {
            path: path.into(),
            fsync: Fsync::default(),
            turn: Arc::default(),
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

/// Other writers hold the lock for a fraction of a millisecond.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

#[async_trait]
impl AuditSink for JsonLinesFile {
    async fn record(&self, record: &AuditRecord) -> Result<(), BoxError> {
        let json = serde_json::to_string(record)?;
        let runtime = Handle::try_current()?;
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let (path, fsync) = (Arc::clone(&self.path), self.fsync);
        runtime
            .spawn_blocking(move || {
                write(&path, &json, fsync, turn).map_err(|error| in_file(&path, error))
            })
            .await??;
        Ok(())
    }
}

fn write(path: &Path, json: &str, fsync: Fsync, turn: OwnedMutexGuard<()>) -> io::Result<()> {
    let mut file = open(path)?;
    lock(&file)?;
    let is_new = file.metadata()?.len() == 0;
    if is_new && fsync == Fsync::EachRecord {
        // Before the first record, so that if this fails the next one tries again.
        sync_folder(path)?;
    }
    let line = match is_new || ends_with_newline(&mut file)? {
        true => format!("{json}\n"),
        false => format!("\n{json}\n"),
    };
    file.write_all(line.as_bytes())?;
    file.unlock()?;
    // The system bundles what several threads want on the disk at the same time.
    drop(turn);
    match fsync {
        Fsync::Never => Ok(()),
        Fsync::EachRecord => file.sync_data(),
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Waits for the lock, but not for ever: somebody may have left it behind in an editor.
fn lock(file: &File) -> io::Result<()> {
    const PAUSE: Duration = Duration::from_millis(5);
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_PATIENCE => {
                thread::sleep(PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another program keeps the file locked",
                ));
            }
        }
    }
}

fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// A new file is found after a crash only if its folder is on the disk too.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        // Elsewhere folders cannot be opened, and the file system sees to it.
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn in_file(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
