use kms_signer::{
    Error, Signer as _, conformance::Step, error::KeyStoreFault, layer::timeout::Timeout,
};
use tokio::time::Instant;

use crate::scripted::{ms, scripted, sign, sign_and_drop_after};

#[tokio::test(start_paused = true)]
async fn a_slow_request_ends_at_the_timeout_and_is_dropped() {
    let inner = scripted();
    let signer = Timeout::new(inner.clone(), ms(100)).unwrap();
    for slow in [Step::sign().after(ms(101)), Step::hang()] {
        inner.then([slow]);
        let start = Instant::now();
        let error = sign(&signer).await.unwrap_err();
        assert_eq!(start.elapsed(), ms(100), "{slow:?}");
        assert!(
            matches!(
                &error,
                Error::TimedOut { timeout, stage, .. }
                    if *timeout == ms(100) && stage == "while waiting for the signer"
            ),
            "{error:?}"
        );
        assert!(error.is_retryable());
    }
    assert_eq!((inner.dropped(), inner.in_flight()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_returns_unchanged() {
    let inner = scripted();
    let signer = Timeout::new(inner.clone(), ms(100)).unwrap();
    inner.then([
        Step::sign().after(ms(99)),
        Step::sign().after(ms(100)),
        Step::fail(KeyStoreFault::Disabled),
    ]);
    let start = Instant::now();
    assert!(sign(&signer).await.is_ok());
    assert_eq!(start.elapsed(), ms(99));
    assert!(sign(&signer).await.is_ok(), "an answer at the limit counts");
    assert_eq!(sign(&signer).await.unwrap_err().name(), "disabled");
    assert_eq!(signer.public_key(), inner.public_key());
    assert_eq!(inner.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_is_dropped_inside() {
    let inner = scripted();
    let signer = Timeout::new(inner.clone(), ms(100)).unwrap();
    inner.otherwise(Step::sign().after(ms(3)));
    let mut pending = 0;
    for polls in 0..8 {
        pending += usize::from(sign_and_drop_after(&signer, polls).await);
        assert_eq!(inner.in_flight(), 0, "after {polls} polls");
    }
    // One of them was dropped before its first poll, and so never reached the signer.
    assert!(pending > 1);
    assert_eq!(inner.dropped(), pending - 1);
}
