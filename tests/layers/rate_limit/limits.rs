//! Requests per second, and in flight.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{future::pending, poll};
use kms_signer::{
    Result,
    conformance::{ScriptedSigner, Step},
    layer::rate_limit::RateLimit,
};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::scripted::{ms, scripted, sign, spawn_sign, starts};

/// Checks that in every window of `t` seconds at most `burst + rate·t` requests started.
fn assert_within(starts: &[Instant], rate: u32, burst: u32) {
    for (from, first) in starts.iter().enumerate() {
        for (to, last) in starts.iter().enumerate().skip(from) {
            let allowed = f64::from(burst) + f64::from(rate) * (*last - *first).as_secs_f64();
            let started = (to - from + 1) as f64;
            assert!(
                started <= allowed + 1e-6,
                "{started} started in {:?}, and {allowed} are allowed",
                *last - *first
            );
        }
    }
}

async fn run_at_once(limit: &RateLimit, requests: usize, latency: Duration) -> ScriptedSigner {
    let inner = scripted();
    inner.otherwise(Step::sign().after(latency));
    let signer = limit.limit(inner.clone());
    let tasks: Vec<_> = (0..requests).map(|at| spawn_sign(&signer, at)).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    inner
}

#[tokio::test(start_paused = true)]
async fn the_rate_holds_in_every_window_and_is_reached() {
    for (rate, burst) in [
        (1, 1),
        (3, 2),
        (7, 7),
        (50, 1),
        (300, 15),
        (1_000, 50),
        (2_500, 10),
    ] {
        let limit = RateLimit::per_second(rate)
            .burst(burst)
            .in_flight(1_000)
            .max_wait(Duration::MAX)
            .build()
            .unwrap();
        let requests = 200;
        let start = Instant::now();
        let inner = run_at_once(&limit, requests, ms(10)).await;
        let starts = starts(&inner);
        assert_eq!(starts.len(), requests);
        assert_within(&starts, rate, burst);
        // Not slower than necessary: at most the time of a token and a tick of the timer more.
        let needed = (requests as f64 - f64::from(burst)) / f64::from(rate);
        let took = (*starts.last().unwrap() - start).as_secs_f64();
        assert!(
            took <= needed + 0.003,
            "rate {rate}: {took} s instead of {needed} s"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_time_saves_no_more_than_the_burst() {
    let limit = RateLimit::per_second(100).burst(10).build().unwrap();
    let inner = scripted();
    let signer = limit.limit(inner.clone());
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let tasks: Vec<_> = (0..40).map(|at| spawn_sign(&signer, at)).collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    }
    assert_eq!(inner.calls(), 120);
    assert_within(&starts(&inner), 100, 10);
    let last_lot = starts(&inner).split_off(80);
    let at_once = last_lot.iter().filter(|at| **at == last_lot[0]);
    assert_eq!(at_once.count(), 10);
}

#[tokio::test(start_paused = true)]
async fn the_default_burst_is_a_twentieth_of_the_rate() {
    for (rate, burst) in [(1, 1), (20, 1), (300, 15)] {
        let limit = RateLimit::per_second(rate).build().unwrap();
        let mut at_once = 0;
        let start = Instant::now();
        while start.elapsed().is_zero() {
            at_once += 1;
            limit.run(async { Ok(()) }).await.unwrap();
        }
        assert_eq!(at_once, burst + 1, "at {rate}: the last one had to wait");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_limits_hold_for_any_arrivals(
        rate in 1u32..2_000,
        burst in 1u32..30,
        in_flight in 1usize..10,
        requests in prop::collection::vec((0u64..200, 0u64..50), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let limit = RateLimit::per_second(rate)
                .burst(burst)
                .in_flight(in_flight)
                .max_wait(Duration::MAX)
                .build()
                .unwrap();
            let inner = scripted();
            inner.then(requests.iter().map(|(_, latency)| Step::sign().after(ms(*latency))));
            let signer = limit.limit(inner.clone());
            let tasks: Vec<_> = requests.iter().map(|(arrival, _)| {
                let (arrival, signer) = (ms(*arrival), signer.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(arrival).await;
                    sign(&signer).await
                })
            }).collect();
            for task in tasks {
                task.await.unwrap().unwrap();
            }
            assert_eq!(inner.calls(), requests.len());
            assert_within(&starts(&inner), rate, burst);
            assert!(inner.most_in_flight() <= in_flight);
            assert_eq!((limit.waiting(), limit.in_flight()), (0, 0));
        });
    }
}

#[tokio::test(start_paused = true)]
async fn in_flight_reaches_its_bound_and_never_exceeds_it() {
    for bound in [1, 2, 7, 64] {
        let limit = RateLimit::per_second(1_000_000)
            .burst(1_000)
            .in_flight(bound);
        let inner = run_at_once(&limit.build().unwrap(), 300, ms(10)).await;
        assert_eq!(inner.most_in_flight(), bound);
        assert_eq!((inner.calls(), inner.in_flight()), (300, 0));
    }
}

/// One quota for everything that uses it.
#[tokio::test(start_paused = true)]
async fn clones_signers_and_calls_share_one_limit() {
    let limit = RateLimit::per_second(10)
        .burst(3)
        .in_flight(3)
        .build()
        .unwrap();
    let first = limit.limit(scripted());
    let start = Instant::now();
    sign(&first).await.unwrap();
    limit.clone().run(async { Ok(()) }).await.unwrap();
    let mut call = Box::pin(limit.run(pending::<Result<()>>()));
    assert!(poll!(&mut call).is_pending());
    assert!(start.elapsed().is_zero());
    assert_eq!(limit.in_flight(), 1);
    sign(&limit.limit(scripted())).await.unwrap();
    assert_eq!(start.elapsed(), ms(100));
    drop(call);
    assert_eq!(limit.in_flight(), 0);
}

/// With real threads: each waiter is woken, whatever the others do.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_wake_up_is_lost() {
    const TASKS: usize = 2_000;
    let limit = RateLimit::per_second(1_000_000)
        .burst(1_000_000)
        .in_flight(3)
        .queue(TASKS)
        .max_wait(Duration::from_secs(600))
        .build()
        .unwrap();
    let served = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|at| {
            let (limit, served) = (limit.clone(), served.clone());
            tokio::spawn(async move {
                if at % 3 == 0 {
                    // Drop the request: in the queue, when it is admitted, or during its call.
                    let call = limit.run(async {
                        tokio::task::yield_now().await;
                        Ok(())
                    });
                    let mut call = std::pin::pin!(call);
                    for _ in 0..at % 4 {
                        if poll!(&mut call).is_ready() {
                            break;
                        }
                    }
                    return;
                }
                let call = limit.run(async {
                    tokio::task::yield_now().await;
                    Ok(())
                });
                call.await.unwrap();
                served.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    let all = async {
        for task in tasks {
            task.await.unwrap();
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), all).await;
    assert!(
        ended.is_ok(),
        "{} waiting, {} served",
        limit.waiting(),
        served.load(Ordering::SeqCst)
    );
    assert_eq!(served.load(Ordering::SeqCst), TASKS - TASKS.div_ceil(3));
    assert_eq!((limit.waiting(), limit.in_flight()), (0, 0));
}
