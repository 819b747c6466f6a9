use super::*;
use crate::{
    KeyType,
    emulator::{
        fault::{Latency, SignaturePart},
        identifier::Scope,
        key_store::NewKey,
    },
};

const SECOND: Duration = Duration::from_secs(1);

struct Fixture {
    store: KeyStore,
    rules: Arc<Rules>,
}

impl Fixture {
    fn new() -> Self {
        let scope = Scope::new("us-east-1", "000000000000").unwrap();
        let random = Random::from_seed(7);
        Self {
            store: KeyStore::new(scope, random.stream("keys")),
            rules: Arc::new(Rules::new(random.stream("faults"))),
        }
    }

    fn key(&mut self, key_type: KeyType) -> String {
        let key = self.store.create(NewKey::of(key_type)).unwrap();
        key.arn.clone()
    }

    fn inject(&self, rule: FaultRule) -> InjectedFault {
        self.rules.clone().inject(rule)
    }

    fn ask(&self, operation: Option<Operation>, is_admitted: bool, key: &str) -> Plan {
        self.rules.decide(&Seen {
            store: &self.store,
            operation,
            is_admitted,
            key: self.store.resolve(key),
        })
    }

    /// Whether a `Sign` with this key is hit.
    fn sign(&self, key: &str) -> bool {
        let plan = self.ask(Some(Operation::Sign), true, key);
        plan.fault.is_some()
    }

    /// `x` for each of so many requests that is hit, and `.` for the others.
    fn signs(&self, count: usize) -> String {
        let hit = (0..count).map(|_| self.sign(""));
        hit.map(|is_hit| if is_hit { 'x' } else { '.' }).collect()
    }
}

/// By something that tells faults apart.
fn retry_after(plan: &Plan) -> Option<Duration> {
    plan.fault.as_ref().and_then(|(fault, _)| fault.retry_after)
}

#[test]
fn hits_are_counted_exactly() {
    let busy = || FaultRule::new(Fault::throttling());
    let fault = || Some(Fault::throttling());
    for (rule, expected) in [
        (busy(), "xxxxxxxx"),
        (busy().after(2), "..xxxxxx"),
        (busy().times(3), "xxx....."),
        (busy().after(2).times(3), "..xxx..."),
        (busy().times(0), "........"),
        (FaultRule::sequence([]), "........"),
        (FaultRule::sequence([fault(), None, fault()]), "x.x....."),
        (
            FaultRule::sequence([fault(), None, fault()]).after(2),
            "..x.x...",
        ),
        (
            FaultRule::sequence([fault(), None, fault()]).times(1),
            "x.......",
        ),
        (
            FaultRule::sequence([fault(), None, fault()]).rate(0.0),
            "........",
        ),
        (busy().rate(1.5), "xxxxxxxx"),
        (busy().rate(-1.0), "........"),
        (busy().rate(f64::NAN), "........"),
    ] {
        let fixture = Fixture::new();
        let shown = format!("{rule:?}");
        let injected = fixture.inject(rule);
        assert_eq!(fixture.signs(8), expected, "{shown}");
        let hits = expected.matches('x').count();
        assert_eq!(injected.fired(), hits as u64, "{shown}");
    }
}

#[test]
fn a_rate_is_drawn_again_with_the_seed_and_shifts_no_other() {
    let flaky = || FaultRule::new(Fault::throttling()).rate(0.25);
    let alone = Fixture::new();
    let injected = alone.inject(flaky());
    let hits = alone.signs(1000);
    assert!(
        (200..300).contains(&injected.fired()),
        "{}",
        injected.fired()
    );

    let among = Fixture::new();
    among.inject(flaky());
    among.inject(FaultRule::new(Latency::exponential(SECOND)).rate(0.5));
    among.inject(flaky());
    let plans = (0..1000).map(|_| among.ask(Some(Operation::Sign), true, ""));
    let first = plans.map(|plan| plan.fault.is_some());
    let both = first.filter(|is_hit| *is_hit).count();
    assert!(
        (350..500).contains(&both),
        "the third rule draws as the first: {both}"
    );

    let again = Fixture::new();
    again.inject(flaky());
    assert_eq!(again.signs(1000), hits);

    // A rule draws the same however many requests it is not asked for.
    let busy = Fixture::new();
    busy.inject(flaky().on(Operation::Sign));
    let busy_hits: String = (0..1000)
        .map(|_| {
            assert!(
                busy.ask(Some(Operation::ListKeys), true, "")
                    .fault
                    .is_none()
            );
            busy.signs(1)
        })
        .collect();
    assert_eq!(busy_hits, hits);
}

