//! What a client sees on the wire.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::*;
use crate::{
    KeyInput, KeyType, PublicKey, RawSignature, Verifier,
    emulator::{
        FailureRule, InjectedFailure, Latency,
        aws_kms::{KmsEmulator, Operation},
    },
};

/// More than any answer takes. A test that hangs fails after this time.
const PATIENCE: Duration = Duration::from_secs(10);
const DIGEST: [u8; 32] = [3; 32];

struct Client(BufReader<TcpStream>);

#[derive(Debug)]
struct Reply {
    status: u16,
    headers: BTreeMap<String, String>,
    /// What arrived, and whether it is as long as announced.
    body: Vec<u8>,
    is_whole: bool,
}

impl Client {
    fn connect(emulator: &KmsEmulator) -> Self {
        let url = emulator.endpoint_url();
        let stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn send(&mut self, operation: &str, body: &Value) {
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.1\r\n\
             x-amz-target: TrentService.{operation}\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential=test/20260101/us-east-1/kms/aws4_request, \
             SignedHeaders=host, Signature=00\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
    }

    /// `None` when the connection is closed before the first byte.
    fn head(&mut self) -> io::Result<Option<Reply>> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = BTreeMap::new();
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        Ok(Some(Reply {
            status,
            headers,
            body: Vec::new(),
            is_whole: false,
        }))
    }

    fn reply(&mut self) -> io::Result<Option<Reply>> {
        let Some(mut reply) = self.head()? else {
            return Ok(None);
        };
        let announced = reply.length();
        let mut body = (&mut self.0).take(announced);
        body.read_to_end(&mut reply.body)?;
        reply.is_whole = reply.body.len() as u64 == announced;
        Ok(Some(reply))
    }

    fn ask(&mut self, operation: &str, body: &Value) -> io::Result<Option<Reply>> {
        self.send(operation, body);
        self.reply()
    }

    /// Whether the other side has ended the connection, with FIN or RST.
    fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(length) => length == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

impl Reply {
    fn length(&self) -> u64 {
        self.headers["content-length"].parse().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn blob(&self, name: &str) -> Vec<u8> {
        let blob = self.json()[name].as_str().unwrap().to_owned();
        BASE64_STANDARD.decode(blob).unwrap()
    }
}

struct Fixture {
    emulator: KmsEmulator,
    arn: String,
}

impl Fixture {
    fn new(key_type: KeyType) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let start = KmsEmulator::builder().seed(7).start();
        let emulator = { runtime }.build().unwrap().block_on(start).unwrap();
        let arn = emulator.create_key(key_type).unwrap();
        Self { emulator, arn }
    }

    fn inject(&self, failure: KmsFailure) -> InjectedFailure {
        self.emulator.inject(FailureRule::new(failure).times(1))
    }

    fn client(&self) -> Client {
        Client::connect(&self.emulator)
    }

    fn sign(&self) -> Value {
        self.sign_as("DIGEST", "ECDSA_SHA_256")
    }

    fn sign_as(&self, message_type: &str, algorithm: &str) -> Value {
        json!({
            "KeyId": self.arn,
            "Message": BASE64_STANDARD.encode(DIGEST),
            "MessageType": message_type,
            "SigningAlgorithm": algorithm,
        })
    }

    fn has_signed(&self) -> bool {
        let store = self.emulator.store();
        store
            .resolve(&self.arn)
            .unwrap()
            .last_signature_answer
            .is_some()
    }

    fn accepts(&self, signature: &[u8]) -> bool {
        let verifier = Verifier::new(self.emulator.public_key(&self.arn).unwrap());
        let input = KeyInput::EcdsaPrehash(&DIGEST);
        verifier
            .accept(&input, RawSignature::Der(signature))
            .is_ok()
    }

    /// Checks that a new connection works, without a trace of earlier failures.
    #[track_caller]
    fn assert_works(&self) {
        let reply = self.client().ask("Sign", &self.sign()).unwrap().unwrap();
        assert!(reply.is_whole && self.accepts(&reply.blob("Signature")));
    }
}

/// Waits for another thread's next step.
#[track_caller]
fn eventually(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "it did not happen in time");
        thread::yield_now();
    }
}

