use std::time::Duration;

use super::{
    LayerSuite, Outcome, Report, ScriptedSigner, SignerSuite, Step, Verdict,
    report::{Run, failed, skipped},
    secrets::Secrets,
};
use crate::{KeyType, error::KeyStoreFault};

async fn report() -> Report {
    let mut run = Run::new("mine", Duration::from_secs(2));
    run.case("good", async { Ok(()) }).await;
    run.case("skipped", async { Err(skipped("no messages")) })
        .await;
    run.case("bad", async { Err(failed("a low s", "a high s")) })
        .await;
    run.case("panics", async { panic!("at {}", "the key store") })
        .await;
    run.case("hangs", std::future::pending()).await;
    run.finish()
}

#[tokio::test(start_paused = true)]
async fn a_report_says_what_was_expected_and_what_came() {
    let report = report().await;
    assert!(!report.is_passed());
    assert_eq!(
        report.to_string(),
        "\
passed   mine: good
skipped  mine: skipped (no messages)
FAILED   mine: bad
    expected: a low s
    got:      a high s
FAILED   mine: panics
    expected: no panic
    got:      a panic: at the key store
FAILED   mine: hangs
    expected: an end of the case within 2s
    got:      it was still waiting for the signer
"
    );
    let failures: Vec<&str> = report.failures().map(Outcome::case).collect();
    assert_eq!(failures, ["bad", "panics", "hangs"]);
    assert_eq!(*report.outcomes()[0].verdict(), Verdict::Passed);
    assert_eq!(report.outcomes()[0].subject(), "mine");
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "\nFAILED   mine: bad\n    expected: a low s")]
async fn a_failed_report_panics_with_what_failed_alone() {
    report().await.assert_passed();
}

#[test]
fn a_report_of_nothing_did_not_pass() {
    assert!(!Report::default().is_passed());
}

#[tokio::test(start_paused = true)]
async fn a_layer_is_tested_with_each_type_of_key() {
    let report = LayerSuite::new("none", |signer| signer).run().await;
    report.assert_passed();
    for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
        let subject = format!("none {key_type}");
        let of_type = report.outcomes().iter();
        let of_type = of_type.filter(|outcome| outcome.subject() == subject);
        assert!(of_type.count() > 15, "{report}");
    }
}

/// A case that the suite cannot check is reported as skipped, not as failed.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_checked_is_skipped() {
    let signer = ScriptedSigner::new(KeyType::Ed25519).unwrap();
    let report = SignerSuite::new("scripted", signer.clone()).run().await;
    let skipped: Vec<String> = (report.outcomes().iter())
        .filter(|outcome| matches!(outcome.verdict(), Verdict::Skipped { .. }))
        .map(Outcome::to_string)
        .collect();
    let expected =
        "skipped  scripted Ed25519: failures_are_reported (no `failing` signer was given)";
    assert_eq!(skipped, [expected]);

    signer.otherwise(Step::fail(KeyStoreFault::Unavailable));
    let report = SignerSuite::new("scripted", signer).run().await;
    assert!(report.failures().count() > 5, "{report}");
}

#[test]
fn a_secret_is_found_in_each_form() {
    let mut secrets = Secrets::default();
    secrets.add(b"s3cr\xffet");
    secrets.add(b"passphrase");
    // Too short to be looked for.
    secrets.add(b"ab");
    for text in [
        "733363 72",
        "0x733363 72ff6574",
        "a passphras e",
        "nothing of ab",
        "",
    ] {
        secrets.check("it", text).unwrap();
    }
    for text in [
        "0x73336372ff6574",
        "0x73336372FF6574",
        "key: \"czNjcv9ldA==\"",
        "[115, 51, 99, 114, 255, 101, 116]",
        "[\n    115,\n    51,\n    99,\n    114,\n    255,\n    101,\n    116,\n]",
        "my passphrase!",
    ] {
        let Verdict::Failed { expected, got } = secrets.check("it", text).unwrap_err() else {
            panic!("{text}");
        };
        assert!(!format!("{expected} {got}").contains(text));
    }
}