#[test]
fn with_a_rate_times_counts_hits() {
    let fixture = Fixture::new();
    let injected = fixture.inject(FaultRule::new(Fault::throttling()).rate(0.5).times(3));
    let hits = fixture.signs(100);
    assert_eq!(hits.matches('x').count(), 3, "{hits}");
    assert_eq!(injected.fired(), 3);
}

#[test]
fn an_operation_and_a_key_narrow_a_rule() {
    let mut fixture = Fixture::new();
    let (own, other) = (fixture.key(KeyType::P256), fixture.key(KeyType::P256));
    fixture.store.create_alias("alias/own", &own).unwrap();
    let id = own.rsplit('/').next().unwrap().to_owned();
    for name in [own.as_str(), &id, "alias/own"] {
        let injected = fixture.inject(
            FaultRule::new(Fault::reset())
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
        assert!(describe.fault.is_none());
        assert!(fixture.ask(None, false, "").fault.is_none());
        assert_eq!(injected.fired(), 3);
        injected.remove();
    }

    let follows = fixture.inject(FaultRule::new(Fault::reset()).for_key("alias/own"));
    fixture.store.update_alias("alias/own", &other).unwrap();
    assert!(fixture.sign(&other) && !fixture.sign(&own));
    assert_eq!(follows.fired(), 1);
    fixture.store.delete_alias("alias/own").unwrap();
    assert!(!fixture.sign(&other) && !fixture.sign(""));
}

#[test]
fn the_first_that_hits_decides_and_the_others_do_not_count() {
    let fixture = Fixture::new();
    let with = |seconds| Fault::throttling().retry_after(seconds * SECOND);
    let first = fixture.inject(FaultRule::sequence([Some(with(1)), None, Some(with(1))]));
    let second = fixture.inject(FaultRule::new(with(2)).times(2));
    let seen: Vec<Option<Duration>> = (0..5)
        .map(|_| retry_after(&fixture.ask(Some(Operation::Sign), true, "")))
        .collect();
    let expected = [1, 2, 1, 2].map(|seconds| Some(seconds * SECOND));
    assert_eq!(seen[..4], expected);
    assert_eq!(seen[4], None);
    assert_eq!((first.fired(), second.fired()), (2, 2));
}

#[test]
fn latencies_and_changes_add_up_and_go_on() {
    let mut fixture = Fixture::new();
    let key = fixture.key(KeyType::P256);
    let waits = [1, 2].map(|seconds| {
        let latency = Latency::fixed(seconds * SECOND);
        fixture.inject(FaultRule::new(latency))
    });
    fixture.inject(FaultRule::new(Fault::key_disabled()));
    fixture.inject(FaultRule::new(Fault::reset()));
    let never = fixture.inject(FaultRule::new(Latency::fixed(SECOND)));
    let plan = fixture.ask(Some(Operation::Sign), true, &key);
    assert_eq!(plan.delay, 3 * SECOND);
    assert_eq!(plan.changes, [Change::DisableKey]);
    assert!(plan.fault.is_some());
    assert_eq!(waits.map(|wait| wait.fired()), [1, 1]);
    assert_eq!(never.fired(), 0);
}

#[test]
fn rules_are_taken_back_alone_or_all_at_once() {
    let fixture = Fixture::new();
    let [first, second, third] = [1, 2, 3].map(|seconds| {
        let fault = Fault::throttling().retry_after(seconds * SECOND);
        fixture.inject(FaultRule::new(fault))
    });
    let who = || retry_after(&fixture.ask(None, true, "")).map(|time| time.as_secs());
    assert_eq!(who(), Some(1));
    first.remove();
    first.remove();
    assert_eq!(who(), Some(2));
    assert_eq!((first.fired(), second.fired()), (1, 1));
    fixture.rules.clear();
    assert_eq!(who(), None);
    third.remove();
    let later = fixture.inject(FaultRule::new(Fault::reset()));
    second.remove();
    assert!(fixture.sign(""));
    assert_eq!(later.fired(), 1);
    assert!(format!("{later:?}").contains("fired: 1"));
}

#[test]
fn spent_rules_take_no_room() {
    let fixture = Fixture::new();
    for _ in 0..100 {
        fixture.inject(FaultRule::new(Fault::reset()).times(1));
        fixture.inject(FaultRule::sequence([None, Some(Fault::reset())]));
    }
    assert_eq!(fixture.signs(300).matches('x').count(), 200);
    assert!(fixture.rules.is_empty());
}

#[test]
fn what_is_refused_at_the_door_meets_only_what_happens_on_the_way() {
    let mut fixture = Fixture::new();
    let key = fixture.key(KeyType::P256);
    for fault in [
        Fault::page(503),
        Fault::response(200, "text/plain", "ok"),
        Fault::truncated_body(),
        Fault::reset(),
        Fault::reset_after_processing(),
        Fault::close(),
        Fault::close_after_answer(),
        Fault::stall(),
        Fault::stall_in_body(),
        Fault::slow_body(SECOND),
        Fault::latency(Latency::fixed(SECOND)),
    ] {
        let injected = fixture.inject(FaultRule::new(fault.clone()));
        fixture.ask(None, false, "");
        fixture.ask(Some(Operation::Sign), false, "");
        fixture.ask(Some(Operation::Sign), true, &key);
        assert_eq!(injected.fired(), 3, "{fault:?}");
        injected.remove();
    }
    for (fault, hits) in [
        (Fault::throttling(), 1),
        (Fault::alias_moved("alias/a", "b"), 1),
        (Fault::key_disabled(), 1),
        (Fault::key_deletion_scheduled(), 1),
        (Fault::key_deleted(), 1),
        (Fault::empty_body(), 1),
        (Fault::high_s(), 1),
    ] {
        let injected = fixture.inject(FaultRule::new(fault.clone()));
        fixture.ask(None, false, "");
        fixture.ask(Some(Operation::Sign), false, &key);
        assert_eq!(injected.fired(), 0, "{fault:?}");
        fixture.ask(Some(Operation::Sign), true, &key);
        assert_eq!(injected.fired(), hits, "{fault:?}");
        injected.remove();
    }
}

#[test]
fn a_fault_matches_only_what_it_can_happen_to() {
    use Operation::{DescribeKey, GetPublicKey, ListKeys, Sign, Verify};
    let mut fixture = Fixture::new();
    let ecdsa = fixture.key(KeyType::Secp256k1);
    let ed25519 = fixture.key(KeyType::Ed25519);
    let header = Fault::flipped_signature_bit(SignaturePart::DerHeader, None);
    let r = Fault::flipped_signature_bit(SignaturePart::R, None);
    let all = [Sign, Verify, GetPublicKey, DescribeKey, ListKeys].as_slice();
    let both = [&ecdsa, &ed25519].map(String::as_str);
    let one = [ecdsa.as_str()];
    for (fault, operations, keys) in [
        (Fault::empty_body(), all, &both[..]),
        (Fault::empty_object(), all, &both),
        (Fault::malformed_json(), all, &both),
        (Fault::without_member("KeyId"), all, &both),
        (Fault::bad_base64(), &[Sign, GetPublicKey], &both),
        (
            Fault::other_key_id("x"),
            &[Sign, Verify, GetPublicKey],
            &both,
        ),
        (Fault::other_algorithm("x"), &[Sign, Verify], &both),
        (Fault::flipped_public_key_bit(None), &[GetPublicKey], &both),
        (Fault::signature_by_another_key(), &[Sign], &both),
        (Fault::signature_over_another_message(), &[Sign], &both),
        (Fault::trailing_byte(), &[Sign], &both),
        (r, &[Sign], &both),
        (header, &[Sign], &one),
        (Fault::fixed_width_signature(), &[Sign], &one),
        (Fault::high_s(), &[Sign], &one),
        (Fault::low_s(), &[Sign], &one),
        (Fault::short_r(), &[Sign], &one),
        // No key has signed yet.
        (Fault::replayed_answer(), &[], &[]),
    ] {
        for operation in all {
            for key in both {
                let injected = fixture.inject(FaultRule::new(fault.clone()));
                fixture.ask(Some(*operation), true, key);
                let expected = operations.contains(operation) && keys.contains(&key);
                let is_hit = injected.fired() == 1;
                assert_eq!(is_hit, expected, "{fault:?}, {operation}, {key}");
                injected.remove();
            }
        }
    }
}

#[test]
fn the_next_of_a_sequence_waits_for_what_it_can_happen_to() {
    let mut fixture = Fixture::new();
    let key = fixture.key(KeyType::P256);
    let injected = fixture.inject(FaultRule::sequence([
        Some(Fault::high_s()),
        Some(Fault::reset()),
    ]));
    let describe = || {
        let plan = fixture.ask(Some(Operation::DescribeKey), true, &key);
        plan.fault.is_some()
    };
    assert!(!describe());
    assert!(fixture.sign(&key));
    assert!(describe());
    assert_eq!(injected.fired(), 2);
}
