use std::{
    fmt, fs,
    path::PathBuf,
    sync::mpsc::{self, Receiver, Sender},
};

use tempfile::TempDir;

use super::*;
use crate::{
    Error, KeyType, PublicKey, SignRequest,
    error::AuditFault::{Permanent, Temporary},
    layer::audit::failure::fault_of,
};

fn record(label: &str) -> AuditRecord {
    let point = k256::PublicKey::from_affine(k256::AffinePoint::GENERATOR).unwrap();
    let key = PublicKey::from_bytes(KeyType::Secp256k1, &point.to_sec1_bytes()).unwrap();
    let request = SignRequest::keccak256(b"preimage");
    AuditRecord::new(&key, &request, Some(label), Err(&Error::Cancelled))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Open,
    Lock,
    Append,
    SyncFile,
    SyncFolder,
}

/// What to do in a step instead of going on.
type Hook = Box<dyn Fn(Step) -> io::Result<()> + Send + Sync>;

/// The disk, with each step written down, and how many lines the file had by then.
struct Watched {
    path: PathBuf,
    steps: std::sync::Mutex<Vec<(Step, usize)>>,
    /// The folders that were synced.
    folders: std::sync::Mutex<Vec<PathBuf>>,
    /// Until when to wait for the lock.
    deadlines: std::sync::Mutex<Vec<Instant>>,
    hook: Hook,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl Watched {
    /// Not `Open` and `Lock`, which are the first steps of each record.
    fn steps(&self) -> Vec<(Step, usize)> {
        let steps = std::mem::take(&mut *self.steps.lock().unwrap());
        steps
            .into_iter()
            .filter(|(step, _)| !matches!(step, Step::Open | Step::Lock))
            .collect()
    }

    fn see(&self, step: Step) -> io::Result<()> {
        let lines = fs::read_to_string(&self.path).unwrap_or_default();
        self.steps
            .lock()
            .unwrap()
            .push((step, lines.lines().count()));
        (self.hook)(step)
    }
}

impl Storage for Watched {
    fn open(&self, path: &Path) -> io::Result<File> {
        let file = Disk.open(path)?;
        self.see(Step::Open)?;
        Ok(file)
    }

    fn lock(&self, file: &File, deadline: Instant) -> io::Result<()> {
        self.deadlines.lock().unwrap().push(deadline);
        self.see(Step::Lock)?;
        Disk.lock(file, deadline)
    }

    fn append(&self, file: &mut File, line: &[u8]) -> io::Result<()> {
        self.see(Step::Append)?;
        Disk.append(file, line)
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        self.see(Step::SyncFile)?;
        Disk.sync_file(file)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.folders.lock().unwrap().push(folder.to_owned());
        self.see(Step::SyncFolder)?;
        Disk.sync_folder(folder)
    }
}

/// A sink in a folder of its own, opened on a disk that is watched from then on.
fn watched(
    fsync: Fsync,
    hook: impl Fn(Step) -> io::Result<()> + Send + Sync + 'static,
) -> (TempDir, JsonLinesFile, Arc<Watched>) {
    let folder = TempDir::new().unwrap();
    let (sink, storage) = watched_at(folder.path().join("audit.jsonl"), fsync, hook);
    (folder, sink, storage)
}

fn watched_at(
    path: PathBuf,
    fsync: Fsync,
    hook: impl Fn(Step) -> io::Result<()> + Send + Sync + 'static,
) -> (JsonLinesFile, Arc<Watched>) {
    let mut sink = JsonLinesFile::open(&path).unwrap().with_fsync(fsync);
    let storage = Arc::new(Watched {
        path,
        steps: Default::default(),
        folders: Default::default(),
        deadlines: Default::default(),
        hook: Box::new(hook),
    });
    sink.storage = storage.clone();
    (sink, storage)
}

fn labels(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let records = text.lines().map(|line| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        record["label"].as_str().unwrap().to_owned()
    });
    records.collect()
}

/// First the folder, so that there is a file after a crash, and last the lines in it.
#[tokio::test]
async fn folder_and_file_are_synced_in_this_order() {
    use Step::*;
    let (folder, sink, storage) = watched(Fsync::EachRecord, |_| Ok(()));
    for _ in 0..2 {
        sink.record(&record("first")).await.unwrap();
        assert_eq!(
            storage.steps(),
            [(SyncFolder, 0), (Append, 0), (SyncFile, 1)]
        );
        sink.record(&record("second")).await.unwrap();
        assert_eq!(storage.steps(), [(Append, 1), (SyncFile, 2)]);
        // The next file is as new as the first one was.
        fs::rename(sink.path(), folder.path().join("rotated")).unwrap();
    }
    let real = fs::canonicalize(folder.path()).unwrap();
    assert_eq!(*storage.folders.lock().unwrap(), [real.clone(), real]);
    let sink = sink.with_fsync(Fsync::Never);
    for lines in 0..2 {
        sink.record(&record("third")).await.unwrap();
        assert_eq!(storage.steps(), [(Append, lines)]);
    }
}

