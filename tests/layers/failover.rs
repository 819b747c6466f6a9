use std::{sync::Arc, time::Duration};

use kms_signer::{
    Error, KeyType, Signer,
    conformance::{ScriptedSigner, Step},
    error::{AnswerFault, KeyStoreFault},
    layer::failover::{
        CircuitState::{Closed, HalfOpen, Open},
        Failover,
    },
    provider::local::LocalSigner,
};
use tokio::time::{Instant, advance};

use crate::scripted::{ALARMS, FULL, ms, scripted, settle, sign, sign_and_drop_after, spawn_sign};

const RETRYABLE: [KeyStoreFault; 4] = [
    KeyStoreFault::Throttled,
    KeyStoreFault::Unavailable,
    KeyStoreFault::Timeout,
    KeyStoreFault::Connection,
];

const ELSEWHERE: [KeyStoreFault; 5] = [
    KeyStoreFault::AccessDenied,
    KeyStoreFault::NotFound,
    KeyStoreFault::Disabled,
    KeyStoreFault::InvalidState,
    KeyStoreFault::WrongEndpoint,
];

/// Signers of one key, which their receipts tell apart.
fn regions<const N: usize>() -> [ScriptedSigner; N] {
    let key = scripted();
    std::array::from_fn(|at| key.replica(&format!("region-{at}")))
}

async fn signed_by(signer: &impl Signer) -> String {
    sign(signer).await.unwrap().receipt.key().to_owned()
}

/// Two regions; the circuit of the first one is open.
async fn first_is_down() -> (
    ScriptedSigner,
    ScriptedSigner,
    Arc<Failover<ScriptedSigner>>,
) {
    let [first, second] = regions();
    first.then([Step::fail(KeyStoreFault::Unavailable); 3]);
    let signer = Arc::new(
        Failover::builder([first.clone(), second.clone()])
            .build()
            .unwrap(),
    );
    for _ in 0..3 {
        assert_eq!(signed_by(&signer).await, "region-1");
    }
    assert_eq!(signer.circuits(), [Open, Closed]);
    (first, second, signer)
}

