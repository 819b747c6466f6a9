//! Each layer around a signer that fails on command.

use std::time::Duration;

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

pub const NAMES: [&str; 5] = ["audit", "timeout", "failover", "hedge", "rate_limit"];

async fn run<S: Signer + 'static>(name: &str, build: impl Fn(ScriptedSigner) -> S) -> Report {
    LayerSuite::new(name, build).run().await
}

#[tokio::test(start_paused = true)]
async fn every_layer_keeps_the_contract() {
    for name in NAMES {
        let report = match name {
            "audit" => run(name, |signer| Audit::new(signer, MemorySink::default())).await,
            "timeout" => run(name, |signer| Timeout::new(signer, MINUTE).unwrap()).await,
            "failover" => run(name, failover).await,
            "hedge" => run(name, hedge).await,
            "rate_limit" => run(name, |signer| limit().limit(signer)).await,
            _ => panic!("how is `{name}` built?"),
        };
        report.assert_passed();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stack_of_layers_keeps_the_contract() {
    let stack = |signer: ScriptedSigner| {
        let region = |signer| limit().limit(hedge(Timeout::new(signer, MINUTE).unwrap()));
        let regions = Failover::builder([region(signer.clone()), region(signer)])
            .build()
            .unwrap();
        Audit::new(
            Timeout::new(regions, MINUTE).unwrap(),
            MemorySink::default(),
        )
    };
    run("stack", stack).await.assert_passed();
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