/// The writer of the first line may not have synced the folder, so its length says nothing.
#[tokio::test]
async fn the_folder_is_synced_for_a_file_that_another_writer_began() {
    use Step::*;
    let (_folder, sink, storage) = watched(Fsync::Never, |_| Ok(()));
    sink.record(&record("first")).await.unwrap();
    assert_eq!(storage.steps(), [(Append, 0)]);
    let sink = sink.with_fsync(Fsync::EachRecord);
    sink.record(&record("second")).await.unwrap();
    assert_eq!(
        storage.steps(),
        [(SyncFolder, 1), (Append, 1), (SyncFile, 2)]
    );
    sink.record(&record("third")).await.unwrap();
    assert_eq!(storage.steps(), [(Append, 2), (SyncFile, 3)]);
}

#[tokio::test]
async fn a_folder_that_was_not_synced_is_synced_for_the_next_record() {
    use Step::*;
    let fails = std::sync::atomic::AtomicBool::new(true);
    let (_folder, sink, storage) = watched(Fsync::EachRecord, move |step| {
        match step == SyncFolder && fails.swap(false, std::sync::atomic::Ordering::SeqCst) {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(()),
        }
    });
    sink.record(&record("first")).await.unwrap_err();
    sink.record(&record("second")).await.unwrap();
    let steps = [(SyncFolder, 0), (SyncFolder, 0), (Append, 0), (SyncFile, 1)];
    assert_eq!(storage.steps(), steps);
}

/// The folder with the name of the file, not that with the name of a link to it.
#[cfg(unix)]
#[tokio::test]
async fn the_folder_of_a_linked_file_is_that_of_the_file() {
    let (links, files) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let link = links.path().join("link.jsonl");
    std::os::unix::fs::symlink(files.path().join("audit.jsonl"), &link).unwrap();
    let (sink, storage) = watched_at(link, Fsync::EachRecord, |_| Ok(()));
    sink.record(&record("label")).await.unwrap();
    let real = fs::canonicalize(files.path()).unwrap();
    assert_eq!(*storage.folders.lock().unwrap(), [real]);
}

/// However many wait, each fails two seconds after it came, and does not touch the file.
#[tokio::test(start_paused = true)]
async fn waiting_for_the_turn_is_bounded() {
    let (_folder, sink, storage) = watched(Fsync::Never, |_| Ok(()));
    let turn = sink.turn.lock().await;
    let start = time::Instant::now();
    let record = record("label");
    let records = (0..6).map(|_| sink.record(&record));
    for recorded in futures_util::future::join_all(records).await {
        let error = recorded.unwrap_err();
        assert_eq!(fault_of(&*error), Temporary, "{error}");
        assert!(error.to_string().contains("audit.jsonl"), "{error}");
    }
    assert_eq!(start.elapsed(), LOCK_TIMEOUT);
    assert!(storage.steps.lock().unwrap().is_empty());
    drop(turn);
    sink.record(&record).await.unwrap();
}

/// What a record waited for its turn, it does not wait for the lock as well.
#[tokio::test]
async fn the_turn_and_the_lock_have_one_deadline() {
    let (_folder, sink, storage) = watched(Fsync::Never, |_| Ok(()));
    let turn = sink.turn.lock().await;
    let record = record("label");
    let mut recorded = sink.record(&record);
    assert!(futures_util::poll!(&mut recorded).is_pending());
    let has_waited_since = Instant::now();
    drop(turn);
    recorded.await.unwrap();
    let deadlines = storage.deadlines.lock().unwrap();
    assert!(deadlines[0] <= has_waited_since + LOCK_TIMEOUT);
}

/// A disk that hangs keeps so many threads and no more, and leaves the rest to other work.
#[tokio::test(start_paused = true)]
async fn few_records_are_in_a_sync_at_the_same_time() {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    let in_sync = Arc::new(AtomicUsize::new(0));
    let (go, gone): (Sender<()>, Receiver<()>) = mpsc::channel();
    let gone = std::sync::Mutex::new(gone);
    let (_folder, sink, _) = watched(Fsync::EachRecord, {
        let in_sync = in_sync.clone();
        move |step| {
            if step == Step::SyncFile {
                in_sync.fetch_add(1, SeqCst);
                // Ends when the test drops the sender.
                let _ = gone.lock().unwrap().recv();
            }
            Ok(())
        }
    });
    let records = (0..MOST_SYNCS + 4).map(|_| {
        let sink = sink.clone();
        tokio::spawn(async move { sink.record(&record("label")).await })
    });
    let records: Vec<_> = records.collect();
    let failed = || records.iter().filter(|task| task.is_finished()).count();
    while failed() < 4 && in_sync.load(SeqCst) <= MOST_SYNCS {
        // Only once all are written, since that has a deadline as well.
        let written = fs::read_to_string(sink.path()).unwrap();
        if written.lines().count() == records.len() {
            time::advance(Duration::from_secs(1)).await;
        }
        tokio::task::yield_now().await;
    }
    drop(go);
    let mut late = 0;
    for recorded in futures_util::future::join_all(records).await {
        if let Err(error) = recorded.unwrap() {
            assert_eq!(fault_of(&*error), Temporary, "{error}");
            late += 1;
        }
    }
    assert_eq!((late, in_sync.load(SeqCst)), (4, MOST_SYNCS));
}

