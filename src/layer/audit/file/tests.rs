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
    hook: Hook,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl Watched {
    /// Not `Open`, which is the first step of each record.
    fn steps(&self) -> Vec<(Step, usize)> {
        let steps = std::mem::take(&mut *self.steps.lock().unwrap());
        steps
            .into_iter()
            .filter(|(step, _)| *step != Step::Open)
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

    fn append(&self, file: &mut File, line: &[u8]) -> io::Result<()> {
        self.see(Step::Append)?;
        Disk.append(file, line)
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        self.see(Step::SyncFile)?;
        Disk.sync_file(file)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        assert_eq!(path, self.path);
        self.see(Step::SyncFolder)?;
        Disk.sync_folder(path)
    }
}

/// A sink in a folder of its own, opened on a disk that is watched from then on.
fn watched(
    fsync: Fsync,
    hook: impl Fn(Step) -> io::Result<()> + Send + Sync + 'static,
) -> (TempDir, JsonLinesFile, Arc<Watched>) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut sink = JsonLinesFile::open(&path).unwrap().with_fsync(fsync);
    let storage = Arc::new(Watched {
        path,
        steps: Default::default(),
        hook: Box::new(hook),
    });
    sink.storage = storage.clone();
    (folder, sink, storage)
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
    let sink = sink.with_fsync(Fsync::Never);
    for lines in 0..2 {
        sink.record(&record("third")).await.unwrap();
        assert_eq!(storage.steps(), [(Append, lines)]);
    }
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
    let refused = Disk.sync_folder(Path::new("/proc/self/comm"));
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

/// A record that waits for the lock, and what happens to the file meanwhile.
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
        move |_| {
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
