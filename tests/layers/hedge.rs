use std::time::Duration;

use kms_signer::{
    Error, Signer as _,
    conformance::{ScriptedSigner, Step},
    error::KeyStoreFault,
    layer::hedge::Hedge,
};
use tokio::time::Instant;

use crate::scripted::{ALARMS, ms, scripted, sign, sign_and_drop_after, spawn_sign, starts};

/// Hedges each request that takes longer than 50 ms.
fn hedged(inner: &ScriptedSigner) -> Hedge<ScriptedSigner> {
    Hedge::after(inner.clone(), ms(50))
        .max_extra(1.0)
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_first_signature_wins_and_the_other_attempt_is_dropped() {
    // How long the two attempts take, and when the request returns.
    for (first, second, expected) in [(200, 10, 60), (200, 149, 199), (70, 100, 70), (51, 500, 51)]
    {
        let inner = scripted();
        inner.then([
            Step::sign().after(ms(first)),
            Step::sign().after(ms(second)),
        ]);
        let signer = hedged(&inner);
        let start = Instant::now();
        sign(&signer).await.unwrap();
        assert_eq!(start.elapsed(), ms(expected));
        assert_eq!(starts(&inner)[1] - start, ms(50));
        assert_eq!(
            (inner.calls(), inner.dropped(), inner.in_flight()),
            (2, 1, 0)
        );
        assert_eq!(signer.hedges(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fast_request_has_one_attempt() {
    let inner = scripted();
    inner.otherwise(Step::sign().after(ms(49)));
    let signer = hedged(&inner);
    for _ in 0..100 {
        sign(&signer).await.unwrap();
    }
    assert_eq!((inner.calls(), signer.hedges()), (100, 0));
    assert_eq!(signer.public_key(), inner.public_key());
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_delay_returns_at_once() {
    let inner = scripted();
    let signer = hedged(&inner);
    for fault in [KeyStoreFault::Throttled, KeyStoreFault::Disabled] {
        inner.then([Step::fail(fault).after(ms(20))]);
        let start = Instant::now();
        let error = sign(&signer).await.unwrap_err();
        assert!(matches!(error, Error::KeyStore { fault: returned, .. } if returned == fault));
        assert_eq!(start.elapsed(), ms(20));
    }
    assert_eq!((inner.calls(), signer.hedges()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_fails_waits_for_the_other() {
    let fail_after = |after| Step::fail(KeyStoreFault::Unavailable).after(ms(after));
    for (script, expected) in [
        ([fail_after(60), Step::sign().after(ms(100))], 150),
        ([Step::sign().after(ms(300)), fail_after(5)], 300),
    ] {
        let inner = scripted();
        inner.then(script);
        let signer = hedged(&inner);
        let start = Instant::now();
        sign(&signer).await.unwrap();
        assert_eq!(start.elapsed(), ms(expected), "{script:?}");
        assert_eq!((inner.calls(), inner.dropped()), (2, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn if_both_fail_the_error_of_the_first_returns() {
    for (first, second) in [(60, 100), (300, 5)] {
        let inner = scripted();
        inner.then([
            Step::fail(KeyStoreFault::Timeout).after(ms(first)),
            Step::fail(KeyStoreFault::Connection).after(ms(second)),
        ]);
        let error = sign(&hedged(&inner)).await.unwrap_err();
        assert_eq!(error.name(), "timeout", "{first} and {second} ms");
        assert_eq!((inner.calls(), inner.dropped()), (2, 0));
    }
}

/// Another attempt would not help, and it must not hide an alarm.
#[tokio::test(start_paused = true)]
async fn an_error_that_is_not_retryable_returns_at_once() {
    let disabled = |after| Step::fail(KeyStoreFault::Disabled).after(ms(after));
    for (script, expected, kind) in [
        ([disabled(60), Step::sign().after(ms(100))], 60, "disabled"),
        ([Step::sign().after(ms(300)), disabled(5)], 55, "disabled"),
    ] {
        check_final(script, expected, kind).await;
    }
    for alarm in ALARMS {
        let kind = alarm().name();
        let (early, late) = (
            Step::error(alarm).after(ms(10)),
            Step::error(alarm).after(ms(60)),
        );
        check_final([late, Step::sign().after(ms(1_000))], 60, kind).await;
        check_final([Step::sign().after(ms(1_000)), early], 60, kind).await;
        // The other attempt's failure does not hide it either.
        let fails = |after| Step::fail(KeyStoreFault::Timeout).after(ms(after));
        check_final([fails(55), early], 60, kind).await;
        check_final([late, fails(5)], 60, kind).await;
        // Nor does an answer that is ready in the same poll, in either order.
        check_final([Step::sign().after(ms(60)), early], 60, kind).await;
        check_final([late, Step::sign().after(ms(10))], 60, kind).await;
        check_final([disabled(60), early], 60, kind).await;
        check_final([late, disabled(10)], 60, kind).await;
    }
}

async fn check_final(script: [Step; 2], elapsed: u64, kind: &str) {
    let inner = scripted();
    inner.then(script);
    let start = Instant::now();
    let error = sign(&hedged(&inner)).await.unwrap_err();
    assert_eq!(error.name(), kind, "{script:?}");
    assert_eq!(start.elapsed(), ms(elapsed), "{script:?}");
    assert_eq!((inner.calls(), inner.in_flight()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_can_be_dropped_anywhere() {
    let inner = scripted();
    inner.otherwise(Step::sign().after(ms(6)));
    let signer = Hedge::after(inner.clone(), ms(3))
        .max_extra(1.0)
        .build()
        .unwrap();
    let mut both_dropped = 0;
    for polls in 0..12 {
        let (calls, dropped) = (inner.calls(), inner.dropped());
        sign_and_drop_after(&signer, polls).await;
        assert_eq!(inner.in_flight(), 0, "{polls} polls");
        both_dropped += usize::from(inner.calls() - calls == 2 && inner.dropped() - dropped == 2);
    }
    assert!(both_dropped > 0, "no race was dropped");
    sign(&signer).await.unwrap();
}

/// Even with a slow key store, extra calls never exceed the share of the requests so far.
#[tokio::test(start_paused = true)]
async fn extra_calls_stay_within_their_share() {
    for (share, per_thousand) in [
        (None, 50),
        (Some(0.02), 20),
        (Some(0.0), 0),
        (Some(1.0), 1_000),
    ] {
        let inner = scripted();
        inner.otherwise(Step::sign().after(ms(200)));
        let mut signer = Hedge::after(inner.clone(), ms(50));
        if let Some(share) = share {
            signer = signer.max_extra(share);
        }
        let signer = signer.build().unwrap();
        for requests in 1..=1_000u64 {
            sign(&signer).await.unwrap();
            assert!(
                signer.hedges() * 1_000 <= requests * per_thousand,
                "{requests}"
            );
        }
        assert_eq!(signer.hedges(), per_thousand);
        assert_eq!(inner.calls() as u64, 1_000 + per_thousand);
    }
}

/// While requests are fast, at most ten extra calls are saved for later.
#[tokio::test(start_paused = true)]
async fn ten_extra_calls_are_saved() {
    let inner = scripted();
    let signer = Hedge::after(inner.clone(), ms(50)).build().unwrap();
    for _ in 0..5_000 {
        sign(&signer).await.unwrap();
    }
    inner.otherwise(Step::sign().after(ms(200)));
    let slow: Vec<_> = (0..100).map(|at| spawn_sign(&signer, at)).collect();
    for task in slow {
        task.await.unwrap().unwrap();
    }
    // They are earned before one of the hundred is slow, and at most ten are saved.
    assert_eq!(signer.hedges(), 10);
}

#[tokio::test(start_paused = true)]
async fn clones_share_the_budget() {
    let inner = scripted();
    inner.otherwise(Step::sign().after(ms(200)));
    let signer = Hedge::after(inner.clone(), ms(50)).build().unwrap();
    let clone = signer.clone();
    for _ in 0..200 {
        sign(&signer).await.unwrap();
        sign(&clone).await.unwrap();
    }
    assert_eq!((signer.hedges(), clone.hedges()), (20, 20));
}

mod quantile {
    use tokio::time::timeout;

    use super::*;

    /// A hedge that has seen this many requests of 10 to 29 ms.
    async fn warm(requests: usize) -> (ScriptedSigner, Hedge<ScriptedSigner>) {
        let inner = scripted();
        let signer = Hedge::at_quantile(inner.clone(), 0.95)
            .max_extra(1.0)
            .build()
            .unwrap();
        for at in 0..requests {
            inner.then([Step::sign().after(ms(10 + at as u64 * 7 % 20))]);
            sign(&signer).await.unwrap();
        }
        (inner, signer)
    }

    /// After which delay the second attempt starts, for a request that does not end.
    async fn delay(inner: &ScriptedSigner, signer: &Hedge<ScriptedSigner>) -> Option<Duration> {
        let before = inner.calls();
        inner.then([Step::hang(), Step::hang()]);
        let request = sign(signer);
        let ended = timeout(Duration::from_secs(60), request).await;
        assert!(ended.is_err());
        let starts = starts(inner);
        match starts[before..] {
            [_] => {
                // There was no second attempt: use up its step.
                timeout(ms(1), sign(inner)).await.unwrap_err();
                None
            }
            [first, second] => Some(second - first),
            _ => panic!("{} attempts", starts.len() - before),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_no_second_attempt_before_32_signatures() {
        let (inner, signer) = warm(31).await;
        assert_eq!(delay(&inner, &signer).await, None);
        inner.then([Step::fail(KeyStoreFault::Timeout)]);
        sign(&signer).await.unwrap_err();
        assert_eq!(
            delay(&inner, &signer).await,
            None,
            "the time of a failure was recorded"
        );
        inner.then([Step::sign().after(ms(10))]);
        sign(&signer).await.unwrap();
        assert!(delay(&inner, &signer).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn it_starts_at_the_quantile_of_the_latest() {
        let (inner, signer) = warm(400).await;
        // 10 to 29 ms, evenly: 95 % take up to 28 ms.
        assert_eq!(delay(&inner, &signer).await, Some(ms(28)));
        inner.otherwise(Step::sign().after(ms(7)));
        for _ in 0..256 {
            sign(&signer).await.unwrap();
        }
        assert_eq!(delay(&inner, &signer).await, Some(ms(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn it_starts_no_sooner_than_the_least_delay() {
        for (least, expected) in [(None, 5), (Some(ms(20)), 20), (Some(ms(1)), 2)] {
            let inner = scripted();
            inner.otherwise(Step::sign().after(ms(2)));
            let mut signer = Hedge::at_quantile(inner.clone(), 0.95).max_extra(1.0);
            if let Some(least) = least {
                signer = signer.min_delay(least);
            }
            let signer = signer.build().unwrap();
            for _ in 0..32 {
                sign(&signer).await.unwrap();
            }
            assert_eq!(delay(&inner, &signer).await, Some(ms(expected)));
        }
    }

    /// If the hedge recorded the short time of each second attempt, the delay would sink until
    /// nearly all requests counted as slow.
    #[tokio::test(start_paused = true)]
    async fn winning_does_not_lower_the_delay() {
        let (inner, signer) = warm(256).await;
        for round in 0..50 {
            // One request in twenty is slow, and its second attempt is fast.
            for at in 0..19 {
                inner.then([Step::sign().after(ms(10 + at))]);
                sign(&signer).await.unwrap();
            }
            inner.then([Step::sign().after(ms(900)), Step::sign().after(ms(1))]);
            sign(&signer).await.unwrap();
            // A twentieth of 256 is no whole number, so the delay is one value or the other.
            let delay = delay(&inner, &signer).await;
            assert!(
                [Some(ms(28)), Some(ms(29))].contains(&delay),
                "round {round}: {delay:?}"
            );
        }
        assert!(signer.hedges() >= 100);
    }
}