/// Not only that it is called: the record is no sooner recorded.
#[tokio::test]
async fn a_record_counts_when_its_sync_has_returned() {
    let (entered, mut in_sync) = tokio::sync::mpsc::unbounded_channel();
    let (go, gone): (Sender<()>, Receiver<()>) = mpsc::channel();
    let gone = std::sync::Mutex::new(gone);
    let (_folder, sink, _) = watched(Fsync::EachRecord, move |step| {
        if step == Step::SyncFile {
            entered.send(()).unwrap();
            gone.lock().unwrap().recv().unwrap();
        }
        Ok(())
    });
    let path = sink.path().to_owned();
    let mut task = tokio::spawn(async move { sink.record(&record("label")).await });
    tokio::select! {
        _ = in_sync.recv() => {}
        recorded = &mut task => panic!("without a sync: {recorded:?}"),
    }
    tokio::task::yield_now().await;
    assert!(!task.is_finished());
    assert_eq!(labels(&path), ["label"]);
    go.send(()).unwrap();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn no_record_counts_of_which_a_step_failed() {
    use io::ErrorKind::*;
    for (failing, kind, fault, lines) in [
        (Step::Open, PermissionDenied, Permanent, 0),
        (Step::Lock, TimedOut, Temporary, 0),
        (Step::SyncFolder, InvalidInput, Permanent, 0),
        (Step::Append, StorageFull, Permanent, 0),
        (Step::Append, Interrupted, Temporary, 0),
        (Step::SyncFile, QuotaExceeded, Permanent, 1),
        (Step::SyncFile, TimedOut, Temporary, 1),
    ] {
        let (_folder, sink, _) = watched(Fsync::EachRecord, move |step| match step == failing {
            true => Err(kind.into()),
            false => Ok(()),
        });
        let error = sink.record(&record("label")).await.unwrap_err();
        assert_eq!(fault_of(&*error), fault, "{failing:?}: {error}");
        assert!(error.to_string().contains("audit.jsonl"), "{error}");
        assert_eq!(labels(sink.path()).len(), lines, "{failing:?}");
    }
}

/// What the double above stands for: the system says no where there is nothing to sync.
#[cfg(target_os = "linux")]
#[test]
fn the_disk_asks_the_system() {
    use std::os::fd::OwnedFd;
    let (pipe, _writer) = io::pipe().unwrap();
    let refused = Disk.sync_file(&File::from(OwnedFd::from(pipe)));
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let refused = Disk.sync_folder(Path::new("/proc/self"));
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

/// The file is renamed, replaced or removed while a record waits for the lock.
#[tokio::test]
async fn a_record_follows_the_path_and_not_the_file() {
    type Replace = fn(&Path, &Path);
    let replacements: [Replace; 4] = [
        |path, _| fs::remove_file(path).unwrap(),
        |path, other| fs::rename(path, other).unwrap(),
        |path, _| {
            fs::remove_file(path).unwrap();
            fs::write(path, "").unwrap();
        },
        |path, other| {
            fs::write(other, "").unwrap();
            fs::rename(other, path).unwrap();
        },
    ];
    for replace in replacements {
        let (opened, opening) = mpsc::channel();
        let (folder, sink, _) = watched(Fsync::EachRecord, move |step| {
            if step == Step::Open {
                opened.send(()).unwrap();
            }
            Ok(())
        });
        let held = File::open(sink.path()).unwrap();
        held.lock().unwrap();
        let task = tokio::spawn({
            let sink = sink.clone();
            async move { sink.record(&record("label")).await }
        });
        let opening = tokio::task::spawn_blocking(move || {
            opening.recv().unwrap();
            opening
        });
        let opening = opening.await.unwrap();
        replace(sink.path(), &folder.path().join("other"));
        held.unlock().unwrap();
        task.await.unwrap().unwrap();
        assert_eq!(labels(sink.path()), ["label"]);
        assert!(held.metadata().unwrap().len() == 0, "the old file has it");
        drop(opening);
    }
}

#[tokio::test]
async fn a_file_that_is_replaced_without_end_fails_the_record() {
    let opens = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let path = Arc::new(std::sync::Mutex::new(PathBuf::new()));
    let (_folder, sink, _) = watched(Fsync::Never, {
        let (opens, path) = (opens.clone(), path.clone());
        move |step| {
            if step != Step::Open {
                return Ok(());
            }
            opens.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            fs::remove_file(&*path.lock().unwrap())
        }
    });
    *path.lock().unwrap() = sink.path().to_owned();
    let error = sink.record(&record("label")).await.unwrap_err();
    assert_eq!(fault_of(&*error), Temporary, "{error}");
    assert_eq!(
        opens.load(std::sync::atomic::Ordering::SeqCst),
        MOST_REPLACED
    );
}
