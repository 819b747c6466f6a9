//! The cases of failures, and the outcome of each.

use std::time::Duration;

use kms_signer::{
    KeyType, Retries,
    emulator::{
        Latency,
        aws_kms::{KmsEmulator, KmsFailure, SignaturePart},
    },
};

use super::{tally::Expect, transport::Transit};

/// The attempt timeout: short, so that failures that hang do not slow down a run in real time.
pub const ATTEMPT: Duration = Duration::from_millis(250);
/// The timeout of a call: time for two attempts and the start of a third.
pub const TIMEOUT: Duration = Duration::from_millis(600);

/// Three attempts with very short pauses, and a budget that never runs out.
pub fn retries() -> Retries {
    let retries = Retries::default().initial_backoff(Duration::from_millis(1));
    retries.budget(u32::MAX)
}

/// A case of failure, and the outcome of a request whose attempts all meet it.
pub struct Case {
    pub name: &'static str,
    pub failure: KmsFailure,
    pub expect: Expect,
    /// What happens to the answer in virtual time instead.
    pub transit: Transit,
}

impl Case {
    fn new(name: &'static str, failure: KmsFailure, expect: Expect) -> Self {
        Self {
            name,
            failure,
            expect,
            transit: Transit::Arrives,
        }
    }

    fn in_transit(mut self, transit: Transit) -> Self {
        self.transit = transit;
        self
    }

    /// Whether an answer takes longer than an attempt may.
    pub fn hangs(&self) -> bool {
        self.expect.is_timeout()
    }
}

const ANOTHER_KEY: &str =
    "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000";

/// Transient failures, which are retried.
const LOST: Expect = Expect::fails_thrice(&["connection"]);
const CUT: Expect = Expect::fails_thrice(&["connection", "unavailable"]);
const LATE: Expect = Expect::fails_thrice(&["timeout"]);
const UNAVAILABLE: Expect = Expect::fails_thrice(&["unavailable"]);
const THROTTLED: Expect = Expect::fails_thrice(&["throttled"]);
const INCOMPLETE: Expect = Expect::fails_thrice(&["unusable_answer"]);
/// Permanent failures, which are not retried.
const CONTRADICTING: Expect = Expect::fails(&["unusable_answer"]);
const CREDENTIALS: Expect = Expect::fails(&["credentials"]);
const INVALID: Expect = Expect::fails(&["invalid_request"]);
const OTHER: Expect = Expect::fails(&["other"]);
const MALFORMED: Expect = Expect::fails(&["invalid_signature"]);
const FORGED: Expect = Expect::fails(&["signature_not_verified"]);
/// A flipped bit may make a scalar too large, or break the DER.
const FLIPPED: Expect = Expect::fails(&["signature_not_verified", "invalid_signature"]);
const MOVED: Expect = Expect::fails(&["key_moved"]);
const DENIED: Expect = Expect::fails(&["access_denied"]);
const SIGNED: Expect = Expect::SIGNED;

/// Every failure of `Sign`. `connections.rs` shows what happens to a connection afterwards.
pub fn signing() -> Vec<Case> {
    let mut cases = codes();
    cases.extend(answers());
    cases.extend(signatures());
    cases.extend(in_time());
    cases
}

/// Errors with a code of KMS, or with one that is common to AWS.
fn codes() -> Vec<Case> {
    let codes = [
        ("AccessDeniedException", DENIED),
        ("DependencyTimeoutException", UNAVAILABLE),
        ("DisabledException", Expect::fails(&["disabled"])),
        ("DryRunOperationException", OTHER),
        ("ExpiredTokenException", CREDENTIALS),
        ("InvalidArnException", INVALID),
        ("InvalidGrantTokenException", INVALID),
        (
            "InvalidKeyUsageException",
            Expect::fails(&["invalid_usage"]),
        ),
        ("InvalidSignatureException", CREDENTIALS),
        ("KMSInternalException", UNAVAILABLE),
        (
            "KMSInvalidStateException",
            Expect::fails(&["invalid_state"]),
        ),
        ("KeyUnavailableException", UNAVAILABLE),
        ("LimitExceededException", THROTTLED),
        ("NotFoundException", Expect::fails(&["not_found"])),
        ("ServiceUnavailableException", UNAVAILABLE),
        ("ThrottlingException", THROTTLED),
        ("UnrecognizedClientException", CREDENTIALS),
        (
            "UnsupportedOperationException",
            Expect::fails(&["invalid_usage"]),
        ),
        ("ValidationException", INVALID),
        ("KeyOnHolidayException", OTHER),
    ];
    let case = |(code, expect)| Case::new(code, KmsFailure::error(code), expect);
    codes.map(case).into()
}

