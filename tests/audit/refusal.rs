//! A request that a chain adapter rejects, before it asks any signer, has a record.

use std::{sync::Arc, time::Duration};

use futures_util::poll;
use kms_signer::{
    Error, Signer,
    chain::ethereum::{
        EthereumSigner, SignedTransaction,
        alloy_consensus::{SignableTransaction as _, TxEip1559},
    },
    layer::{
        audit::{Audit, Fsync, JsonLinesFile},
        failover::Failover,
        hedge::Hedge,
        rate_limit::RateLimit,
        timeout::Timeout,
    },
};
use sha3::Digest as _;
use tokio::time::{Instant, timeout};

use crate::{
    MEMBERS, in_memory, local, parsed,
    release::{BrokenSink, Events, StuckSink},
};

/// Asks an account that is limited to chain 1 for a transaction on chain 5.
async fn refused(signer: impl Signer) -> Result<SignedTransaction, Error> {
    let account = EthereumSigner::new(signer).unwrap().with_chain_id(1);
    account.sign_eip1559(transaction()).await
}

fn transaction() -> TxEip1559 {
    TxEip1559 {
        chain_id: 5,
        ..Default::default()
    }
}

#[track_caller]
fn assert_refused(result: Result<SignedTransaction, Error>) {
    assert!(
        matches!(&result, Err(Error::Refused { rule, .. }) if rule == "chain_id"),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_refusal_is_recorded_with_its_digest_and_no_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let sink = JsonLinesFile::open(&path).unwrap();
    let sink = sink.with_fsync(Fsync::EachRecord);
    let signer = Audit::new(local(), sink).with_label("payouts");
    assert_refused(refused(signer).await);

    let text = std::fs::read_to_string(&path).unwrap();
    let record = parsed(text.trim_end());
    assert_eq!(record["outcome"], "refused");
    assert_eq!(record["code"], "chain_id");
    assert_eq!(record["label"], "payouts");
    assert_eq!(record["kind"], "keccak256");
    let digest = sha3::Keccak256::digest(transaction().encoded_for_signing());
    assert_eq!(record["digest"], hex::encode(digest));
    let public_key = hex::encode(local().public_key().to_bytes());
    assert_eq!(record["public_key"], public_key);
    for member in ["signature", "recovery_id"].iter().chain(&MEMBERS[10..]) {
        assert!(record[member].is_null(), "{member}: {record}");
    }
}

#[tokio::test]
async fn a_refusal_that_cannot_be_recorded_returns_unchanged() {
    let (events, _guard) = Events::listen();
    assert_refused(refused(Audit::new(local(), BrokenSink)).await);
    let events = events.of_audit();
    assert_eq!(events.len(), 1, "{events:?}");
    for part in ["ERROR", "not recorded", "refused", "the disk is gone"] {
        assert!(events[0].contains(part), "{part}: {events:?}");
    }
}

/// The record continues without its caller, for as long as a sink may take.
#[tokio::test(start_paused = true)]
async fn a_refusal_whose_caller_left_is_recorded_or_leaves_an_event() {
    let (events, _guard) = Events::listen();
    let mut future = Box::pin(refused(Audit::new(local(), StuckSink)));
    assert!(poll!(&mut future).is_pending());
    drop(future);
    tokio::time::sleep(Duration::from_secs(31)).await;
    let events = events.of_audit();
    assert_eq!(events.len(), 1, "{events:?}");
    for part in ["ERROR", "not recorded", "refused"] {
        assert!(events[0].contains(part), "{part}: {events:?}");
    }
}

/// A sink that hangs delays a refusal no longer than a signature.
#[tokio::test(start_paused = true)]
async fn a_timeout_also_ends_the_record_of_a_refusal() {
    let limit = Duration::from_secs(3);
    let start = Instant::now();
    let signer = Timeout::new(Audit::new(local(), StuckSink), limit).unwrap();
    let result = timeout(10 * limit, refused(signer)).await;
    assert_refused(result.unwrap());
    assert_eq!(start.elapsed(), limit);
}

/// Each refusal has one record, however the audit layer is wrapped.
#[tokio::test]
async fn every_layer_and_pointer_delegates_a_refusal() {
    let minute = Duration::from_secs(60);
    let limit = RateLimit::per_second(1).build().unwrap();
    type Wrap<'a> = &'a dyn Fn(Box<dyn Signer>) -> Box<dyn Signer>;
    let wrap: [(&str, Wrap<'_>); 8] = [
        ("&T", &|signer| Box::new(&*Box::leak(Box::new(signer)))),
        ("Box", &|signer| Box::new(Box::new(signer))),
        ("Arc", &|signer| Box::new(Arc::new(signer))),
        ("audit", &|signer| Box::new(in_memory(signer).0)),
        ("timeout", &|signer| {
            Box::new(Timeout::new(signer, minute).unwrap())
        }),
        ("hedge", &|signer| {
            Box::new(Hedge::after(signer, Duration::ZERO).build().unwrap())
        }),
        ("rate_limit", &|signer| Box::new(limit.limit(signer))),
        ("failover", &|signer| {
            let signer: Arc<dyn Signer> = Arc::from(signer);
            Box::new(
                Failover::builder([Arc::clone(&signer), signer])
                    .build()
                    .unwrap(),
            )
        }),
    ];
    for (name, wrap) in wrap {
        let (signer, sink) = in_memory(local());
        let signer = wrap(Box::new(signer));
        // More often than the rate limit would admit a request.
        for _ in 0..3 {
            assert_refused(refused(&signer).await);
        }
        let outcomes: Vec<_> = (sink.records().iter())
            .map(|record| record.outcome)
            .collect();
        assert_eq!(outcomes, ["refused"; 3], "{name}");
    }
}

#[tokio::test]
async fn an_inner_and_an_outer_audit_layer_both_record_a_refusal() {
    let (inner, inner_sink) = in_memory(local());
    let (outer, outer_sink) = in_memory(inner);
    assert_refused(refused(outer).await);
    assert_eq!(inner_sink.records().len(), 1);
    assert_eq!(outer_sink.records().len(), 1);
}
