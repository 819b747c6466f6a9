//! Each kind of fault by itself, on every request.

use std::{sync::Arc, time::Duration};

use kms_signer::{
    KeyType, Signer as _,
    emulator::{Fault, FaultRule, KmsEmulator, Latency, Operation, SignaturePart},
    provider::aws_kms::{AwsKmsSigner, AwsKmsSignerBuilder, Retries},
};

use super::tally::{
    Expect::{self, Fails, Signed},
    Judge, Report, Tally,
};

/// For what hangs: short, so that it does not hold up the run.
pub const ATTEMPT: Duration = Duration::from_millis(250);
const DEADLINE: Duration = Duration::from_millis(600);
/// For what is answered, and may have to wait on a busy machine.
const PATIENT_ATTEMPT: Duration = Duration::from_secs(10);
const PATIENT_DEADLINE: Duration = Duration::from_secs(30);

type Change = (&'static str, fn(&KmsEmulator) -> Fault, Expect);

const SHORT_R: &str = "short r";

type Kind = (&'static str, Fault, Expect);

/// Requests for what hangs are not to be waited for, and all others are.
fn deadline(expect: Expect) -> Duration {
    match expect {
        Fails(["timeout"]) => DEADLINE,
        _ => PATIENT_DEADLINE,
    }
}

pub fn builder(emulator: &KmsEmulator, key_id: &str) -> AwsKmsSignerBuilder {
    let retries = Retries::default()
        .initial_backoff(Duration::from_millis(1))
        .budget(u32::MAX);
    AwsKmsSigner::builder(key_id)
        .region(emulator.region())
        .endpoint_url(emulator.endpoint_url())
        .static_credentials("AKIAFAKEFAKEFAKEFAKE", "fake", None)
        .attempt_timeout(PATIENT_ATTEMPT)
        .deadline(PATIENT_DEADLINE)
        .retries(retries)
}

pub async fn run(report: &mut Report, requests: u64, concurrency: usize) {
    for (name, fault, expect) in signing() {
        // The emulator's one thread signs some 256 times for one of these.
        let concurrency = if name == SHORT_R { 1 } else { concurrency };
        report.add(sign(name, fault, expect, requests, concurrency).await);
    }
    for (name, fault, expect) in connecting() {
        report.add(connect(name, fault, expect, requests, concurrency).await);
    }
    for (name, fault, expect) in changes() {
        report.add(change(name, fault, expect, requests).await);
    }
}

const ANOTHER_KEY: &str =
    "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000";

/// What Sign can answer, or not.
pub fn signing() -> Vec<Kind> {
    // By a code of KMS, or by the one that is common to AWS.
    let mut kinds: Vec<Kind> = [
        ("AccessDeniedException", Fails(&["access_denied"])),
        ("DependencyTimeoutException", Fails(&["unavailable"])),
        ("DisabledException", Fails(&["disabled"])),
        ("DryRunOperationException", Fails(&["other"])),
        ("ExpiredTokenException", Fails(&["credentials"])),
        ("InvalidArnException", Fails(&["invalid_request"])),
        ("InvalidGrantTokenException", Fails(&["invalid_request"])),
        ("InvalidKeyUsageException", Fails(&["invalid_usage"])),
        ("InvalidSignatureException", Fails(&["credentials"])),
        ("KMSInternalException", Fails(&["unavailable"])),
        ("KMSInvalidStateException", Fails(&["invalid_state"])),
        ("KeyUnavailableException", Fails(&["unavailable"])),
        ("LimitExceededException", Fails(&["throttled"])),
        ("NotFoundException", Fails(&["not_found"])),
        ("ServiceUnavailableException", Fails(&["unavailable"])),
        ("ThrottlingException", Fails(&["throttled"])),
        ("UnrecognizedClientException", Fails(&["credentials"])),
        ("UnsupportedOperationException", Fails(&["invalid_usage"])),
        ("ValidationException", Fails(&["invalid_request"])),
        ("KeyOnHolidayException", Fails(&["other"])),
    ]
    .map(|(code, expect)| (code, Fault::error(code), expect))
    .into();

    const LOST: Expect = Fails(&["connection"]);
    const CUT: Expect = Fails(&["connection", "unavailable"]);
    const LATE: Expect = Fails(&["timeout"]);
    const GARBLED: Expect = Fails(&["unavailable"]);
    const INCOMPLETE: Expect = Fails(&["unusable_answer"]);
    const MALFORMED: Expect = Fails(&["invalid_signature"]);
    const FORGED: Expect = Fails(&["signature_not_verified"]);
    // A flipped bit may make a scalar too large, or a signature no DER.
    const FLIPPED: Expect = Fails(&["signature_not_verified", "invalid_signature"]);
    let millis = Duration::from_millis;
    kinds.extend([
        ("clock skew", Fault::clock_skew(), Fails(&["credentials"])),
        ("500 with a page", Fault::page(500), GARBLED),
        ("502 with a page", Fault::page(502), GARBLED),
        ("503 with a page", Fault::page(503), GARBLED),
        ("429 with a page", Fault::page(429), Fails(&["throttled"])),
        ("407 with a page", Fault::page(407), Fails(&["other"])),
        ("200 with a page", Fault::page(200), GARBLED),
        ("empty body", Fault::empty_body(), INCOMPLETE),
        ("empty object", Fault::empty_object(), INCOMPLETE),
        ("no KeyId", Fault::without_member("KeyId"), INCOMPLETE),
        (
            "no Signature",
            Fault::without_member("Signature"),
            INCOMPLETE,
        ),
        (
            "no SigningAlgorithm",
            Fault::without_member("SigningAlgorithm"),
            INCOMPLETE,
        ),
        ("malformed JSON", Fault::malformed_json(), GARBLED),
        ("bad base64", Fault::bad_base64(), GARBLED),
        ("truncated body", Fault::truncated_body(), CUT),
        ("reset", Fault::reset(), LOST),
        (
            "reset after processing",
            Fault::reset_after_processing(),
            LOST,
        ),
        ("closed without answer", Fault::close(), LOST),
        ("accepted and stalled", Fault::stall(), LATE),
        ("stalled in the body", Fault::stall_in_body(), LATE),
        (
            "slower than the attempt",
            Fault::latency(Latency::fixed(2 * ATTEMPT)),
            LATE,
        ),
        (
            "another KeyId",
            Fault::other_key_id(ANOTHER_KEY),
            Fails(&["key_moved"]),
        ),
        (
            "another algorithm",
            Fault::other_algorithm("ECDSA_SHA_512"),
            INCOMPLETE,
        ),
        (
            "signed by another key",
            Fault::signature_by_another_key(),
            FORGED,
        ),
        (
            "another digest",
            Fault::signature_over_another_message(),
            FORGED,
        ),
        ("replayed answer", Fault::replayed_answer(), FORGED),
        (
            "bit flip in r",
            Fault::flipped_signature_bit(SignaturePart::R, None),
            FLIPPED,
        ),
        (
            "bit flip in s",
            Fault::flipped_signature_bit(SignaturePart::S, None),
            FLIPPED,
        ),
        (
            "bit flip in DER",
            Fault::flipped_signature_bit(SignaturePart::DerHeader, None),
            FLIPPED,
        ),
        ("trailing byte", Fault::trailing_byte(), MALFORMED),
        (
            "64 bytes and no DER",
            Fault::fixed_width_signature(),
            MALFORMED,
        ),
        ("high s", Fault::high_s(), Signed),
        ("low s", Fault::low_s(), Signed),
        (SHORT_R, Fault::short_r(), Signed),
        (
            "closed after the answer",
            Fault::close_after_answer(),
            Signed,
        ),
        (
            "body byte by byte",
            Fault::slow_body(Duration::ZERO),
            Signed,
        ),
        (
            "body slower than the attempt",
            Fault::slow_body(millis(5)),
            LATE,
        ),
        (
            "latency",
            Fault::latency(Latency::log_normal(millis(2), millis(20))),
            Signed,
        ),
    ]);
    kinds
}

/// What GetPublicKey can answer, or not.
fn connecting() -> Vec<Kind> {
    const REFUSED: Expect = Fails(&["key_refused"]);
    const INCOMPLETE: Expect = Fails(&["unusable_answer"]);
    vec![
        (
            "connect: bit flip in SPKI",
            Fault::flipped_public_key_bit(None),
            REFUSED,
        ),
        ("connect: empty object", Fault::empty_object(), INCOMPLETE),
        (
            "connect: no PublicKey",
            Fault::without_member("PublicKey"),
            INCOMPLETE,
        ),
        (
            "connect: bad base64",
            Fault::bad_base64(),
            Fails(&["unavailable"]),
        ),
        (
            "connect: another KeyId",
            Fault::other_key_id(ANOTHER_KEY),
            Fails(&["key_moved"]),
        ),
        (
            "connect: throttled",
            Fault::throttling(),
            Fails(&["throttled"]),
        ),
        (
            "connect: denied",
            Fault::access_denied(),
            Fails(&["access_denied"]),
        ),
        ("connect: stalled", Fault::stall(), Fails(&["timeout"])),
    ]
}

/// What happens to the key between two signatures. Each is undone before the next.
fn changes() -> Vec<Change> {
    vec![
        ("alias moved in between", move_alias, Fails(&["key_moved"])),
        (
            "key disabled in between",
            |_| Fault::key_disabled(),
            Fails(&["disabled"]),
        ),
        (
            "deletion scheduled",
            |_| Fault::key_deletion_scheduled(),
            Fails(&["invalid_state"]),
        ),
        (
            "key deleted in between",
            |_| Fault::key_deleted(),
            Fails(&["not_found"]),
        ),
    ]
}

const ALIAS: &str = "alias/hot-wallet";

fn move_alias(emulator: &KmsEmulator) -> Fault {
    let second = emulator.create_key(KeyType::Secp256k1).unwrap();
    Fault::alias_moved(ALIAS, &second)
}

async fn sign(
    name: &str,
    fault: Fault,
    expect: Expect,
    requests: u64,
    concurrency: usize,
) -> Tally {
    let emulator = KmsEmulator::builder().seed(1).start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let signer = Arc::new(pinned(&emulator, &arn, expect).await);
    let mut tally = Tally::new(name);
    // The first signature is right, so that there is an answer to replay.
    tally
        .sign(signer.clone(), 1, 1, deadline(expect), Signed)
        .await;
    emulator.inject(FaultRule::new(fault).on(Operation::Sign));
    tally
        .sign(signer, requests, concurrency, deadline(expect), expect)
        .await;
    tally.calls = emulator.calls(Operation::Sign);
    tally.check_calls(1, requests, expect);
    tally
}

async fn connect(
    name: &str,
    fault: Fault,
    expect: Expect,
    requests: u64,
    concurrency: usize,
) -> Tally {
    let emulator = KmsEmulator::builder().seed(1).start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let public_key = emulator.public_key(&arn).unwrap();
    let first = pinned(&emulator, &arn, expect).await;
    emulator.inject(FaultRule::new(fault));
    let connect = |_| {
        let connecting = first.another_key(&arn).connect();
        let public_key = public_key.clone();
        async {
            let connected = connecting.await?;
            let judge = move || *connected.public_key() == public_key;
            Ok(Box::new(judge) as Judge)
        }
    };
    let mut tally = Tally::new(name);
    tally
        .run(connect, requests, concurrency, deadline(expect), expect)
        .await;
    tally.calls = emulator.total_calls();
    tally.check_calls(0, requests, expect);
    tally
}

async fn change(
    name: &str,
    fault: fn(&KmsEmulator) -> Fault,
    expect: Expect,
    requests: u64,
) -> Tally {
    let emulator = KmsEmulator::builder().seed(1).start().await.unwrap();
    let fault = fault(&emulator);
    let any = emulator.create_key(KeyType::Secp256k1).unwrap();
    let any = pinned(&emulator, &any, expect).await;
    let mut tally = Tally::new(name);
    for _ in 0..requests {
        let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
        emulator.create_alias(ALIAS, &arn).unwrap();
        let public_key = emulator.public_key(&arn).unwrap();
        let signer = Arc::new(any.another_key(ALIAS).pinned(public_key).await.unwrap());
        tally
            .sign(signer.clone(), 1, 1, deadline(expect), Signed)
            .await;
        let injected = emulator.inject(FaultRule::new(fault.clone()).on(Operation::Sign).times(1));
        tally.sign(signer, 1, 1, deadline(expect), expect).await;
        assert_eq!(injected.fired(), 1, "{name}");
        // It is gone already if its key was deleted.
        let _ = emulator.delete_alias(ALIAS);
    }
    tally.calls = emulator.calls(Operation::Sign);
    tally
}

async fn pinned(emulator: &KmsEmulator, key_id: &str, expect: Expect) -> AwsKmsSigner {
    let public_key = emulator.public_key(key_id).unwrap();
    let mut builder = builder(emulator, key_id).deadline(deadline(expect));
    if deadline(expect) == DEADLINE {
        builder = builder.attempt_timeout(ATTEMPT);
    }
    builder.pinned(public_key).await.unwrap()
}
