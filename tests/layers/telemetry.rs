//! The counters of the layers. See `kms_signer::telemetry` for their names.

use kms_signer::{
    async_trait,
    conformance::Step,
    error::KeyStoreFault,
    layer::{
        audit::{Audit, AuditRecord, AuditSink},
        failover::Failover,
        hedge::Hedge,
        rate_limit::RateLimit,
        timeout::Timeout,
    },
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::scripted::{ALARMS, ms, scripted, sign, sign_and_drop_after};

/// Runs work on one thread under the paused clock, and returns the counters: name, labels, value.
fn counters(work: impl Future<Output = ()>) -> Vec<(String, Vec<String>, u64)> {
    let recorder = DebuggingRecorder::new();
    let snapshotter: Snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(work));
    let mut counters: Vec<_> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter_map(|(key, _, _, value)| match value {
            DebugValue::Counter(count) => {
                let labels = key.key().labels().map(|label| label.value().to_owned());
                Some((key.key().name().to_owned(), labels.collect(), count))
            }
            _ => None,
        })
        .collect();
    counters.sort();
    counters
}

#[test]
fn each_second_attempt_is_counted_by_who_answered() {
    let counted = counters(async {
        let inner = scripted();
        let signer = Hedge::after(inner.clone(), ms(50))
            .max_extra(1.0)
            .build()
            .unwrap();
        let late = Step::fail(KeyStoreFault::Timeout).after(ms(60));
        // Won by the second attempt: alone, and after the first failed.
        inner.then([Step::sign().after(ms(900)), Step::sign().after(ms(1))]);
        inner.then([late, Step::sign().after(ms(90))]);
        // Won by the first attempt, alone.
        inner.then([Step::sign().after(ms(60)), Step::sign().after(ms(900))]);
        for _ in 0..3 {
            sign(&signer).await.unwrap();
        }
        // Won by none: both failed, and the caller left.
        inner.then([late, late]);
        sign(&signer).await.unwrap_err();
        inner.then([Step::hang(), Step::hang()]);
        assert!(sign_and_drop_after(&signer, 60).await);
        // No second attempt.
        sign(&signer).await.unwrap();
        assert_eq!(signer.hedges(), 5);
    });
    let expected = [("first", 1), ("none", 2), ("second", 2)];
    let expected = expected.map(|(winner, count)| {
        (
            "kms_signer_hedges_total".to_owned(),
            vec![winner.to_owned()],
            count,
        )
    });
    assert_eq!(counted, expected);
}

#[test]
fn each_request_that_moves_on_is_counted_by_its_error() {
    use KeyStoreFault::*;
    let counted = counters(async {
        let key = scripted();
        let regions = [0, 1].map(|at| key.replica(&at.to_string()));
        regions[0].then([
            Step::fail(Throttled),
            Step::fail(Timeout),
            Step::fail(Disabled),
            Step::fail(Disabled),
        ]);
        let signer = Failover::builder(regions).build().unwrap();
        for _ in 0..5 {
            sign(&signer).await.unwrap();
        }
    });
    let expected = [("disabled", 2), ("throttled", 1), ("timeout", 1)];
    let expected = expected.map(|(kind, count)| {
        (
            "kms_signer_failovers_total".to_owned(),
            vec![kind.to_owned()],
            count,
        )
    });
    assert_eq!(counted, expected);
}

#[test]
fn each_alarm_is_counted_by_layer_and_error() {
    let counted = counters(async {
        for alarm in ALARMS {
            let inner = scripted();
            let turn = Step::error(alarm).after(ms(60));
            inner.then([turn, Step::hang(), turn]);
            let hedged = Hedge::after(inner.clone(), ms(50))
                .max_extra(1.0)
                .build()
                .unwrap();
            sign(&hedged).await.unwrap_err();
            sign(&Failover::builder([inner]).build().unwrap())
                .await
                .unwrap_err();
        }
    });
    let counted: Vec<_> = counted
        .into_iter()
        .filter(|(name, ..)| name == "kms_signer_alarms_total")
        .collect();
    let mut expected = Vec::new();
    for layer in ["failover", "hedge"] {
        for alarm in ALARMS {
            let labels = [layer, alarm().name()].map(str::to_owned);
            expected.push(("kms_signer_alarms_total".to_owned(), labels.to_vec(), 1));
        }
    }
    expected.sort();
    assert_eq!(counted, expected);
}

#[derive(Debug)]
struct FullDisk;

#[async_trait]
impl AuditSink for FullDisk {
    async fn record(
        &self,
        _: &AuditRecord,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err("no space left".into())
    }
}

#[test]
fn each_request_that_a_layer_ends_is_counted_by_its_error() {
    let counted = counters(async {
        let inner = scripted();
        inner.then([
            Step::sign().after(ms(50)),
            Step::sign().after(ms(50)),
            Step::hang(),
        ]);
        sign(&Audit::new(inner.clone(), FullDisk))
            .await
            .unwrap_err();

        let limit = RateLimit::per_second(1_000).in_flight(1).queue(0);
        let limit = limit.build().unwrap().limit(inner.clone());
        let (first, refused) = tokio::join!(sign(&limit), sign(&limit));
        assert!(first.is_ok() && refused.is_err());

        let limit = RateLimit::per_second(1_000).in_flight(1).max_wait(ms(30));
        let limit = limit.build().unwrap().limit(inner.clone());
        let limited = Timeout::new(limit.clone(), ms(60)).unwrap();
        let (cut, waited) = tokio::join!(sign(&limited), sign(&limit));
        assert!(cut.is_err() && waited.is_err());

        // An error of the signer inside does not count as one of the layer.
        inner.then([Step::fail(KeyStoreFault::Disabled)]);
        sign(&Timeout::new(inner, ms(60)).unwrap())
            .await
            .unwrap_err();
    });
    let kinds = ["audit_failed", "queue_full", "queued_too_long", "timed_out"];
    let expected = kinds.map(|kind| {
        (
            "kms_signer_layer_errors_total".to_owned(),
            vec![kind.to_owned()],
            1,
        )
    });
    assert_eq!(counted, expected);
}
