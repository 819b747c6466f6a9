//! Each layer around a signer that fails on command.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use kms_signer::{
    Signer,
    conformance::{LayerSuite, Report, ScriptedSigner},
    layer::{
        audit::{Audit, MemorySink},
        failover::Failover,
        hedge::Hedge,
        rate_limit::RateLimit,
        timeout::Timeout,
    },
};

const MINUTE: Duration = Duration::from_secs(60);

/// One line for each layer.
pub fn all() -> Vec<(&'static str, LocalBoxFuture<'static, Report>)> {
    vec![
        suite("audit", |signer| Audit::new(signer, MemorySink::default())),
        suite("timeout", |signer| Timeout::new(signer, MINUTE).unwrap()),
        suite("failover", failover),
        suite("hedge", hedge),
        suite("rate_limit", |signer| limit().limit(signer)),
        suite("stack", stack),
    ]
}

fn suite<S: Signer + 'static>(
    name: &'static str,
    build: impl Fn(ScriptedSigner) -> S + 'static,
) -> (&'static str, LocalBoxFuture<'static, Report>) {
    let report = async move { LayerSuite::new(name, build).run().await };
    (name, Box::pin(report))
}

#[tokio::test(start_paused = true)]
async fn every_layer_keeps_the_contract() {
    for (_, report) in all() {
        report.await.assert_passed();
    }
}

fn stack(signer: ScriptedSigner) -> impl Signer + 'static {
    let region = |signer| limit().limit(hedge(Timeout::new(signer, MINUTE).unwrap()));
    let regions = Failover::builder([region(signer.clone()), region(signer)]);
    let stack = Timeout::new(regions.build().unwrap(), MINUTE).unwrap();
    Audit::new(stack, MemorySink::default())
}

fn failover(signer: ScriptedSigner) -> Failover<ScriptedSigner> {
    Failover::builder([signer.clone(), signer]).build().unwrap()
}

fn hedge<S: Signer>(signer: S) -> Hedge<S> {
    let hedge = Hedge::after(signer, Duration::from_millis(1));
    hedge.max_extra(1.0).build().unwrap()
}

fn limit() -> RateLimit {
    RateLimit::per_second(1_000_000).build().unwrap()
}
