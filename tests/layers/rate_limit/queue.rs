//! The queue: requests that wait, are rejected, or are dropped.

use std::pin::pin;

use futures_util::{future, poll};
use kms_signer::{
    Error, Result, Signed,
    conformance::{ScriptedSigner, Step},
    layer::rate_limit::{RateLimit, RateLimited},
};
use tokio::{
    task::JoinHandle,
    time::{Instant, advance},
};

use crate::scripted::{labels, ms, scripted, settle, sign, sign_and_drop_after, spawn_sign};

type Task = JoinHandle<Result<Signed>>;

/// A limit of one in flight, which is used, so that every other request waits.
async fn taken(queue: usize) -> (ScriptedSigner, RateLimit, RateLimited<ScriptedSigner>, Task) {
    let limit = RateLimit::per_second(1_000)
        .burst(100)
        .in_flight(1)
        .queue(queue)
        .max_wait(ms(60_000))
        .build()
        .unwrap();
    let inner = scripted();
    inner.then([Step::sign().after(ms(1_000))]);
    let signer = limit.limit(inner.clone());
    let first = spawn_sign(&signer, "first");
    settle().await;
    assert_eq!((inner.in_flight(), limit.waiting()), (1, 0));
    (inner, limit, signer, first)
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served_also_when_some_leave() {
    let (inner, limit, signer, _) = taken(100).await;
    let mut tasks = Vec::new();
    for at in 0..60 {
        tasks.push(spawn_sign(&signer, at));
        settle().await;
    }
    assert_eq!(limit.waiting(), 60);
    for task in tasks.iter().step_by(3) {
        task.abort();
    }
    settle().await;
    assert_eq!(limit.waiting(), 40);
    for (at, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.is_ok(), at % 3 != 0);
    }
    let expected: Vec<String> = (0..60)
        .filter(|at| at % 3 != 0)
        .map(|at| at.to_string())
        .collect();
    assert_eq!(labels(&inner)[1..], expected);
}

/// Not even one that arrives just when the other may start, and is polled first.
#[tokio::test(start_paused = true)]
async fn a_newcomer_does_not_overtake() {
    let limit = RateLimit::per_second(10).burst(1).build().unwrap();
    sign(&limit.limit(scripted())).await.unwrap();
    let mut earlier = pin!(limit.run(async { Ok(()) }));
    assert!(poll!(&mut earlier).is_pending());
    advance(ms(100)).await;
    let mut newcomer = pin!(limit.run(async { Ok(()) }));
    assert!(poll!(&mut newcomer).is_pending());
    assert!(poll!(&mut earlier).is_ready());
    assert!(poll!(&mut newcomer).is_pending());
    advance(ms(100)).await;
    assert!(poll!(&mut newcomer).is_ready());
}

#[tokio::test(start_paused = true)]
async fn the_queue_has_exactly_as_many_places() {
    for queue in [0, 1, 2, 10] {
        let (inner, limit, signer, first) = taken(queue).await;
        let waiting: Vec<_> = (0..queue).map(|at| spawn_sign(&signer, at)).collect();
        settle().await;
        assert_eq!(limit.waiting(), queue);
        for _ in 0..3 {
            let error = sign(&signer).await.unwrap_err();
            let Error::QueueFull {
                capacity,
                retry_after,
                ..
            } = error
            else {
                panic!("{error:?}")
            };
            assert_eq!(capacity, queue);
            assert!(retry_after > ms(0) && retry_after <= ms(10));
            assert!(error.is_retryable() && error.is_throttled());
        }
        assert_eq!(inner.calls(), 1, "a rejected request was sent");

        // The place of a dropped request is free again.
        if let Some(leaving) = waiting.first() {
            leaving.abort();
            settle().await;
            assert_eq!(limit.waiting(), queue - 1);
            let taking = spawn_sign(&signer, "taking");
            settle().await;
            assert_eq!(limit.waiting(), queue);
            assert!(matches!(sign(&signer).await, Err(Error::QueueFull { .. })));
            taking.await.unwrap().unwrap();
        }
        first.await.unwrap().unwrap();
        for task in waiting.into_iter().skip(1) {
            task.await.unwrap().unwrap();
        }
        sign(&signer).await.unwrap();
        assert_eq!((limit.waiting(), limit.in_flight()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_too_long_ends_and_was_not_sent() {
    let limit = RateLimit::per_second(1_000)
        .in_flight(1)
        .max_wait(ms(30))
        .build()
        .unwrap();
    let inner = scripted();
    let signer = limit.limit(inner.clone());
    inner.then([Step::sign().after(ms(100))]);
    let first = spawn_sign(&signer, "first");
    settle().await;
    let start = Instant::now();
    let error = sign(&signer).await.unwrap_err();
    assert_eq!(start.elapsed(), ms(30));
    assert!(
        matches!(
            error,
            Error::QueuedTooLong { max_wait, .. } if max_wait == ms(30)
        ),
        "{error:?}"
    );
    assert_eq!(limit.waiting(), 0);
    // Only the wait is limited: the first request took longer and was not ended.
    first.await.unwrap().unwrap();
    assert_eq!(inner.calls(), 1);
    sign(&signer).await.unwrap();
}

/// Requests that left the queue use nothing of the rate.
#[tokio::test(start_paused = true)]
async fn a_request_that_leaves_the_queue_uses_nothing_of_the_rate() {
    let limit = RateLimit::per_second(10)
        .burst(1)
        .queue(1_000)
        .build()
        .unwrap();
    let inner = scripted();
    let signer = limit.limit(inner.clone());
    sign(&signer).await.unwrap();
    let start = Instant::now();
    let leaving: Vec<_> = (0..500).map(|at| spawn_sign(&signer, at)).collect();
    settle().await;
    let staying = spawn_sign(&signer, "staying");
    settle().await;
    assert_eq!(limit.waiting(), 501);
    leaving.iter().for_each(|task| task.abort());
    staying.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), ms(100));
    assert_eq!(inner.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_can_be_dropped_anywhere() {
    let limit = RateLimit::per_second(1_000)
        .burst(1)
        .in_flight(2)
        .queue(3)
        .build()
        .unwrap();
    let inner = scripted();
    inner.otherwise(Step::sign().after(ms(4)));
    let signer = limit.limit(inner.clone());
    let mut pending = 0;
    for polls in 0..16 {
        // It waits for the rate, and then for its answer.
        sign(&signer).await.unwrap();
        let mut taking = pin!(limit.run(future::pending::<Result<()>>()));
        while limit.in_flight() == 0 || limit.waiting() > 0 {
            assert!(poll!(&mut taking).is_pending());
            advance(ms(1)).await;
        }
        pending += usize::from(sign_and_drop_after(&signer, polls).await);
        assert_eq!(
            (limit.waiting(), limit.in_flight()),
            (0, 1),
            "after {polls} polls"
        );
        assert_eq!(inner.in_flight(), 0);
    }
    assert!(pending > 3 && pending < 16, "{pending}");
    assert!(
        inner.dropped() > 1,
        "none was dropped while it was in flight"
    );
    for _ in 0..10 {
        sign(&signer).await.unwrap();
    }
}
