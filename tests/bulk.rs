//! Many requests at the same time: order, bounds, cancellation.

use std::{
    future::{pending, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{FutureExt as _, poll};
use kms_signer::{
    Error, KeyType, PublicKey, RequestKind, Result, SignRequest, Signature, Signed, Signer,
    async_trait,
    bulk::{Bulk, Progress},
    provider::local::LocalSigner,
};
use tokio::sync::{Semaphore, oneshot};

/// How many requests are in flight, were in flight at most, were started, and were dropped.
#[derive(Debug, Default)]
struct Counts {
    now: AtomicUsize,
    most: AtomicUsize,
    started: AtomicUsize,
    dropped: AtomicUsize,
}

impl Counts {
    fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    fn started(&self) -> usize {
        self.started.load(Ordering::SeqCst)
    }

    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }
}

/// One request in flight.
struct Passage<'a> {
    counts: &'a Counts,
    is_finished: bool,
}

impl<'a> Passage<'a> {
    fn begin(counts: &'a Counts) -> Self {
        counts.started.fetch_add(1, Ordering::SeqCst);
        let now = counts.now.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most.fetch_max(now, Ordering::SeqCst);
        Self {
            counts,
            is_finished: false,
        }
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        self.counts.now.fetch_sub(1, Ordering::SeqCst);
        if !self.is_finished {
            self.counts.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A signer that signs only with a permit, and counts.
#[derive(Debug)]
struct Gated {
    signer: LocalSigner,
    counts: Counts,
    gate: Semaphore,
}

impl Gated {
    /// Admits `permits` requests.
    fn new(permits: usize) -> Self {
        Self {
            signer: LocalSigner::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap(),
            counts: Counts::default(),
            gate: Semaphore::new(permits),
        }
    }

    fn open() -> Self {
        Self::new(Semaphore::MAX_PERMITS)
    }
}

#[async_trait]
impl Signer for Gated {
    fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let mut passage = Passage::begin(&self.counts);
        self.gate.acquire().await.unwrap().forget();
        // Let other tasks run, so that requests overlap.
        tokio::task::yield_now().await;
        let signed = self.signer.sign(request).await;
        passage.is_finished = true;
        signed
    }
}

fn preimages(count: u32) -> Vec<[u8; 4]> {
    (0..count).map(u32::to_be_bytes).collect()
}

fn requests(preimages: &[[u8; 4]]) -> impl ExactSizeIterator<Item = SignRequest<'_>> {
    preimages
        .iter()
        .map(|preimage| SignRequest::keccak256(preimage))
}

/// Signatures of this key are deterministic, so each identifies its bytes.
async fn expected(signer: &Gated, preimage: &[u8]) -> Signature {
    let request = SignRequest::keccak256(preimage);
    let signed = signer.signer.sign(&request).await.unwrap();
    signed.signature
}

fn is_cancelled<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Cancelled))
}

#[tokio::test]
async fn results_have_the_order_of_the_requests() {
    let signer = Gated::open();
    let preimages = preimages(100);
    let results = Bulk::new().sign_all(&signer, requests(&preimages)).await;
    assert_eq!(results.len(), preimages.len());
    for (preimage, result) in preimages.iter().zip(results) {
        let signature = result.unwrap().signature;
        assert_eq!(signature, expected(&signer, preimage).await);
    }
}

