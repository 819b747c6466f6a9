//! What happens when the key store throttles.

use std::time::Duration;

use kms_signer::{
    Error, Signer, conformance::Step, error::KeyStoreFault, layer::rate_limit::RateLimit,
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use crate::scripted::{
    FULL, labels, ms, scripted, settle, sign, sign_and_drop_after, spawn_sign, starts,
};

const THROTTLED: Step = Step::fail(KeyStoreFault::Throttled).after(Duration::from_millis(10));

fn limit() -> RateLimit {
    RateLimit::per_second(1_000)
        .in_flight(64)
        .queue(10_000)
        .max_wait(ms(5_000))
        .build()
        .unwrap()
}

/// Callers that retry until they have a signature. Returns how often they asked.
async fn persist(signer: impl Signer) -> usize {
    for asked in 1.. {
        if sign(&signer).await.is_ok() {
            return asked;
        }
    }
    unreachable!()
}

#[tokio::test(start_paused = true)]
async fn a_key_store_that_throttles_everything_gets_few_requests_and_recovers_soon() {
    // For any end of the throttling; the worst is just after a probe was throttled.
    for ends_after in [700, 5_000, 9_999, 10_300, 20_750] {
        let limit = limit();
        let inner = scripted();
        inner.otherwise(THROTTLED);
        let signer = limit.limit(inner.clone());
        let tasks: Vec<_> = (0..200)
            .map(|_| tokio::spawn(persist(signer.clone())))
            .collect();
        sleep(ms(ends_after)).await;

        let calls = inner.calls();
        // One burst until the first answer, and then one probe after each pause.
        let most = 64 + 5 + usize::try_from(ends_after).unwrap() / 1_000 + 1;
        assert!(calls <= most, "{calls} calls in {ends_after} ms");
        assert!(calls > 64 / 2, "{calls} calls: the burst was not sent");

        inner.otherwise(Step::sign().after(ms(10)));
        let ended = Instant::now();
        let mut asked = 0;
        for task in tasks {
            asked += task.await.unwrap();
        }
        assert!(
            ended.elapsed() < ms(2_000),
            "{:?} to recover",
            ended.elapsed()
        );
        assert!(
            inner.calls() as f64 <= 1.2 * asked as f64,
            "{} calls for {asked} requests",
            inner.calls()
        );
        assert_eq!((limit.waiting(), limit.in_flight()), (0, 0));
    }
}

/// All requests under the limit pause, until a probe succeeds.
#[tokio::test(start_paused = true)]
async fn after_the_pause_one_request_goes_alone() {
    let limit = limit();
    let throttled = scripted();
    throttled.then([Step::fail(KeyStoreFault::Throttled)]);
    let error = sign(&limit.limit(throttled)).await.unwrap_err();
    assert!(error.is_throttled(), "the caller does not see it");

    let inner = scripted();
    inner.otherwise(Step::sign().after(ms(20)));
    let signer = limit.limit(inner.clone());
    let start = Instant::now();
    let tasks: Vec<_> = (0..10).map(|at| spawn_sign(&signer, at)).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let after: Vec<Duration> = starts(&inner).iter().map(|at| *at - start).collect();
    assert!(after[0] >= ms(50) && after[0] <= ms(64), "{after:?}");
    assert!(
        after[1] >= after[0] + ms(20),
        "a second one went with the probe: {after:?}"
    );
    assert!(
        after[9] <= after[1] + ms(2),
        "the others did not start together: {after:?}"
    );
    assert_eq!(labels(&inner)[0], "0");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_throttled_begins_a_longer_pause() {
    let limit = limit();
    let inner = scripted();
    inner.then([Step::fail(KeyStoreFault::Throttled); 4]);
    let signer = limit.limit(inner.clone());
    for _ in 0..4 {
        assert!(sign(&signer).await.unwrap_err().is_throttled());
    }
    sign(&signer).await.unwrap();
    let starts = starts(&inner);
    let gaps: Vec<Duration> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (gap, expected) in gaps.iter().zip([50, 100, 200, 400]) {
        // Up to a quarter longer at random, and a tick of the timer.
        let range = ms(expected)..=ms(expected + expected / 4 + 2);
        assert!(range.contains(gap), "{gaps:?}");
    }
    assert_eq!(gaps.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_key_store_says_how_long() {
    for (asked, waited) in [(1, 50), (400, 400), (3_000, 3_000), (3_600_000, 5_000)] {
        let limit = limit();
        let inner = scripted();
        let turn = Step::fail(KeyStoreFault::Throttled).retry_after(ms(asked));
        inner.then([turn]);
        let signer = limit.limit(inner.clone());
        sign(&signer).await.unwrap_err();
        // Repeat, since a pause can be longer than the longest wait in the queue.
        let start = Instant::now();
        while sign(&signer).await.is_err() {}
        let range = ms(waited)..=ms(waited + waited / 4 + 2);
        assert!(
            range.contains(&start.elapsed()),
            "{asked}: {:?}",
            start.elapsed()
        );
    }
}

/// Only throttling pauses requests; a disabled key says nothing about the others.
#[tokio::test(start_paused = true)]
async fn other_failures_pause_no_request() {
    let inner = scripted();
    inner.then([
        Step::fail(KeyStoreFault::Disabled),
        Step::fail(KeyStoreFault::Unavailable),
        Step::fail(KeyStoreFault::Timeout),
    ]);
    let signer = limit().limit(inner.clone());
    let start = Instant::now();
    for _ in 0..3 {
        sign(&signer).await.unwrap_err();
    }
    sign(&signer).await.unwrap();
    assert!(start.elapsed().is_zero());
    assert_eq!(inner.calls(), 4);
}

/// A probe that is dropped, hangs or fails for another reason does not delay the others for long.
#[tokio::test(start_paused = true)]
async fn another_request_replaces_a_probe_without_a_result() {
    let hanging = [Step::hang()];
    let failing = [Step::fail(KeyStoreFault::Unavailable)];
    for (script, most) in [(failing, ms(70)), (hanging, ms(1_070))] {
        let limit = limit();
        let inner = scripted();
        inner.then([Step::fail(KeyStoreFault::Throttled)]);
        inner.then(script);
        let signer = limit.limit(inner.clone());
        sign(&signer).await.unwrap_err();
        let start = Instant::now();
        let probe = spawn_sign(&signer, "probe");
        settle().await;
        let others: Vec<_> = (0..5).map(|at| spawn_sign(&signer, at)).collect();
        for other in others {
            other.await.unwrap().unwrap();
        }
        assert!(start.elapsed() <= most, "{script:?}: {:?}", start.elapsed());
        assert_eq!(labels(&inner)[1], "probe");
        probe.abort();
        settle().await;
        assert_eq!((limit.waiting(), limit.in_flight()), (0, 0));
    }
}

/// Requests that wait for its outcome learn at once that there will be none.
#[tokio::test(start_paused = true)]
async fn a_dropped_probe_wakes_the_waiting_requests() {
    let limit = limit();
    let inner = scripted();
    inner.then([Step::fail(KeyStoreFault::Throttled), Step::hang()]);
    let signer = limit.limit(inner.clone());
    sign(&signer).await.unwrap_err();
    let probe = spawn_sign(&signer, "probe");
    let other = spawn_sign(&signer, "other");
    sleep(ms(100)).await;
    assert_eq!((inner.in_flight(), limit.waiting()), (1, 1));
    let start = Instant::now();
    probe.abort();
    other.await.unwrap().unwrap();
    assert!(start.elapsed().is_zero(), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_is_given_back_at_every_point() {
    let mut dropped_as_probe = 0;
    for polls in 0..80 {
        let limit = limit();
        let inner = scripted();
        inner.then([
            Step::fail(KeyStoreFault::Throttled),
            Step::sign().after(ms(5)),
        ]);
        let signer = limit.limit(inner.clone());
        sign(&signer).await.unwrap_err();
        let start = Instant::now();
        sign_and_drop_after(&signer, polls).await;
        dropped_as_probe += inner.dropped();
        sign(&signer).await.unwrap();
        assert!(
            start.elapsed() <= ms(90),
            "{polls} polls: {:?}",
            start.elapsed()
        );
        assert_eq!((limit.waiting(), limit.in_flight()), (0, 0));
    }
    assert!(dropped_as_probe > 0, "no probe was dropped");
}

/// A client-side limit further in asks for fewer requests too.
#[tokio::test(start_paused = true)]
async fn a_full_queue_inside_pauses_requests_too() {
    let inner = scripted();
    inner.then([FULL]);
    let signer = limit().limit(inner.clone());
    sign(&signer).await.unwrap_err();
    let start = Instant::now();
    sign(&signer).await.unwrap();
    assert!(start.elapsed() >= ms(50));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_a_signature_pauses_the_others_too() {
    let limit = limit();
    let inner = scripted();
    inner.then([Step::fail(KeyStoreFault::Throttled)]);
    let outcome = limit.run(sign(&inner)).await;
    assert!(outcome.unwrap_err().is_throttled());
    let start = Instant::now();
    let (begin, begun) = oneshot::channel();
    let (answer, answered) = oneshot::channel();
    let probing = limit.clone();
    let probe = tokio::spawn(async move {
        let call = async {
            begin.send(()).unwrap();
            answered.await.unwrap();
            Ok(())
        };
        probing.run(call).await
    });
    begun.await.unwrap();
    assert!(start.elapsed() >= ms(50));

    // While the probe has no answer, the others wait for at most a second.
    let start = Instant::now();
    let undecided = limit.run(async { Err::<(), _>(Error::Cancelled) });
    undecided.await.unwrap_err();
    assert_eq!(start.elapsed(), ms(1_000));
    answer.send(()).unwrap();
    probe.await.unwrap().unwrap();
    let start = Instant::now();
    for _ in 0..2 {
        limit.run(async { Ok(()) }).await.unwrap();
    }
    assert!(start.elapsed().is_zero());
}
