//! Layers around layers.

use std::sync::Arc;

use kms_signer::{
    Signer,
    conformance::{ScriptedSigner, Step},
    error::KeyStoreFault,
    layer::{failover::Failover, hedge::Hedge, rate_limit::RateLimit, timeout::Timeout},
};
use tokio::time::Instant;

use crate::scripted::{ms, scripted, sign, sign_and_drop_after, spawn_sign};

struct Stack {
    regions: [ScriptedSigner; 2],
    limits: Vec<RateLimit>,
    signer: Arc<dyn Signer>,
}

/// The layers in the order that the docs advise.
fn stack() -> Stack {
    let key = scripted();
    let regions = ["first", "second"].map(|name| key.replica(name));
    let limits: Vec<RateLimit> = (0..2)
        .map(|_| {
            RateLimit::per_second(1_000)
                .in_flight(4)
                .queue(4)
                .build()
                .unwrap()
        })
        .collect();
    let members = regions.iter().zip(&limits).map(|(region, limit)| {
        let region: Arc<dyn Signer> = Arc::new(Timeout::new(region.clone(), ms(300)).unwrap());
        let region = Hedge::after(region, ms(50)).max_extra(1.0).build().unwrap();
        limit.limit(region)
    });
    let signer = Failover::builder(members).build().unwrap();
    let signer = Timeout::new(signer, ms(2_000)).unwrap();
    Stack {
        limits: limits.clone(),
        signer: Arc::new(signer),
        regions,
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_that_hangs_leaves_time_for_the_next() {
    let Stack {
        regions, signer, ..
    } = stack();
    regions[0].otherwise(Step::hang());
    let start = Instant::now();
    let signed = sign(&signer).await.unwrap();
    assert_eq!(signed.receipt.key(), "second");
    // The second attempt began 50 ms later, and has its own limit.
    assert_eq!(start.elapsed(), ms(350));
    assert_eq!((regions[0].calls(), regions[0].dropped()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn with_a_full_queue_in_one_region_the_next_one_signs() {
    let Stack {
        regions, signer, ..
    } = stack();
    regions[0].otherwise(Step::sign().after(ms(40)));
    regions[1].otherwise(Step::sign().after(ms(40)));
    let tasks: Vec<_> = (0..16).map(|at| spawn_sign(&signer, at)).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!((regions[0].calls(), regions[1].calls()), (8, 8));
}

#[tokio::test(start_paused = true)]
async fn throttling_in_one_region_does_not_slow_the_other() {
    let Stack {
        regions, signer, ..
    } = stack();
    regions[0].then([Step::fail(KeyStoreFault::Throttled).retry_after(ms(5_000))]);
    let start = Instant::now();
    let signed = sign(&signer).await.unwrap();
    assert_eq!(signed.receipt.key(), "second");
    assert!(start.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_frees_everything_in_all_layers() {
    let Stack {
        regions,
        limits,
        signer,
    } = stack();
    let slow = Step::fail(KeyStoreFault::Unavailable).after(ms(60));
    for polls in (0..200).step_by(7) {
        regions[0].then([slow, slow]);
        regions[1].then([Step::sign().after(ms(60)), Step::sign().after(ms(60))]);
        sign_and_drop_after(&signer, polls).await;
        for (region, limit) in regions.iter().zip(&limits) {
            assert_eq!(region.in_flight(), 0, "{polls} polls");
            assert_eq!(
                (limit.waiting(), limit.in_flight()),
                (0, 0),
                "{polls} polls"
            );
        }
    }
    assert!(regions[0].dropped() > 0 && regions[1].dropped() > 0);
}
