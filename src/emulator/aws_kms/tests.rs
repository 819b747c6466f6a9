use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{Arc, mpsc},
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use super::*;

/// More than any answer takes. A test that hangs fails after this time.
const PATIENCE: Duration = Duration::from_secs(10);

const LIST_KEYS: &str = "POST / HTTP/1.1\r\n\
    host: localhost\r\n\
    content-type: application/x-amz-json-1.1\r\n\
    x-amz-target: TrentService.ListKeys\r\n\
    authorization: AWS4-HMAC-SHA256 \
    Credential=test/20260101/us-east-1/kms/aws4_request, \
    SignedHeaders=host, Signature=00\r\n\
    content-length: 2\r\n\r\n{}";

fn address(emulator: &KmsEmulator) -> SocketAddr {
    let url = emulator.endpoint_url();
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

fn connect(emulator: &KmsEmulator) -> TcpStream {
    let connection = TcpStream::connect_timeout(&address(emulator), PATIENCE).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection
}

/// Blocks its thread, as many clients do.
fn list_keys(connection: &mut TcpStream) -> String {
    connection.write_all(LIST_KEYS.as_bytes()).unwrap();
    let mut answer = vec![0; 4096];
    let length = connection.read(&mut answer).unwrap();
    answer.truncate(length);
    String::from_utf8(answer).unwrap()
}

/// Whether the server has closed an idle connection.
fn is_closed(mut connection: TcpStream) -> bool {
    match connection.read(&mut [0]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

#[tokio::test]
async fn a_client_may_block_the_only_thread_and_keep_its_connection() {
    let emulator = KmsEmulator::start().await.unwrap();
    let mut connection = connect(&emulator);
    for _ in 0..3 {
        let answer = list_keys(&mut connection);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    assert_eq!(emulator.calls(Operation::ListKeys), 3);
    assert_eq!(emulator.total_calls(), 3);
}

#[test]
fn it_needs_no_io_and_outlives_the_runtime_it_was_started_on() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let emulator = runtime.block_on(KmsEmulator::start()).unwrap();
    drop(runtime);
    list_keys(&mut connect(&emulator));
}

/// Returns the result of `work`, and fails instead of waiting without a limit if it hangs.
fn within_patience<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        done.send(runtime.unwrap().block_on(work)).unwrap();
    });
    is_done.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn stop_and_drop_end_its_thread_and_all_connections() {
    for stops in [true, false] {
        let emulator = within_patience(KmsEmulator::start()).unwrap();
        let mut idle = connect(&emulator);
        list_keys(&mut idle);
        let mut unfinished = connect(&emulator);
        unfinished.write_all(b"POST / HTTP/1.1\r\n").unwrap();
        let endpoint = Arc::downgrade(emulator.server.endpoint());
        within_patience(async move {
            match stops {
                true => emulator.stop().await,
                false => drop(emulator),
            }
        });
        // The thread and its connections held references to it.
        assert_eq!(endpoint.strong_count(), 0);
        assert!(is_closed(idle));
        assert!(is_closed(unfinished));
    }
}

#[test]
fn its_port_can_be_used_again() {
    // Another process may take the port in between, but not five times.
    let succeeds = (0..5).any(|_| {
        let emulator = within_patience(KmsEmulator::start()).unwrap();
        list_keys(&mut connect(&emulator));
        let port = address(&emulator).port();
        within_patience(emulator.stop());
        within_patience(KmsEmulator::builder().port(port).start()).is_ok()
    });
    assert!(succeeds);
}

#[test]
fn a_dropped_start_ends_its_thread() {
    within_patience(async {
        let mut start = Box::pin(KmsEmulator::start());
        let mut context = Context::from_waker(Waker::noop());
        // May be ready already, if the thread was fast.
        if let Poll::Ready(Err(error)) = start.as_mut().poll(&mut context) {
            panic!("{error}");
        }
        // Would hang if the thread went on: the drop joins it.
        drop(start);
    });
}

#[test]
fn a_seed_is_not_shown() {
    let shown = format!("{:?}", KmsEmulator::builder().seed(1_592_614_637));
    assert!(shown.contains("us-east-1"), "{shown}");
    assert!(!shown.contains("1592614637"), "{shown}");
}

#[tokio::test]
async fn settings_are_used_or_rejected() {
    let emulator = KmsEmulator::builder()
        .region("eu-central-1")
        .account_id("111122223333")
        .start()
        .await
        .unwrap();
    let arn = emulator.create_key(KeyType::Ed25519).unwrap();
    assert!(
        arn.starts_with("arn:aws:kms:eu-central-1:111122223333:key/"),
        "{arn}"
    );
    assert_eq!(emulator.region(), "eu-central-1");

    let taken = address(&emulator).port();
    let error = KmsEmulator::builder()
        .port(taken)
        .start()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    let error = KmsEmulator::builder().region("").start().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn seeds_are_reproducible_and_their_absence_random() {
    let mut arns = Vec::new();
    for seed in [Some(1), Some(1), None, None] {
        let mut builder = KmsEmulator::builder();
        if let Some(seed) = seed {
            builder = builder.seed(seed);
        }
        let emulator = builder.start().await.unwrap();
        arns.push(emulator.create_key(KeyType::Secp256k1).unwrap());
    }
    assert_eq!(arns[0], arns[1]);
    assert_ne!(arns[1], arns[2]);
    assert_ne!(arns[2], arns[3]);
}

#[tokio::test]
async fn keys_and_aliases_can_be_managed_in_process() {
    let emulator = KmsEmulator::start().await.unwrap();
    let code = |result: Result<(), EmulatorError>| result.err().and_then(|error| error.code());
    let first = emulator.create_key(KeyType::Secp256k1).unwrap();
    let second = emulator
        .create_key_from_bytes(KeyType::P256, &[1; 32])
        .unwrap();
    assert_eq!(
        emulator.public_key(&second).unwrap().key_type(),
        KeyType::P256
    );

    assert_eq!(
        code(emulator.create_alias("alias/a b", &first)),
        Some("ValidationException"),
    );
    assert_eq!(code(emulator.create_alias("alias/a", &first)), None);
    assert_eq!(
        code(emulator.create_alias("alias/a", &second)),
        Some("AlreadyExistsException"),
    );
    assert_eq!(code(emulator.update_alias("alias/a", &second)), None);
    assert_eq!(code(emulator.delete_alias("alias/a")), None);
    assert_eq!(
        code(emulator.delete_alias("alias/a")),
        Some("NotFoundException")
    );

    assert_eq!(code(emulator.set_enabled(&first, false)), None);
    assert_eq!(code(emulator.schedule_deletion(&first)), None);
    assert_eq!(
        code(emulator.set_enabled(&first, true)),
        Some("KMSInvalidStateException"),
    );
    assert_eq!(code(emulator.cancel_deletion(&first)), None);
    assert_eq!(emulator.total_calls(), 0);

    let error = emulator
        .create_key_from_bytes(KeyType::Secp256k1, &[0; 32])
        .unwrap_err();
    assert!(matches!(error, EmulatorError::Key { .. }));
    assert_eq!(error.code(), None);
}

#[tokio::test]
async fn expectations_are_checked_when_the_handle_or_the_emulator_is_dropped() {
    for (requests, is_kept, is_met) in [
        (1, true, true),
        (0, true, false),
        (1, false, true),
        (0, false, false),
    ] {
        let emulator = KmsEmulator::start().await.unwrap();
        let rule = FailureRule::new(KmsFailure::throttling()).on(Operation::ListKeys);
        let injected = emulator.inject(rule.times(1).expect(1));
        for _ in 0..requests {
            list_keys(&mut connect(&emulator));
        }
        let dropped = thread::spawn(move || match is_kept {
            true => injected.keep(),
            false => drop(injected),
        });
        let is_met_already = dropped.join().is_ok();
        let stopped = thread::spawn(move || drop(emulator)).join();
        let (first, last) = (is_met || is_kept, is_met || !is_kept);
        assert_eq!((is_met_already, stopped.is_ok()), (first, last));
    }
}

#[tokio::test]
async fn the_line_of_an_injection_is_named() {
    let emulator = KmsEmulator::start().await.unwrap();
    let rule = FailureRule::new(KmsFailure::throttling()).for_key("alias/misspelt");
    let injected = emulator.inject(rule.expect(1));
    let place = line!() - 1;
    list_keys(&mut connect(&emulator));
    let panic = thread::spawn(move || drop(injected)).join().unwrap_err();
    let message = panic.downcast::<String>().unwrap();
    let place = format!("{}:{place}:", file!());
    assert!(message.contains(&place), "{message}");
    assert!(message.contains("has no key `alias/misspelt`"), "{message}");
}