#[tokio::test(start_paused = true)]
async fn the_first_is_asked_while_it_signs() {
    let [first, second] = regions();
    let signer = Failover::builder([first.clone(), second.clone()])
        .build()
        .unwrap();
    for _ in 0..10 {
        assert_eq!(signed_by(&signer).await, "region-0");
    }
    assert_eq!((first.calls(), second.calls()), (10, 0));
    assert_eq!(signer.public_key(), first.public_key());
    assert_eq!(signer.inner().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_retryable_failure_moves_on() {
    for fault in RETRYABLE {
        let [first, second, third] = regions();
        first.then([Step::fail(fault)]);
        second.then([Step::fail(fault)]);
        let signer = Failover::builder([first, second, third]).build().unwrap();
        assert_eq!(signed_by(&signer).await, "region-2", "{fault:?}");
        assert_eq!(
            signed_by(&signer).await,
            "region-0",
            "one failure opened the circuit"
        );
    }
}

/// An error that an operator must fix in one region does not keep the other regions from signing.
#[tokio::test(start_paused = true)]
async fn an_error_of_one_region_alone_moves_on_and_does_not_count() {
    for fault in ELSEWHERE {
        let [first, second] = regions();
        first.then([Step::fail(fault); 10]);
        let signer = Failover::builder([first.clone(), second]).build().unwrap();
        for _ in 0..10 {
            assert_eq!(signed_by(&signer).await, "region-1", "{fault:?}");
        }
        assert_eq!(signer.circuits(), [Closed, Closed]);
        assert_eq!(signed_by(&signer).await, "region-0", "{fault:?}");

        first.then([Step::fail(fault)]);
        let signer = Failover::builder(signer.into_inner()).ask_elsewhere(false);
        let signer = signer.build().unwrap();
        let error = sign(&signer.clone()).await.unwrap_err();
        assert!(matches!(error, Error::KeyStore { fault: returned, .. } if returned == fault));
    }
}

/// A quota that allows the request later would be spent twice if another signer were asked.
#[tokio::test(start_paused = true)]
async fn a_rule_is_not_evaded_in_another_region() {
    let spent = || Error::refused("quota", "per_hour", "10 of 10 are spent", "wait");
    let refused = || {
        Error::refused("quota", "per_hour", "10 of 10 are spent", "wait").with_retry_after(ms(9))
    };
    for (turn, is_retryable) in [(Step::error(spent), false), (Step::error(refused), true)] {
        for asks in [true, false] {
            let [first, second] = regions();
            first.then([turn; 10]);
            let signer = Failover::builder([first, second.clone()]).ask_elsewhere(asks);
            let signer = signer.build().unwrap();
            for _ in 0..10 {
                let error = sign(&signer).await.unwrap_err();
                assert_eq!((error.name(), error.rule()), ("refused", Some("per_hour")));
                assert_eq!(error.is_retryable(), is_retryable);
            }
            assert_eq!(second.calls(), 0);
            assert_eq!(signer.circuits(), [Closed, Closed]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_probe_without_a_result_the_next_request_probes() {
    let (first, _second, signer) = first_is_down().await;
    advance(ms(5_000)).await;
    first.then([Step::fail(KeyStoreFault::Disabled)]);
    assert_eq!(signed_by(&signer).await, "region-1");
    assert_eq!(signer.circuits(), [HalfOpen, Closed]);
    assert_eq!(signed_by(&signer).await, "region-0");
    assert_eq!(signer.circuits(), [Closed, Closed]);
}

#[tokio::test(start_paused = true)]
async fn other_failures_return_at_once_and_do_not_count() {
    let faults = [
        KeyStoreFault::Credentials,
        KeyStoreFault::InvalidUsage,
        KeyStoreFault::InvalidRequest,
        KeyStoreFault::Other,
    ];
    let too_long = || Error::message_length(5_000, 4_096);
    let turns = faults.map(Step::fail).into_iter();
    let turns = turns.chain(ALARMS.map(Step::error));
    for turn in turns.chain([Step::error(too_long)]) {
        let [first, second] = regions();
        first.then([turn; 10]);
        let signer = Failover::builder([first, second.clone()]).build().unwrap();
        for _ in 0..10 {
            let error = sign(&signer).await.unwrap_err();
            assert!(!error.may_succeed_elsewhere(), "{turn:?}");
        }
        assert_eq!(second.calls(), 0, "{turn:?}");
        assert_eq!(signer.circuits(), [Closed, Closed]);
    }
}

/// It returns a retryable error if there is one, and otherwise that of the first, preferred region.
#[tokio::test(start_paused = true)]
async fn if_all_fail_one_error_returns() {
    use KeyStoreFault::*;
    for (faults, expected) in [
        ([Timeout, Unavailable, Connection], ("timeout", "region-0")),
        ([Timeout, Disabled, NotFound], ("timeout", "region-0")),
        ([AccessDenied, Timeout, Disabled], ("timeout", "region-1")),
        (
            [InvalidState, NotFound, Throttled],
            ("throttled", "region-2"),
        ),
        ([Disabled, NotFound, AccessDenied], ("disabled", "region-0")),
        ([Timeout, Credentials, Timeout], ("credentials", "region-1")),
    ] {
        let regions = regions::<3>();
        for (region, fault) in regions.iter().zip(faults) {
            region.then([Step::fail(fault)]);
        }
        let error = sign(&Failover::builder(regions).build().unwrap())
            .await
            .unwrap_err();
        let key = error.receipt().unwrap().key();
        assert_eq!((error.name(), key), expected, "{faults:?}");
    }
}

/// An error with a `retry_after` comes before an earlier signer's error without one.
#[tokio::test(start_paused = true)]
async fn if_all_fail_an_error_that_says_when_returns() {
    let asks = |wait| Step::fail(KeyStoreFault::Throttled).retry_after(ms(wait));
    let regions = regions::<4>();
    regions[0].then([Step::fail(KeyStoreFault::AccessDenied)]);
    regions[1].then([Step::fail(KeyStoreFault::Timeout)]);
    regions[2].then([asks(70)]);
    regions[3].then([asks(30)]);
    let error = sign(&Failover::builder(regions).build().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.retry_after(), Some(ms(70)));
    assert_eq!(error.receipt().unwrap().key(), "region-2");
}

/// The order in the list counts, not the order of the requests: a skipped signer is asked last.
#[tokio::test(start_paused = true)]
async fn the_error_of_a_signer_that_was_skipped_is_that_of_the_preferred_one() {
    for (faults, expected) in [
        (
            [KeyStoreFault::AccessDenied, KeyStoreFault::Disabled],
            "access_denied",
        ),
        (
            [KeyStoreFault::Timeout, KeyStoreFault::Connection],
            "timeout",
        ),
        (
            [KeyStoreFault::AccessDenied, KeyStoreFault::Connection],
            "connection",
        ),
    ] {
        let (first, second, signer) = first_is_down().await;
        first.then([Step::fail(faults[0])]);
        second.then([Step::fail(faults[1])]);
        assert_eq!(sign(&signer).await.unwrap_err().name(), expected);
        assert_eq!((first.calls(), second.calls()), (4, 4));
    }
}

/// An answer that is too long comes from a proxy or a wrong endpoint in that region.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_too_long_moves_on() {
    let [first, second] = regions();
    let too_long = || Error::unusable_answer(AnswerFault::too_long(65_536));
    first.then([Step::error(too_long)]);
    let signer = Failover::builder([first, second]).build().unwrap();
    assert_eq!(signed_by(&signer).await, "region-1");
    assert_eq!(signer.circuits(), [Closed, Closed]);
}

#[tokio::test(start_paused = true)]
async fn a_signer_that_is_down_is_skipped_and_later_used_again() {
    let (first, second, signer) = first_is_down().await;
    advance(ms(4_999)).await;
    assert_eq!(signed_by(&signer).await, "region-1");
    assert_eq!(first.calls(), 3, "it was asked though its circuit is open");

    advance(ms(1)).await;
    assert_eq!(signer.circuits(), [HalfOpen, Closed]);
    assert_eq!(signed_by(&signer).await, "region-0");
    assert_eq!(signer.circuits(), [Closed, Closed]);
    assert_eq!((first.calls(), second.calls()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn exactly_one_request_probes() {
    let (first, second, signer) = first_is_down().await;
    advance(ms(5_000)).await;
    first.then([Step::fail(KeyStoreFault::Timeout).after(ms(100))]);
    let tasks: Vec<_> = (0..20).map(|at| spawn_sign(&signer, at)).collect();
    settle().await;
    assert_eq!((first.in_flight(), first.calls()), (1, 4));
    assert_eq!(second.calls(), 3 + 19);
    for task in tasks {
        let signed = task.await.unwrap().unwrap();
        assert_eq!(signed.receipt.key(), "region-1");
    }
    assert_eq!(signer.circuits(), [Open, Closed]);
    advance(ms(4_999)).await;
    assert_eq!(signer.circuits(), [Open, Closed]);
    assert_eq!(first.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_request_can_be_dropped_anywhere() {
    let (mut probes_dropped, mut seconds_dropped) = (0, 0);
    for polls in 0..12 {
        let (first, second, signer) = first_is_down().await;
        advance(ms(5_000)).await;
        first.otherwise(Step::fail(KeyStoreFault::Timeout).after(ms(4)));
        second.otherwise(Step::sign().after(ms(4)));
        sign_and_drop_after(&signer, polls).await;
        assert_eq!((first.in_flight(), second.in_flight()), (0, 0));
        first.otherwise(Step::sign());
        if first.dropped() == 1 {
            probes_dropped += 1;
            // The next one probes, since this one learned nothing.
            assert_eq!(signer.circuits(), [HalfOpen, Closed], "{polls} polls");
            assert_eq!(signed_by(&signer).await, "region-0");
        }
        seconds_dropped += second.dropped();
        advance(ms(5_000)).await;
        assert_eq!(
            signed_by(&signer).await,
            "region-0",
            "{polls} polls: the probe is lost"
        );
    }
    assert!(seconds_dropped > 0, "none was dropped after it moved on");
    assert!(probes_dropped > 0, "no probe was dropped");
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_dropped_do_not_count_as_failures() {
    let [first, second] = regions();
    first.then([Step::hang(); 10]);
    let signer = Failover::builder([first.clone(), second]).build().unwrap();
    for _ in 0..10 {
        assert!(sign_and_drop_after(&signer, 2).await);
    }
    assert_eq!(first.dropped(), 10);
    assert_eq!(signer.circuits(), [Closed, Closed]);
}

/// The signer did not get the request, so the failover asks the others, but the signer is healthy.
#[tokio::test(start_paused = true)]
async fn a_full_queue_moves_on_and_does_not_count() {
    let [first, second] = regions();
    first.then([FULL; 10]);
    let signer = Failover::builder([first, second]).build().unwrap();
    for _ in 0..10 {
        assert_eq!(signed_by(&signer).await, "region-1");
    }
    assert_eq!(signer.circuits(), [Closed, Closed]);
}

#[tokio::test(start_paused = true)]
async fn a_circuit_is_open_for_as_long_as_the_key_store_asks() {
    let [first, second] = regions();
    let asks = |wait| Step::fail(KeyStoreFault::Throttled).retry_after(wait);
    first.then([asks(ms(30_000))]);
    let signer = Failover::builder([first.clone(), second])
        .failures(1)
        .build()
        .unwrap();
    signed_by(&signer).await;
    advance(ms(29_999)).await;
    assert_eq!(signer.circuits(), [Open, Closed]);
    advance(ms(1)).await;
    assert_eq!(signer.circuits(), [HalfOpen, Closed]);
}

#[tokio::test(start_paused = true)]
async fn the_settings_are_used() {
    let [first, second] = regions();
    first.otherwise(Step::fail(KeyStoreFault::Unavailable));
    let signer = Failover::builder([first.clone(), second])
        .failures(5)
        .open_for(ms(100))
        .build()
        .unwrap();
    for _ in 0..5 {
        assert_eq!(signer.circuits(), [Closed, Closed]);
        signed_by(&signer).await;
    }
    assert_eq!(signer.circuits(), [Open, Closed]);
    advance(ms(100)).await;
    assert_eq!(signer.circuits(), [HalfOpen, Closed]);
}

#[tokio::test(start_paused = true)]
async fn if_every_circuit_is_open_all_are_asked() {
    let [first, second] = regions();
    first.then([Step::fail(KeyStoreFault::Unavailable); 4]);
    second.then([Step::fail(KeyStoreFault::Connection); 4]);
    let signer = Failover::builder([first.clone(), second.clone()])
        .build()
        .unwrap();
    for _ in 0..3 {
        sign(&signer).await.unwrap_err();
    }
    assert_eq!(signer.circuits(), [Open, Open]);
    assert_eq!(sign(&signer).await.unwrap_err().name(), "unavailable");
    assert_eq!((first.calls(), second.calls()), (4, 4));
    // Both sign again, and no request has to wait for that.
    let start = Instant::now();
    assert_eq!(signed_by(&signer).await, "region-0");
    assert!(start.elapsed().is_zero());
    assert_eq!(signer.circuits(), [Closed, Open]);
}

/// Asking a skipped signer is better than returning an error: it may work again.
#[tokio::test(start_paused = true)]
async fn those_that_were_skipped_are_asked_before_a_request_fails() {
    let failures = RETRYABLE.into_iter().chain(ELSEWHERE).map(Step::fail);
    for failure in failures.chain([FULL]) {
        let (first, second, signer) = first_is_down().await;
        second.then([failure]);
        assert_eq!(signed_by(&signer).await, "region-0", "{failure:?}");
        assert_eq!(signer.circuits(), [Closed, Closed], "{failure:?}");
        assert_eq!((first.calls(), second.calls()), (4, 4));
    }
    // Each once, and a signer that is still down is not skipped for longer because of it.
    let (first, second, signer) = first_is_down().await;
    first.then([Step::fail(KeyStoreFault::Unavailable)]);
    second.then([Step::fail(KeyStoreFault::Disabled)]);
    assert_eq!(sign(&signer).await.unwrap_err().name(), "unavailable");
    assert_eq!((first.calls(), second.calls()), (4, 4));
    assert_eq!(signer.circuits(), [Open, Closed]);
    advance(ms(5_000)).await;
    assert_eq!(signer.circuits(), [HalfOpen, Closed]);
    // But not after an alarm.
    let (first, second, signer) = first_is_down().await;
    second.then([Step::error(ALARMS[0])]);
    let error = sign(&signer).await.unwrap_err();
    assert_eq!(error.name(), "signature_not_verified");
    assert_eq!(first.calls(), 3);
}

/// Only the outcome of a probe changes an open circuit, not that of another request that asks the
/// signer as a last resort.
#[tokio::test(start_paused = true)]
async fn the_outcome_of_a_probe_counts() {
    for (probe, expected) in [
        (Step::sign().after(ms(100)), Closed),
        (Step::fail(KeyStoreFault::Timeout).after(ms(100)), Open),
    ] {
        let (first, second, signer) = first_is_down().await;
        advance(ms(5_000)).await;
        first.then([probe, Step::fail(KeyStoreFault::Unavailable)]);
        let probing = spawn_sign(&signer, "probe");
        settle().await;
        assert_eq!(first.in_flight(), 1);
        second.then([Step::fail(KeyStoreFault::Unavailable)]);
        sign(&signer).await.unwrap_err();
        assert_eq!(signer.circuits(), [HalfOpen, Closed]);
        probing.await.unwrap().unwrap();
        assert_eq!(signer.circuits(), [expected, Closed]);
    }
}

#[test]
fn an_empty_list_is_rejected() {
    let error = Failover::<LocalSigner>::builder([]).build().unwrap_err();
    assert!(matches!(error, Error::InvalidConfig { .. }), "{error:?}");
    assert!(error.to_string().ends_with("list at least one"), "{error}");
}

#[test]
fn signers_of_different_keys_are_rejected_by_name() {
    let key = LocalSigner::random(KeyType::Secp256k1).unwrap();
    for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
        let other = LocalSigner::random(key_type).unwrap();
        let signers: [Arc<dyn Signer>; 3] = [
            Arc::new(key.clone()),
            Arc::new(key.clone()),
            Arc::new(other.clone()),
        ];
        let error = Failover::builder(signers).build().unwrap_err();
        assert!(matches!(error, Error::InvalidConfig { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("signer 2 has the public key"), "{text}");
        for key in [&key, &other] {
            let hex = hex::encode(key.public_key().to_bytes());
            let short = format!(
                "{} {}…{}",
                key.public_key().key_type(),
                &hex[..12],
                &hex[hex.len() - 8..]
            );
            assert!(text.contains(&short), "{text} lacks {short}");
        }
    }
}

/// Many requests at the same time on real threads: no circuit stays open.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_circuit_closes_again_whatever_the_order() {
    let [first, second] = regions();
    first.then([Step::fail(KeyStoreFault::Unavailable); 50]);
    let signer = Failover::builder([first.clone(), second])
        .open_for(Duration::ZERO)
        .build()
        .unwrap();
    let signer = Arc::new(signer);
    let tasks: Vec<_> = (0..500).map(|at| spawn_sign(&signer, at)).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    while first.calls() <= 50 {
        sign(&signer).await.unwrap();
    }
    assert_eq!(signed_by(&signer).await, "region-0");
    assert_eq!(signer.circuits(), [Closed, Closed]);
}
