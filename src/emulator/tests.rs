use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;

const LIST_KEYS: &str = "POST / HTTP/1.1\r\n\
    host: localhost\r\n\
    content-type: application/x-amz-json-1.1\r\n\
    x-amz-target: TrentService.ListKeys\r\n\
    authorization: AWS4-HMAC-SHA256 \
    Credential=AKIAFAKEFAKEFAKEFAKE/20260101/us-east-1/kms/aws4_request, \
    SignedHeaders=host, Signature=00\r\n\
    content-length: 2\r\n\r\n{}";

fn address(emulator: &KmsEmulator) -> SocketAddr {
    let url = emulator.endpoint_url();
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

async fn list_keys(connection: &mut TcpStream) -> String {
    connection.write_all(LIST_KEYS.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = connection.read(&mut answer).await.unwrap();
    answer.truncate(length);
    String::from_utf8(answer).unwrap()
}

/// Whether the server has closed a connection on which nothing is under way.
async fn is_closed(mut connection: TcpStream) -> bool {
    matches!(connection.read(&mut [0]).await, Ok(0) | Err(_))
}

#[tokio::test]
async fn connections_are_kept_alive() {
    let emulator = KmsEmulator::start().await.unwrap();
    let mut connection = TcpStream::connect(address(&emulator)).await.unwrap();
    for _ in 0..3 {
        let answer = list_keys(&mut connection).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    assert_eq!(emulator.calls("ListKeys"), 3);
    assert_eq!(emulator.total_calls(), 3);
}

#[tokio::test]
async fn stop_frees_the_port_and_closes_connections() {
    let emulator = KmsEmulator::start().await.unwrap();
    let address = address(&emulator);
    let mut connection = TcpStream::connect(address).await.unwrap();
    list_keys(&mut connection).await;
    emulator.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
    assert!(is_closed(connection).await);
}

async fn drop_stops_it() {
    let emulator = KmsEmulator::start().await.unwrap();
    let address = address(&emulator);
    let mut connection = TcpStream::connect(address).await.unwrap();
    list_keys(&mut connection).await;
    let endpoint = Arc::downgrade(&emulator.endpoint);
    drop(emulator);
    assert!(is_closed(connection).await);
    while TcpStream::connect(address).await.is_ok() {}
    // No task holds on to it.
    while endpoint.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn drop_stops_it_on_a_runtime_of_one_thread() {
    drop_stops_it().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drop_stops_it_on_a_runtime_of_several_threads() {
    drop_stops_it().await;
}

#[test]
fn it_needs_a_tokio_runtime() {
    let mut start = std::pin::pin!(KmsEmulator::start());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match start.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Err(_)) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn settings_are_used_or_refused() {
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
