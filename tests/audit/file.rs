//! Records in a file.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
};

use futures_util::{FutureExt as _, future::join_all, poll};
use kms_signer::{
    Error, Result, SignRequest, Signer as _,
    layer::audit::{Audit, Fsync, JsonLinesFile},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{in_memory, label, local, parsed, sign};

fn log_in(folder: &TempDir) -> PathBuf {
    folder.path().join("audit.jsonl")
}

/// The labels in a file. Each line must be a record.
#[track_caller]
fn labels(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'), "the last line is cut");
    text.lines().map(|line| label(&parsed(line))).collect()
}

#[tokio::test]
async fn every_record_is_a_line_whatever_the_label() {
    let folder = TempDir::new().unwrap();
    let path = log_in(&folder);
    let signer = Audit::new(local(), JsonLinesFile::open(&path).unwrap());
    let mut expected: Vec<String> = [
        "",
        "payout 4711",
        "two\nlines",
        "\r\n",
        "\"quoted\" \\ {\"outcome\":\"signed\"}",
        "ünïcödé 署名 \u{1f511}",
        "\u{2028}\u{2029}\u{85}\u{feff}",
        "\0\u{1b}[31m\u{7f}",
    ]
    .map(str::to_owned)
    .to_vec();
    expected.push("long ".repeat(100_000));
    for label in &expected {
        sign(&signer, label).await.unwrap();
    }
    assert_eq!(labels(&path), expected);
    let bytes = fs::read(&path).unwrap();
    let breaks = bytes.iter().filter(|byte| **byte < 0x20).count();
    assert_eq!(
        breaks,
        expected.len(),
        "more than one control character in a line"
    );
}

/// Records through several sinks for one path, each from several tasks, and returns the labels.
async fn write_at_once(path: &Path, writer: &str) -> Vec<String> {
    // Several pages, so that writing a line takes the file system a while.
    let filler = "x".repeat(10_000);
    let mut tasks = Vec::new();
    let mut labels = Vec::new();
    for sink in 0..4 {
        let signer = Audit::new(local(), JsonLinesFile::open(path).unwrap());
        for task in 0..4 {
            let own: Vec<String> = (0..20)
                .map(|at| format!("{writer} {sink} {task} {at} {filler}"))
                .collect();
            labels.extend(own.clone());
            let signer = signer.clone();
            tasks.push(tokio::spawn(async move {
                for label in &own {
                    sign(&signer, label).await.unwrap();
                }
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    labels
}

fn sorted(mut labels: Vec<String>) -> Vec<String> {
    labels.sort_unstable();
    labels
}

/// Compares labels without showing them, since they are long.
#[track_caller]
fn assert_same(labels: Vec<String>, expected: Vec<String>) {
    assert_eq!(labels.len(), expected.len());
    assert!(sorted(labels) == sorted(expected), "other labels");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_keep_lines_whole() {
    let folder = TempDir::new().unwrap();
    let path = log_in(&folder);
    let written = write_at_once(&path, "here").await;
    assert_eq!(written.len(), 320);
    assert_same(labels(&path), written);
}

/// The other process runs this test too, and knows its role from an environment variable.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_keep_lines_whole() {
    const VARIABLE: &str = "KMS_SIGNER_TEST_AUDIT_LOG";
    if let Some(path) = std::env::var_os(VARIABLE) {
        write_at_once(Path::new(&path), "there").await;
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = log_in(&folder);
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "file::two_processes_keep_lines_whole"])
        .env(VARIABLE, &path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Write until both have written at the same time, however long the other takes to start.
    let mut written = Vec::new();
    let status = loop {
        written.extend(write_at_once(&path, &format!("here {}", written.len())).await);
        if let Some(status) = other.try_wait().unwrap() {
            break status;
        }
    };
    assert!(status.success());
    let (there, here): (Vec<String>, Vec<String>) = labels(&path)
        .into_iter()
        .partition(|label| label.starts_with("there"));
    assert_eq!(there.len(), 320);
    assert_same(here, written);
}

/// Renames the file as logrotate does, without a signal to the writer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_record_is_lost_when_the_file_is_renamed() {
    let folder = TempDir::new().unwrap();
    let path = log_in(&folder);
    let signer = Audit::new(local(), JsonLinesFile::open(&path).unwrap());
    sign(&signer, "before").await.unwrap();
    let first = folder.path().join("audit.jsonl.first");
    fs::rename(&path, &first).unwrap();
    sign(&signer, "after").await.unwrap();
    assert_eq!(labels(&first), ["before"]);
    assert_eq!(labels(&path), ["after"]);

    let writing = {
        let path = path.clone();
        tokio::spawn(async move { write_at_once(&path, "during").await })
    };
    let mut rotations = 0;
    loop {
        let is_last = writing.is_finished();
        let to = folder.path().join(format!("audit.jsonl.{rotations}"));
        // Between a rename and the next record there is no file.
        if fs::rename(&path, to).is_ok() {
            rotations += 1;
        }
        if is_last {
            break;
        }
        tokio::task::yield_now().await;
    }
    let mut written = writing.await.unwrap();
    written.extend(["before", "after"].map(str::to_owned));
    assert!(rotations > 0);
    let files = fs::read_dir(folder.path()).unwrap();
    let found = files.flat_map(|file| {
        let file = file.unwrap();
        match file.metadata().unwrap().len() {
            // The file was renamed after it was made and before a record was written.
            0 => Vec::new(),
            _ => labels(&file.path()),
        }
    });
    assert_same(found.collect(), written);
}

#[tokio::test]
async fn a_record_is_not_glued_to_a_line_that_was_cut() {
    let folder = TempDir::new().unwrap();
    let whole = "{\"label\":\"whole\"}\n";
    for cut in ["{\"time\":\"2026-11-2", "{", "\"", "\0\0\0", "\r", "ü"] {
        let path = log_in(&folder);
        fs::write(&path, format!("{whole}{cut}")).unwrap();
        let signer = Audit::new(local(), JsonLinesFile::open(&path).unwrap());
        sign(&signer, "first").await.unwrap();
        sign(&signer, "second").await.unwrap();

        let text = fs::read_to_string(&path).unwrap();
        let rest = text.strip_prefix(&format!("{whole}{cut}\n")).unwrap();
        let records: Vec<String> = rest.lines().map(|line| label(&parsed(line))).collect();
        assert_eq!(records, ["first", "second"], "{cut:?}");
    }
}

#[tokio::test]
async fn files_that_are_empty_or_end_with_a_newline_get_no_empty_line() {
    let folder = TempDir::new().unwrap();
    for before in ["", "{}\n", "{}\n{}\n"] {
        let path = log_in(&folder);
        fs::write(&path, before).unwrap();
        let signer = Audit::new(local(), JsonLinesFile::open(&path).unwrap());
        sign(&signer, "label").await.unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let rest = text.strip_prefix(before).unwrap();
        assert_eq!(rest.lines().count(), 1);
        assert_eq!(label(&parsed(rest)), "label");
    }
}

#[tokio::test]
async fn an_fsync_for_each_record_writes_the_same() {
    let folder = TempDir::new().unwrap();
    let path = log_in(&folder);
    let sink = JsonLinesFile::open(&path).unwrap();
    assert_eq!(sink.path(), path);
    let signer = Audit::new(local(), sink.with_fsync(Fsync::EachRecord));
    let numbers: Vec<String> = (0..20).map(|at| at.to_string()).collect();
    let signed = join_all(numbers.iter().map(|label| sign(&signer, label))).await;
    assert!(signed.iter().all(Result::is_ok));
    assert_same(labels(&path), numbers);
}

/// Each of these accepts a write, or seems to, and stores nothing.
#[cfg(target_os = "linux")]
#[test]
fn what_keeps_no_records_is_refused_before_the_first() {
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for (path, words) in [
        (Path::new("/dev/null"), "not a regular file"),
        (Path::new("/dev/full"), "not a regular file"),
        (&pipe, "not a regular file"),
        (Path::new("/proc/self/comm"), "cannot be synced to a disk"),
        (folder.path(), "directory"),
    ] {
        let refused = JsonLinesFile::open(path).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
        assert!(refused.starts_with(path.to_str().unwrap()), "{refused}");
    }
}

/// Not even if it takes the place of the file later.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_path_that_stores_nothing_later_gets_no_record() {
    let folder = TempDir::new().unwrap();
    let path = log_in(&folder);
    let signer = Audit::new(local(), JsonLinesFile::open(&path).unwrap());
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    match sign(&signer, "label").await {
        Err(error @ Error::AuditFailed { .. }) => {
            assert!(!error.is_retryable());
            let source = std::error::Error::source(&error).unwrap();
            assert!(source.to_string().contains("audit.jsonl"), "{source}");
            assert!(source.downcast_ref::<io::Error>().is_some());
        }
        other => panic!("{other:?}"),
    }
}

/// Another program frees its lock some day, so the failure is temporary.
#[tokio::test]
async fn a_lock_that_is_held_too_long_is_a_temporary_failure() {
    let folder = TempDir::new().unwrap();
    let path = log_in(&folder);
    let signer = Audit::new(local(), JsonLinesFile::open(&path).unwrap());
    let held = File::open(&path).unwrap();
    held.lock().unwrap();
    let error = sign(&signer, "too long").await.unwrap_err();
    assert_eq!(error.name(), "audit_failed");
    assert!(error.is_retryable(), "{error}");
    assert!(error.to_string().contains("sign again"), "{error}");
    // A held lock is no reason to reject the file.
    let other = Audit::new(local(), JsonLinesFile::open(&path).unwrap());
    held.unlock().unwrap();
    sign(&signer, "first").await.unwrap();
    sign(&other, "second").await.unwrap();
    assert_eq!(labels(&path), ["first", "second"]);
}

#[tokio::test]
async fn with_a_missing_folder_no_signature_is_returned() {
    let folder = TempDir::new().unwrap();
    let path = log_in(&folder);
    let signer = Audit::new(local(), JsonLinesFile::open(&path).unwrap());
    folder.close().unwrap();
    let error = sign(&signer, "label").await.unwrap_err();
    assert_eq!(error.name(), "audit_failed");
    assert!(!error.is_retryable(), "{error}");
    assert!(!error.to_string().contains("again"), "{error}");
    let refused = JsonLinesFile::open(&path).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::NotFound);
    let named = refused.to_string().contains("audit.jsonl");
    assert!(named, "{refused}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_use_a_new_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let path = log_in(&folder);
    let signer = Audit::new(local(), JsonLinesFile::open(&path).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    // A file that an administrator made keeps its mode; the next new file does not get it.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    sign(&signer, "label").await.unwrap();
    assert_eq!(mode(&path), 0o640);
    fs::rename(&path, folder.path().join("old")).unwrap();
    sign(&signer, "label").await.unwrap();
    assert_eq!(mode(&path), 0o600);
}

/// Neither a record being written nor one that waits for its turn.
#[tokio::test]
async fn no_record_is_lost_though_its_request_is_dropped() {
    let folder = TempDir::new().unwrap();
    let path = log_in(&folder);
    let signer = Audit::new(local(), JsonLinesFile::open(&path).unwrap());
    // Delay the writes.
    let held = File::open(&path).unwrap();
    held.lock().unwrap();

    let (first, second) = (
        SignRequest::keccak256(b"1").with_label("first"),
        SignRequest::keccak256(b"2").with_label("second"),
    );
    let mut first = signer.sign(&first);
    let mut second = signer.sign(&second);
    assert!(poll!(&mut first).is_pending());
    assert!(poll!(&mut second).is_pending());
    drop(first);
    drop(second);
    held.unlock().unwrap();

    sign(&signer, "kept").await.unwrap();
    assert_eq!(labels(&path), ["first", "second", "kept"]);
}

/// It is a typed error and not a panic.
#[test]
fn without_a_runtime_no_signature_is_returned() {
    let folder = TempDir::new().unwrap();
    let signer = Audit::new(local(), JsonLinesFile::open(log_in(&folder)).unwrap());
    let request = SignRequest::keccak256(b"preimage");
    let error = signer.sign(&request).now_or_never().unwrap().unwrap_err();
    assert_eq!(error.name(), "audit_failed");
}

/// A later change of the current folder does not move the file.
#[test]
fn a_relative_path_is_made_absolute() {
    // Use an existing file, so that the test leaves none behind.
    let sink = JsonLinesFile::open("Cargo.toml").unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(sink.path(), root.join("Cargo.toml"));
}

/// Reads a file as an auditor does, by label. Each record is there once.
#[tokio::test]
async fn the_file_has_the_records_that_the_sink_got() {
    let folder = TempDir::new().unwrap();
    let path = log_in(&folder);
    let file = Audit::new(local(), JsonLinesFile::open(&path).unwrap());
    // The inner layer records the same request in memory.
    let (memory, sink) = in_memory(file);
    sign(&memory, "a").await.unwrap();
    memory
        .sign(&SignRequest::message(b"m").with_label("b"))
        .await
        .unwrap_err();

    let text = fs::read_to_string(&path).unwrap();
    let lines: BTreeMap<String, Value> = text
        .lines()
        .map(|line| (label(&parsed(line)), parsed(line)))
        .collect();
    assert_eq!(lines.len(), 2);
    for record in sink.records() {
        let mut expected = serde_json::to_value(&record).unwrap();
        let found = &lines[record.label.as_ref().unwrap()];
        // Each layer reads the clock itself.
        expected["time"] = found["time"].clone();
        assert_eq!(&expected, found);
    }
}