#[test]
fn a_reset_is_an_rst_before_or_after_the_signature() {
    for (failure, signs) in [
        (KmsFailure::reset(), false),
        (KmsFailure::reset_after_processing(), true),
    ] {
        let fixture = Fixture::new(KeyType::P256);
        let injected = fixture.inject(failure);
        let error = fixture.client().ask("Sign", &fixture.sign()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(fixture.has_signed(), signs);
        assert_eq!(injected.fired(), 1);
        fixture.assert_works();
        assert_eq!(fixture.emulator.calls(Operation::Sign), 2);
    }
}

#[test]
fn a_connection_can_be_reset_after_it_has_served() {
    let fixture = Fixture::new(KeyType::P256);
    let mut client = fixture.client();
    let first = client.ask("Sign", &fixture.sign()).unwrap().unwrap();
    assert!(fixture.accepts(&first.blob("Signature")));
    fixture.inject(KmsFailure::reset()).keep();
    let error = client.ask("Sign", &fixture.sign()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_close_is_a_fin_without_an_answer() {
    let fixture = Fixture::new(KeyType::P256);
    fixture.inject(KmsFailure::close()).keep();
    assert!(
        fixture
            .client()
            .ask("Sign", &fixture.sign())
            .unwrap()
            .is_none()
    );
    assert!(!fixture.has_signed());
    fixture.assert_works();
}

#[test]
fn a_stale_connection_is_not_announced() {
    let fixture = Fixture::new(KeyType::P256);
    let requests = [
        ("Sign", fixture.sign()),
        // Its answer has no body.
        ("EnableKey", json!({"KeyId": fixture.arn})),
        ("Sign", json!({})),
    ];
    for (operation, body) in requests {
        let mut client = fixture.client();
        // The connection stays alive until the failure.
        let before = client.ask(operation, &body).unwrap().unwrap();
        fixture.inject(KmsFailure::close_after_answer()).keep();
        let reply = client.ask(operation, &body).unwrap().unwrap();
        assert!(reply.is_whole);
        assert_eq!(reply.status, before.status);
        assert!(!reply.headers.contains_key("connection"), "{reply:?}");
        assert!(client.is_closed(), "{operation}");
    }
    fixture.assert_works();
}

#[test]
fn a_stalled_request_ends_when_its_client_disconnects() {
    for failure in [KmsFailure::stall(), KmsFailure::stall_in_body()] {
        let fixture = Fixture::new(KeyType::P256);
        let endpoint = fixture.emulator.server.endpoint();
        eventually(|| Arc::strong_count(endpoint) == 2);
        let rule = fixture.inject(failure.clone());
        let mut stalled = fixture.client();
        stalled.send("Sign", &fixture.sign());
        eventually(|| rule.fired() == 1);
        assert!(
            Arc::strong_count(endpoint) > 2,
            "{failure:?}: the connection is closed"
        );
        // Other requests are answered in the meantime.
        fixture.assert_works();
        drop(stalled);
        eventually(|| Arc::strong_count(endpoint) == 2);
    }
}

#[test]
fn a_stall_in_the_body_comes_after_half_of_it() {
    let fixture = Fixture::new(KeyType::P256);
    fixture.inject(KmsFailure::stall_in_body()).keep();
    let mut client = fixture.client();
    client.send("Sign", &fixture.sign());
    let reply = client.head().unwrap().unwrap();
    assert_eq!(reply.status, 200);
    let length = usize::try_from(reply.length()).unwrap();
    let mut half = vec![0; length / 2];
    client.0.read_exact(&mut half).unwrap();
    assert!(half.starts_with(b"{\"KeyId\":"));
    fixture.assert_works();
    // Nothing more arrived, and nothing will: the next read is the end of the connection.
    drop(fixture);
    assert!(client.is_closed());
}

#[test]
fn stopping_ends_stalled_connections() {
    let fixture = Fixture::new(KeyType::P256);
    let rule = FailureRule::sequence([
        Some(KmsFailure::stall()),
        Some(KmsFailure::stall_in_body()),
        Some(KmsFailure::slow_body(Latency::MAX)),
        Some(KmsFailure::latency(Latency::fixed(Latency::MAX))),
    ]);
    let injected = fixture.emulator.inject(rule);
    let mut clients: Vec<Client> = (1..=4)
        .map(|count| {
            let mut client = fixture.client();
            client.send("Sign", &fixture.sign());
            eventually(|| injected.fired() == count);
            client
        })
        .collect();
    let endpoint = Arc::downgrade(fixture.emulator.server.endpoint());
    drop(fixture);
    assert_eq!(endpoint.strong_count(), 0);
    for (at, client) in clients.iter_mut().enumerate() {
        let mut rest = Vec::new();
        if let Err(error) = client.0.read_to_end(&mut rest) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{at}");
        }
        // Half an answer, or none.
        assert!(!rest.ends_with(b"}"), "{at}: a whole answer came");
    }
}

#[test]
fn a_truncated_body_announces_more_than_comes() {
    let fixture = Fixture::new(KeyType::P256);
    for (operation, body) in [
        ("Sign", fixture.sign()),
        ("Sign", json!({})),
        ("EnableKey", json!({"KeyId": fixture.arn})),
    ] {
        fixture.inject(KmsFailure::truncated_body()).keep();
        let mut client = fixture.client();
        let reply = client.ask(operation, &body).unwrap().unwrap();
        assert!(!reply.is_whole, "{reply:?}");
        let announced = usize::try_from(reply.length()).unwrap();
        assert_eq!(
            reply.body.len(),
            announced / 2,
            "not everything that was sent arrived"
        );
        assert!(client.is_closed());
    }
    fixture.assert_works();
}

#[test]
fn every_unusual_way_to_a_valid_signature_verifies() {
    let pause = Duration::from_micros(1);
    for key_type in [KeyType::Secp256k1, KeyType::P256] {
        let fixture = Fixture::new(key_type);
        for failure in [
            KmsFailure::high_s(),
            KmsFailure::low_s(),
            KmsFailure::short_r(),
            KmsFailure::slow_body(pause),
            KmsFailure::close_after_answer(),
            KmsFailure::latency(Latency::fixed(pause)),
            KmsFailure::high_s().status(203).retry_after(pause),
        ] {
            let injected = fixture.inject(failure.clone());
            let reply = fixture.client().ask("Sign", &fixture.sign());
            let reply = reply.unwrap().unwrap();
            assert!(fixture.accepts(&reply.blob("Signature")), "{failure:?}");
            assert_eq!(reply.json()["KeyId"], fixture.arn.as_str());
            assert_eq!(injected.fired(), 1, "{failure:?}");
        }
    }
}

/// A client that compares the answer with its request, as every client should.
fn is_trusted(fixture: &Fixture, reply: &Reply) -> bool {
    let Ok(answer) = serde_json::from_slice::<Value>(&reply.body) else {
        return false;
    };
    let signature = answer["Signature"].as_str();
    let signature = signature.and_then(|text| BASE64_STANDARD.decode(text).ok());
    reply.status == 200
        && reply.is_whole
        && answer["KeyId"] == fixture.arn.as_str()
        && answer["SigningAlgorithm"] == "ECDSA_SHA_256"
        && signature.is_some_and(|signature| fixture.accepts(&signature))
}

#[test]
fn no_failure_that_damages_an_answer_is_trusted() {
    let fixture = Fixture::new(KeyType::Secp256k1);
    let honest = fixture.client().ask("Sign", &fixture.sign());
    assert!(is_trusted(&fixture, &honest.unwrap().unwrap()));
    let flipped = |part| KmsFailure::flipped_signature_bit(part, None);
    for failure in [
        KmsFailure::throttling(),
        KmsFailure::error("DryRunOperationException").status(200),
        KmsFailure::page(200),
        KmsFailure::page(503),
        KmsFailure::response(200, "application/x-amz-json-1.1", "{}"),
        KmsFailure::empty_body(),
        KmsFailure::empty_object(),
        KmsFailure::malformed_json(),
        KmsFailure::bad_base64(),
        KmsFailure::without_member("KeyId"),
        KmsFailure::without_member("Signature"),
        KmsFailure::without_member("SigningAlgorithm"),
        KmsFailure::truncated_body(),
        KmsFailure::other_key_id("arn:aws:kms:us-east-1:000000000000:key/1"),
        KmsFailure::other_algorithm("ECDSA_SHA_512"),
        KmsFailure::signature_by_another_key(),
        KmsFailure::signature_over_another_message(),
        flipped(SignaturePart::R),
        flipped(SignaturePart::S),
        flipped(SignaturePart::DerHeader),
        KmsFailure::trailing_byte(),
        KmsFailure::fixed_width_signature(),
        KmsFailure::key_disabled(),
    ] {
        let injected = fixture.inject(failure.clone());
        let reply = fixture.client().ask("Sign", &fixture.sign());
        let reply = reply.unwrap().unwrap();
        assert!(!is_trusted(&fixture, &reply), "{failure:?}: {reply:?}");
        assert_eq!(injected.fired(), 1, "{failure:?}");
    }
    assert_eq!(fixture.emulator.calls(Operation::Sign), 24);
}

#[test]
fn a_replayed_answer_and_a_damaged_key_arrive() {
    let fixture = Fixture::new(KeyType::Ed25519);
    let mut client = fixture.client();
    let mut sign = fixture.sign_as("RAW", "ED25519_SHA_512");
    let first = client.ask("Sign", &sign).unwrap().unwrap();
    fixture.inject(KmsFailure::replayed_answer()).keep();
    sign["Message"] = "AQ==".into();
    let replayed = client.ask("Sign", &sign).unwrap().unwrap();
    assert_eq!(replayed.json(), first.json());

    // Bit 0 is the tag of the SPKI, so this is not a key at all.
    fixture
        .inject(KmsFailure::flipped_public_key_bit(Some(0)))
        .keep();
    let key = json!({"KeyId": fixture.arn});
    let damaged = client.ask("GetPublicKey", &key).unwrap().unwrap();
    let spki = damaged.blob("PublicKey");
    assert!(PublicKey::from_spki_der(&spki).is_err());
    assert_eq!(spki[0], 0x30 ^ 0x80);
}

#[test]
fn a_deleted_key_is_gone_with_its_aliases() {
    let fixture = Fixture::new(KeyType::P256);
    let Fixture { emulator, arn } = &fixture;
    emulator.create_alias("alias/a", arn).unwrap();
    let other = emulator.create_key(KeyType::P256).unwrap();
    emulator.create_alias("alias/b", &other).unwrap();
    let code = emulator.delete_key("alias/a").unwrap_err().code();
    assert_eq!(code, Some("InvalidArnException"));
    emulator.delete_key(arn).unwrap();
    for key_id in [arn, "alias/a"] {
        let key = json!({"KeyId": key_id});
        let reply = fixture.client().ask("DescribeKey", &key).unwrap().unwrap();
        assert_eq!(reply.json()["__type"], "NotFoundException", "{key_id}");
    }
    assert_eq!(
        emulator.delete_key(arn).unwrap_err().code(),
        Some("NotFoundException")
    );
    assert!(emulator.public_key(&other).is_ok());
    emulator.create_alias("alias/a", &other).unwrap();
}

#[test]
fn a_multi_region_key_signs_alike_in_two_regions() {
    let fixture = Fixture::new(KeyType::P256);
    let runtime = tokio::runtime::Builder::new_current_thread();
    let start = KmsEmulator::builder().seed(7).region("eu-west-1").start();
    let there = { runtime }.build().unwrap().block_on(start).unwrap();
    let primary = (fixture.emulator)
        .create_multi_region_key(KeyType::Secp256k1)
        .unwrap();
    let replica = fixture.emulator.replicate_key(&primary, &there).unwrap();
    assert_eq!(replica, primary.replace("us-east-1", "eu-west-1"));
    assert_eq!(
        fixture.emulator.public_key(&primary).unwrap(),
        there.public_key(&replica).unwrap()
    );
    let error = fixture
        .emulator
        .replicate_key(&primary, &there)
        .unwrap_err();
    assert_eq!(error.code(), Some("AlreadyExistsException"));
    let error = fixture
        .emulator
        .replicate_key(&primary, &fixture.emulator)
        .unwrap_err();
    assert_eq!(error.code(), Some("ValidationException"));
}
