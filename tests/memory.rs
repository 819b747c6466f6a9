//! An endless answer does not use up the caller's memory or time.

use std::time::Duration;

use kms_signer::{
    Error, KeyType, PublicKey, Retries, SignRequest, Signer,
    error::AnswerFault,
    provider::{
        aws_kms::{AwsKmsSigner, AwsKmsSignerBuilder},
        local::LocalSigner,
    },
};
use peak_alloc::PeakAlloc;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
    time::timeout,
};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const CALLS: usize = 16;

/// The most memory that all calls together may take.
const MOST: usize = 16 << 20;

/// Sixteen calls at once, to a server that sends `head` and then `part` without end, as fast as it
/// is read. Returns how each call ended.
async fn call(
    head: &'static str,
    part: &'static [u8],
    signs: bool,
    attempt_timeout: Duration,
) -> Vec<Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(serve(listener, head, part));
    let builder = AwsKmsSigner::builder("arn:aws:kms:us-east-1:111122223333:key/1")
        .emulator(format!("http://{address}"), "us-east-1")
        .attempt_timeout(attempt_timeout)
        .timeout(LONG)
        .retries(Retries::none());
    let signer = builder.clone().connect_lazy(public_key()).await.unwrap();
    // The client exists, so its own memory is counted before.
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        calls.spawn(one(signer.clone(), signs));
    }
    let ends = timeout(Duration::from_secs(60), calls.join_all()).await;
    let grown = HEAP.peak_usage().saturating_sub(before);
    assert!(grown < MOST, "{head:?}: {grown} bytes");
    ends.expect("a call did not end")
}

async fn serve(listener: TcpListener, head: &'static str, part: &'static [u8]) {
    let mut connections = JoinSet::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        connections.spawn(async move {
            let _ = stream.read(&mut [0; 8192]).await;
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(part).await.is_ok() {
                tokio::task::yield_now().await;
            }
        });
    }
}

async fn one(signer: AwsKmsSigner, signs: bool) -> Error {
    match signs {
        true => signer
            .sign(&SignRequest::keccak256(b"x"))
            .await
            .unwrap_err(),
        false => connecting(&signer).connect().await.unwrap_err(),
    }
}

fn connecting(signer: &AwsKmsSigner) -> AwsKmsSignerBuilder {
    signer.another_key(signer.key_id())
}

fn public_key() -> PublicKey {
    let signer = LocalSigner::random(KeyType::Secp256k1).unwrap();
    signer.public_key().clone()
}

const LONG: Duration = Duration::from_secs(50);

/// A mebibyte of a JSON body, which may begin with any number of spaces (RFC 8259 §2).
static SPACES: [u8; 1 << 20] = [b' '; 1 << 20];

/// The same in chunks of HTTP.
static CHUNK: [u8; 10 + 0xffff] = {
    let mut chunk = [b' '; 10 + 0xffff];
    let (head, tail) = (*b"00ffff\r\n", *b"\r\n");
    let mut i = 0;
    while i < head.len() {
        chunk[i] = head[i];
        i += 1;
    }
    chunk[8 + 0xffff] = tail[0];
    chunk[9 + 0xffff] = tail[1];
    chunk
};

/// Headers of 64 bytes each.
static HEADERS: [u8; 64 * 64] = {
    let mut headers = [b'x'; 64 * 64];
    let mut i = 0;
    while i < headers.len() {
        headers[i + 8] = b':';
        headers[i + 62] = b'\r';
        headers[i + 63] = b'\n';
        i += 64;
    }
    headers
};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn is_too_long(error: &Error) -> bool {
    matches!(
        error,
        Error::UnusableAnswer {
            fault: AnswerFault::TooLong { most: 65_536, .. },
            ..
        }
    ) && !error.is_retryable()
}

// One test, so that nothing else allocates at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_end_takes_little_memory_and_ends() {
    let huge = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
    let until_close = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    for signs in [true, false] {
        for (head, part) in [
            (CHUNKED, &CHUNK[..]),
            (huge, &SPACES),
            (until_close, &SPACES),
        ] {
            for error in call(head, part, signs, LONG).await {
                assert!(is_too_long(&error), "{head}: {error:?}");
                assert_eq!(error.receipt().unwrap().attempts(), 1);
            }
        }
    }

    // For a failure, the status decides whether to retry.
    let failed = "HTTP/1.1 503 Down\r\ncontent-length: 99999999999\r\n\r\n";
    for error in call(failed, &SPACES, true, LONG).await {
        assert_eq!(error.name(), "unavailable", "{error:?}");
        assert_eq!(error.code(), Some("HTTP 503"));
        assert!(error.is_retryable());
    }
    let moved = "HTTP/1.1 302 Found\r\ntransfer-encoding: chunked\r\n\r\n";
    for error in call(moved, &CHUNK, true, LONG).await {
        assert_eq!(error.name(), "other", "{error:?}");
        assert!(!error.is_retryable());
    }

    // An endless head is never an answer.
    for error in call("HTTP/1.1 200 OK\r\n", &HEADERS, true, LONG).await {
        assert_eq!(error.name(), "wrong_endpoint", "{error:?}");
    }

    // If no answer ever completes, the attempt ends by its timeout.
    let short = Duration::from_millis(300);
    for error in call("", b"HTTP/1.1 100 Continue\r\n\r\n", true, short).await {
        assert_eq!(error.name(), "timeout", "{error:?}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "no answer within the time of an attempt");
    }

    // hyper ends this at some point, which differs between versions.
    for error in call(CHUNKED, b"1;extension=1\r\n \r\n", true, LONG).await {
        let is_expected = is_too_long(&error) || matches!(error, Error::KeyStore { .. });
        assert!(is_expected, "{error:?}");
    }
}