/// The first request finishes last, and is still the first result.
#[tokio::test]
async fn the_order_does_not_depend_on_who_finishes_first() {
    let (sender, receiver) = oneshot::channel();
    let mut sender = Some(sender);
    let mut receiver = Some(receiver);
    let futures = (0..10).map(|at| {
        let wait = (at == 0).then(|| receiver.take().unwrap());
        let go = (at == 9).then(|| sender.take().unwrap());
        async move {
            if let Some(wait) = wait {
                wait.await.unwrap();
            }
            if let Some(go) = go {
                go.send(()).unwrap();
            }
            Ok(at)
        }
    });
    let results = Bulk::with_concurrency(2).unwrap().run(futures).await;
    let results: Vec<i32> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(results, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn at_most_the_concurrency_is_in_flight() {
    for (bulk, most) in [
        (Bulk::new(), 32),
        (Bulk::default(), 32),
        (Bulk::with_concurrency(1).unwrap(), 1),
        (Bulk::with_concurrency(7).unwrap(), 7),
        (Bulk::with_concurrency(100).unwrap(), 100),
        // More than there are requests.
        (Bulk::with_concurrency(usize::MAX).unwrap(), 100),
    ] {
        let signer = Gated::open();
        let shown = format!("{bulk:?}");
        let results = bulk.sign_all(&signer, requests(&preimages(100))).await;
        assert!(results.iter().all(Result::is_ok), "{shown}");
        assert_eq!(results.len(), 100, "{shown}");
        assert_eq!(signer.counts.most(), most, "{shown}");
        assert_eq!(signer.counts.now(), 0, "{shown}");
    }
}

/// A bulk run without concurrency would never end.
#[test]
fn a_concurrency_of_0_is_rejected() {
    let error = Bulk::with_concurrency(0).unwrap_err();
    assert!(matches!(error, Error::InvalidConfig { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("concurrency is 0; use at least 1"),
        "{error}"
    );
}

/// The iterator makes neither requests nor futures before they start.
#[tokio::test]
async fn futures_are_made_when_their_turn_comes() {
    let counts = Counts::default();
    let futures = (0..1000).map(|_| {
        let passage = Passage::begin(&counts);
        async move {
            tokio::task::yield_now().await;
            drop(passage);
            Ok(())
        }
    });
    Bulk::with_concurrency(5).unwrap().run(futures).await;
    assert_eq!(counts.started(), 1000);
    assert_eq!(counts.most(), 5);
}

#[tokio::test]
async fn a_failure_does_not_affect_the_others() {
    let signer = Gated::open();
    let preimages = preimages(60);
    let requests = preimages.iter().enumerate().map(|(at, preimage)| {
        // An ECDSA key rejects a whole message.
        match at % 3 {
            0 => SignRequest::message(preimage),
            _ => SignRequest::keccak256(preimage),
        }
    });
    let results = Bulk::with_concurrency(4)
        .unwrap()
        .sign_all(&signer, requests)
        .await;
    for (at, (preimage, result)) in preimages.iter().zip(results).enumerate() {
        match (at % 3, result) {
            (0, Err(Error::UnsupportedRequest { request, .. })) => {
                assert_eq!(request, RequestKind::Message)
            }
            (1 | 2, Ok(signed)) => {
                assert_eq!(signed.signature, expected(&signer, preimage).await)
            }
            (_, other) => panic!("{at}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn cancelling_keeps_the_results_and_drops_what_runs() {
    let signer = Gated::new(10);
    let preimages = preimages(50);
    let (stop, stopped) = oneshot::channel::<()>();
    let mut stop = Some(stop);
    let results = Bulk::with_concurrency(4)
        .unwrap()
        .until(stopped)
        .on_progress(|progress| {
            if progress.done == 10 {
                stop.take().unwrap().send(()).unwrap();
            }
        })
        .sign_all(&signer, requests(&preimages))
        .await;

    assert_eq!(results.len(), 50);
    let (done, cancelled) = results.split_at(10);
    for (preimage, result) in preimages.iter().zip(done) {
        let signature = &result.as_ref().unwrap().signature;
        assert_eq!(*signature, expected(&signer, preimage).await);
    }
    assert!(cancelled.iter().all(is_cancelled), "{cancelled:?}");
    let counts = &signer.counts;
    assert_eq!(counts.now(), 0, "still in flight");
    assert_eq!(counts.started(), 10 + counts.dropped());
    assert!((1..=4).contains(&counts.dropped()), "{counts:?}");
}

/// Dropped requests have ended by the time the results return.
#[tokio::test]
async fn requests_that_hang_are_dropped_too() {
    let signer = Gated::new(0);
    let (stop, stopped) = oneshot::channel::<()>();
    let preimages = preimages(50);
    let mut work = Box::pin(
        Bulk::with_concurrency(4)
            .unwrap()
            .until(stopped)
            .sign_all(&signer, requests(&preimages)),
    );
    assert!(poll!(&mut work).is_pending());
    assert_eq!(signer.counts.now(), 4);
    stop.send(()).unwrap();
    let results = work.await;
    assert_eq!(results.len(), 50);
    assert!(results.iter().all(is_cancelled));
    assert_eq!((signer.counts.now(), signer.counts.dropped()), (0, 4));
    assert_eq!(signer.counts.started(), 4);
}

#[tokio::test]
async fn nothing_is_made_once_it_is_cancelled() {
    let results: Vec<Result<()>> = Bulk::new()
        .until(ready("with any value"))
        .on_progress(|progress| panic!("{progress:?}"))
        .run((0..3).map(|at| -> std::future::Ready<Result<()>> { panic!("{at} was made") }))
        .await;
    assert_eq!(results.len(), 3);
    assert!(results.iter().all(is_cancelled));
}

/// The only thread also runs the task that cancels.
#[tokio::test]
async fn work_that_never_waits_can_be_cancelled() {
    let (stop, stopped) = oneshot::channel::<()>();
    let other = tokio::spawn(async move { stop.send(()).unwrap() });
    let results = Bulk::new()
        .until(stopped)
        .run((0..10_000).map(|at| ready(Ok(at))))
        .await;
    other.await.unwrap();
    assert!(results[0].is_ok());
    assert!(is_cancelled(&results[9_999]));
}

#[tokio::test]
async fn an_end_that_never_comes_changes_nothing() {
    let signer = Gated::open();
    let preimages = preimages(5);
    let results = Bulk::new()
        .until(pending::<()>())
        .sign_all(&signer, requests(&preimages))
        .await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 5);
}

#[tokio::test]
async fn dropping_the_future_drops_all_that_runs() {
    let signer = Gated::new(3);
    let preimages = preimages(50);
    let mut work = Box::pin(
        Bulk::with_concurrency(8)
            .unwrap()
            .sign_all(&signer, requests(&preimages)),
    );
    for _ in 0..100 {
        assert!(poll!(&mut work).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(signer.counts.now(), 8);
    drop(work);
    assert_eq!((signer.counts.now(), signer.counts.dropped()), (0, 8));
    assert_eq!(signer.counts.started(), 11);
}

#[tokio::test]
async fn progress_goes_up_by_one_to_the_total() {
    let seen = Mutex::new(Vec::new());
    let signer = Gated::open();
    let preimages = preimages(40);
    let requests = preimages.iter().enumerate().map(|(at, preimage)| {
        // Failures count as done.
        match at % 2 {
            0 => SignRequest::message(preimage),
            _ => SignRequest::keccak256(preimage),
        }
    });
    Bulk::with_concurrency(6)
        .unwrap()
        .on_progress(|progress: Progress| {
            seen.lock().unwrap().push((progress.done, progress.total));
        })
        .sign_all(&signer, requests)
        .await;
    let expected: Vec<(usize, usize)> = (1..=40).map(|done| (done, 40)).collect();
    assert_eq!(seen.into_inner().unwrap(), expected);
}

#[tokio::test]
async fn no_requests_have_no_results() {
    let signer = Gated::open();
    let results = Bulk::new()
        .on_progress(|progress| panic!("{progress:?}"))
        .sign_all(&signer, [])
        .await;
    assert!(results.is_empty());
    assert_eq!(signer.counts.started(), 0);
}

#[tokio::test]
async fn ten_thousand_requests() {
    let signer = Gated::open();
    let preimages = preimages(10_000);
    let results = Bulk::new().sign_all(&signer, requests(&preimages)).await;
    assert_eq!(results.len(), 10_000);
    for at in [0, 1, 4_999, 9_999] {
        let signature = &results[at].as_ref().unwrap().signature;
        assert_eq!(*signature, expected(&signer, &preimages[at]).await);
    }
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(signer.counts.most(), 32);
}

/// A bulk run neither sleeps nor spawns, so it needs no runtime.
#[test]
fn any_executor_will_do() {
    let signer = LocalSigner::random(KeyType::Ed25519).unwrap();
    let work = Bulk::new().sign_all(&signer, [SignRequest::message(b"message")]);
    let mut work = Box::pin(work);
    let mut polls = 0;
    let results = loop {
        polls += 1;
        assert!(polls < 10, "it waits for something");
        if let Some(results) = work.as_mut().now_or_never() {
            break results;
        }
    };
    assert!(results[0].is_ok());
}

#[tokio::test]
async fn the_future_is_send_and_takes_trait_objects() {
    let signer: Arc<dyn Signer> = Arc::new(LocalSigner::random(KeyType::Ed25519).unwrap());
    let work = async move {
        let messages = [*b"one", *b"two"];
        let requests = messages.iter().map(|message| SignRequest::message(message));
        Bulk::new()
            .on_progress(|_| {})
            .until(pending::<()>())
            .sign_all(&*signer, requests)
            .await
    };
    let results = tokio::spawn(work).await.unwrap();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 2);
}

#[cfg(feature = "aws-kms")]
#[tokio::test]
async fn many_keys_are_opened_at_once() {
    use kms_signer::{emulator::aws_kms::KmsEmulator, provider::aws_kms::AwsKmsSigner};

    let emulator = KmsEmulator::start().await.unwrap();
    let mut arns: Vec<String> = (0..20)
        .map(|_| emulator.create_key(KeyType::P256).unwrap())
        .collect();
    arns.insert(7, "alias/nowhere".to_owned());
    let opening = arns.iter().map(|arn| {
        AwsKmsSigner::builder(arn)
            .emulator(emulator.endpoint_url(), emulator.region())
            .connect()
    });
    let opened = Bulk::with_concurrency(8).unwrap().run(opening).await;
    assert_eq!(opened.len(), 21);
    for (at, (arn, opened)) in arns.iter().zip(opened).enumerate() {
        match (at, opened) {
            (7, Err(error)) => assert_eq!(error.name(), "not_found"),
            (_, Ok(signer)) => assert_eq!(signer.key(), arn),
            (_, Err(error)) => panic!("{arn}: {error}"),
        }
    }
}
