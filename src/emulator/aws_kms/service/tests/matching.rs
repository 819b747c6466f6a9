//! Which requests a failure can happen to.

use super::*;
use crate::emulator::{
    InjectedFailure,
    aws_kms::SignaturePart,
    failure::{Plan, Rules, Seen},
};

const SECOND: Duration = Duration::from_secs(1);

struct Fixture {
    service: KmsService,
    rules: Rules<AwsKms>,
}

impl Fixture {
    fn new() -> Self {
        Self {
            service: service(),
            rules: Rules::new(Random::from_seed(7)),
        }
    }

    fn key(&self, key_type: KeyType) -> String {
        let mut store = self.service.store();
        store.create(NewKey::of(key_type)).unwrap().arn.clone()
    }

    #[track_caller]
    fn inject(&self, rule: FailureRule<AwsKms>) -> InjectedFailure {
        self.rules.inject(rule)
    }

    fn ask(&self, operation: Option<Operation>, is_admitted: bool, key: &str) -> Plan<AwsKms> {
        let body = json!({"KeyId": key}).to_string().into_bytes();
        let rejected = KmsError::new(Code::MissingAuthenticationToken, "");
        let request = Received {
            operation,
            call: match operation {
                Some(operation) if is_admitted => Ok((operation, body)),
                _ => Err(rejected),
            },
        };
        self.rules.decide(&Seen {
            service: &self.service,
            operation,
            key: self.service.key_of(&request),
            request: &request,
        })
    }

    /// Whether a `Sign` with this key is hit.
    fn sign(&self, key: &str) -> bool {
        let plan = self.ask(Some(Operation::Sign), true, key);
        plan.failure.is_some()
    }
}

#[test]
fn rejected_requests_match_only_failures_on_the_way() {
    let fixture = Fixture::new();
    let key = fixture.key(KeyType::P256);
    for failure in [
        KmsFailure::page(503),
        KmsFailure::response(200, "text/plain", "ok"),
        KmsFailure::truncated_body(),
        KmsFailure::reset(),
        KmsFailure::reset_after_processing(),
        KmsFailure::close(),
        KmsFailure::close_after_answer(),
        KmsFailure::stall(),
        KmsFailure::stall_in_body(),
        KmsFailure::slow_body(SECOND),
        KmsFailure::latency(Latency::fixed(SECOND)),
    ] {
        let injected = fixture.inject(FailureRule::new(failure.clone()));
        fixture.ask(None, false, "");
        fixture.ask(Some(Operation::Sign), false, "");
        fixture.ask(Some(Operation::Sign), true, &key);
        assert_eq!(injected.fired(), 3, "{failure:?}");
    }
    for (failure, hits) in [
        (KmsFailure::throttling(), 1),
        (KmsFailure::alias_moved("alias/a", "b"), 1),
        (KmsFailure::key_disabled(), 1),
        (KmsFailure::key_deletion_scheduled(), 1),
        (KmsFailure::key_deleted(), 1),
        (KmsFailure::empty_body(), 1),
        (KmsFailure::high_s(), 1),
    ] {
        let injected = fixture.inject(FailureRule::new(failure.clone()));
        fixture.ask(None, false, "");
        fixture.ask(Some(Operation::Sign), false, &key);
        assert_eq!(injected.fired(), 0, "{failure:?}");
        fixture.ask(Some(Operation::Sign), true, &key);
        assert_eq!(injected.fired(), hits, "{failure:?}");
    }
}

#[test]
fn a_failure_matches_only_what_it_can_happen_to() {
    use Operation::{DescribeKey, GetPublicKey, ListKeys, Sign, Verify};
    let fixture = Fixture::new();
    let ecdsa = fixture.key(KeyType::Secp256k1);
    let ed25519 = fixture.key(KeyType::Ed25519);
    let header = KmsFailure::flipped_signature_bit(SignaturePart::DerHeader, None);
    let r = KmsFailure::flipped_signature_bit(SignaturePart::R, None);
    let all = [Sign, Verify, GetPublicKey, DescribeKey, ListKeys].as_slice();
    let both = [&ecdsa, &ed25519].map(String::as_str);
    let one = [ecdsa.as_str()];
    for (failure, operations, keys) in [
        (KmsFailure::empty_body(), all, &both[..]),
        (KmsFailure::empty_object(), all, &both),
        (KmsFailure::malformed_json(), all, &both),
        (KmsFailure::without_member("KeyId"), all, &both),
        (KmsFailure::bad_base64(), &[Sign, GetPublicKey], &both),
        (
            KmsFailure::other_key_id("x"),
            &[Sign, Verify, GetPublicKey],
            &both,
        ),
        (KmsFailure::other_algorithm("x"), &[Sign, Verify], &both),
        (
            KmsFailure::flipped_public_key_bit(None),
            &[GetPublicKey],
            &both,
        ),
        (KmsFailure::signature_by_another_key(), &[Sign], &both),
        (KmsFailure::signature_over_another_message(), &[Sign], &both),
        (KmsFailure::trailing_byte(), &[Sign], &both),
        (r, &[Sign], &both),
        (header, &[Sign], &one),
        (KmsFailure::fixed_width_signature(), &[Sign], &one),
        (KmsFailure::high_s(), &[Sign], &one),
        (KmsFailure::low_s(), &[Sign], &one),
        (KmsFailure::short_r(), &[Sign], &one),
        // No key has signed yet.
        (KmsFailure::replayed_answer(), &[], &[]),
    ] {
        for operation in all {
            for key in both {
                let injected = fixture.inject(FailureRule::new(failure.clone()));
                fixture.ask(Some(*operation), true, key);
                let expected = operations.contains(operation) && keys.contains(&key);
                let is_hit = injected.fired() == 1;
                assert_eq!(is_hit, expected, "{failure:?}, {operation}, {key}");
            }
        }
    }
}

#[test]
fn an_operation_and_a_key_narrow_a_rule() {
    let fixture = Fixture::new();
    let (own, other) = (fixture.key(KeyType::P256), fixture.key(KeyType::P256));
    fixture
        .service
        .store()
        .create_alias("alias/own", &own)
        .unwrap();
    let id = own.rsplit('/').next().unwrap().to_owned();
    for name in [own.as_str(), &id, "alias/own"] {
        let injected = fixture.inject(
            FailureRule::new(KmsFailure::reset())
                .on(Operation::Sign)
                .for_key(name),
        );
        for given in [own.as_str(), &id, "alias/own"] {
            assert!(
                fixture.sign(given),
                "a rule for {name}, a request for {given}"
            );
        }
        assert!(!fixture.sign(&other));
        assert!(!fixture.sign("alias/none"));
        let describe = fixture.ask(Some(Operation::DescribeKey), true, &own);
        assert!(describe.failure.is_none());
        assert!(fixture.ask(None, false, "").failure.is_none());
        assert_eq!(injected.fired(), 3);
    }

    let follows = fixture.inject(FailureRule::new(KmsFailure::reset()).for_key("alias/own"));
    fixture
        .service
        .store()
        .update_alias("alias/own", &other)
        .unwrap();
    assert!(fixture.sign(&other) && !fixture.sign(&own));
    assert_eq!(follows.fired(), 1);
    fixture.service.store().delete_alias("alias/own").unwrap();
    assert!(!fixture.sign(&other) && !fixture.sign(""));
}