/// Answers that are neither an error of KMS nor a signature.
fn answers() -> Vec<Case> {
    let case = Case::new;
    vec![
        // The answer's own `Date` is right, so there is nothing to correct.
        case("clock skew", KmsFailure::clock_skew(), CREDENTIALS),
        case("500 with a page", KmsFailure::page(500), UNAVAILABLE),
        case("502 with a page", KmsFailure::page(502), UNAVAILABLE),
        case("503 with a page", KmsFailure::page(503), UNAVAILABLE),
        case("429 with a page", KmsFailure::page(429), THROTTLED),
        case("407 with a page", KmsFailure::page(407), OTHER),
        case("200 with a page", KmsFailure::page(200), UNAVAILABLE),
        case("empty body", KmsFailure::empty_body(), INCOMPLETE),
        case("empty object", KmsFailure::empty_object(), INCOMPLETE),
        case("no KeyId", KmsFailure::without_member("KeyId"), INCOMPLETE),
        case(
            "no Signature",
            KmsFailure::without_member("Signature"),
            INCOMPLETE,
        ),
        case(
            "no SigningAlgorithm",
            KmsFailure::without_member("SigningAlgorithm"),
            INCOMPLETE,
        ),
        case("malformed JSON", KmsFailure::malformed_json(), UNAVAILABLE),
        case("bad base64", KmsFailure::bad_base64(), UNAVAILABLE),
        case("truncated body", KmsFailure::truncated_body(), CUT),
        case("reset", KmsFailure::reset(), LOST),
        case(
            "reset after processing",
            KmsFailure::reset_after_processing(),
            LOST,
        ),
        case("closed without answer", KmsFailure::close(), LOST),
        case(
            "another KeyId",
            KmsFailure::other_key_id(ANOTHER_KEY),
            MOVED,
        ),
        case(
            "another algorithm",
            KmsFailure::other_algorithm("ECDSA_SHA_512"),
            CONTRADICTING,
        ),
    ]
}

fn signatures() -> Vec<Case> {
    let flipped = |part| KmsFailure::flipped_signature_bit(part, None);
    let case = Case::new;
    vec![
        case(
            "signed by another key",
            KmsFailure::signature_by_another_key(),
            FORGED,
        ),
        case(
            "another digest",
            KmsFailure::signature_over_another_message(),
            FORGED,
        ),
        case("replayed answer", KmsFailure::replayed_answer(), FORGED),
        case("bit flip in r", flipped(SignaturePart::R), FLIPPED),
        case("bit flip in s", flipped(SignaturePart::S), FLIPPED),
        case(
            "bit flip in DER",
            flipped(SignaturePart::DerHeader),
            FLIPPED,
        ),
        case("trailing byte", KmsFailure::trailing_byte(), MALFORMED),
        case(
            "64 bytes and no DER",
            KmsFailure::fixed_width_signature(),
            MALFORMED,
        ),
        case("high s", KmsFailure::high_s(), SIGNED),
        case("low s", KmsFailure::low_s(), SIGNED),
        case("short r", KmsFailure::short_r(), SIGNED),
    ]
}

/// Answers that take time, or never end.
fn in_time() -> Vec<Case> {
    let (millis, case) = (Duration::from_millis, Case::new);
    vec![
        case("accepted and stalled", KmsFailure::stall(), LATE).in_transit(Transit::Never),
        case("stalled in the body", KmsFailure::stall_in_body(), LATE).in_transit(Transit::Half),
        case(
            "slower than the attempt",
            KmsFailure::latency(Latency::fixed(2 * ATTEMPT)),
            LATE,
        )
        .in_transit(Transit::Late(2 * ATTEMPT)),
        case(
            "body slower than the attempt",
            KmsFailure::slow_body(millis(5)),
            LATE,
        )
        .in_transit(Transit::ByteByByte(millis(5))),
        case(
            "latency",
            KmsFailure::latency(Latency::log_normal(millis(2), millis(20))),
            SIGNED,
        )
        .in_transit(Transit::Late(millis(20))),
        case(
            "body byte by byte",
            KmsFailure::slow_body(Duration::ZERO),
            SIGNED,
        ),
    ]
}

/// Every failure of `GetPublicKey`.
pub fn connecting() -> Vec<Case> {
    let case = Case::new;
    vec![
        case(
            "connect: bit flip in SPKI",
            KmsFailure::flipped_public_key_bit(None),
            Expect::fails(&["key_refused"]),
        ),
        case(
            "connect: empty object",
            KmsFailure::empty_object(),
            INCOMPLETE,
        ),
        case(
            "connect: no PublicKey",
            KmsFailure::without_member("PublicKey"),
            INCOMPLETE,
        ),
        case("connect: bad base64", KmsFailure::bad_base64(), UNAVAILABLE),
        case(
            "connect: another KeyId",
            KmsFailure::other_key_id(ANOTHER_KEY),
            MOVED,
        ),
        case("connect: throttled", KmsFailure::throttling(), THROTTLED),
        case("connect: denied", KmsFailure::access_denied(), DENIED),
        case("connect: stalled", KmsFailure::stall(), LATE).in_transit(Transit::Never),
    ]
}

/// The alias of keys that change.
pub const ALIAS: &str = "alias/hot-wallet";

pub type Change = (&'static str, fn(&KmsEmulator) -> KmsFailure, Expect);

/// What happens to the key between two signatures.
pub fn changes() -> Vec<Change> {
    vec![
        ("alias moved in between", move_alias, MOVED),
        (
            "key disabled in between",
            |_| KmsFailure::key_disabled(),
            Expect::fails(&["disabled"]),
        ),
        (
            "deletion scheduled",
            |_| KmsFailure::key_deletion_scheduled(),
            Expect::fails(&["invalid_state"]),
        ),
        (
            "key deleted in between",
            |_| KmsFailure::key_deleted(),
            Expect::fails(&["not_found"]),
        ),
    ]
}

fn move_alias(emulator: &KmsEmulator) -> KmsFailure {
    let second = emulator.create_key(KeyType::Secp256k1).unwrap();
    KmsFailure::alias_moved(ALIAS, &second)
}
