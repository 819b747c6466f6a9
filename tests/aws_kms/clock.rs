//! A wrong clock: this machine's, KMS's, or that of a proxy in between.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::{Client, config::Credentials};
use aws_smithy_async::time::StaticTimeSource;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::{DateTime, date_time::Format};
use kms_signer::{
    KeyType, PublicKey, Signer,
    provider::{aws_kms::AwsKmsSigner, local::LocalSigner},
};

use crate::{KEY, request};

const NOON: u64 = 1_767_355_200; // 2026-01-02T12:00:00Z

/// The `x-amz-date` of each request.
type Signed = Arc<Mutex<Vec<String>>>;

/// A machine where it is noon, and a KMS whose clock is `ahead` seconds later. This KMS rejects a
/// request signed more than five minutes from its time (AWS IAM: "Troubleshooting SigV4"), and
/// answers all others with `status` and `body`.
fn client(ahead: i64, dates: bool, status: u16, body: &'static str) -> (Client, Signed) {
    let signed = Signed::default();
    let seen = signed.clone();
    let time = i64::try_from(NOON).unwrap() + ahead;
    let http_client = infallible_client_fn(move |request| {
        let date = request.headers()["x-amz-date"].to_str().unwrap().to_owned();
        let is_late = (seconds(&date) - time).abs() > 300;
        seen.lock().unwrap().push(date);
        let mut response = http::Response::builder();
        if dates {
            let date = DateTime::from_secs(time).fmt(Format::HttpDate).unwrap();
            response = response.header("date", date);
        }
        match is_late {
            true => response
                .status(400)
                .body(r#"{"__type":"InvalidSignatureException","message":"Signature expired: x"}"#),
            false => response.status(status).body(body),
        }
        .unwrap()
    });
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(
            "test",
            "fake",
            None,
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(NOON * 2)),
            "test",
        ))
        .time_source(StaticTimeSource::from_secs(NOON))
        .http_client(http_client)
        .build();
    (Client::from_conf(config), signed)
}

/// The seconds of a date such as `20260102T030405Z`.
fn seconds(date: &str) -> i64 {
    let (day, time) = date.split_at(9);
    let day = format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..8]);
    let date = format!("{day}T{}:{}:{}Z", &time[..2], &time[2..4], &time[4..6]);
    DateTime::from_str(&date, Format::DateTime).unwrap().secs()
}

fn offsets(signed: &Signed) -> Vec<i64> {
    let noon = i64::try_from(NOON).unwrap();
    let signed = signed.lock().unwrap();
    signed.iter().map(|date| seconds(date) - noon).collect()
}

fn public_key() -> PublicKey {
    let signer = LocalSigner::random(KeyType::Secp256k1).unwrap();
    signer.public_key().clone()
}

const DISABLED: &str = r#"{"__type":"DisabledException","message":"x"}"#;

async fn signer(client: Client) -> AwsKmsSigner {
    let builder = AwsKmsSigner::builder(KEY).client(client);
    builder.connect_lazy(public_key()).await.unwrap()
}

#[tokio::test]
async fn a_clock_that_is_wrong_costs_one_more_request_once() {
    for ahead in [-7200, -601, 600, 3600] {
        let (client, signed) = client(ahead, true, 400, DISABLED);
        let signer = signer(client).await;
        let error = signer.sign(&request()).await.unwrap_err();
        assert_eq!(error.name(), "disabled", "{error:?}");
        assert_eq!(offsets(&signed), [0, ahead]);

        // Clones and signers over the same client use the corrected time too.
        let other = signer
            .another_key(KEY)
            .connect_lazy(public_key())
            .await
            .unwrap();
        for signer in [signer.clone(), other] {
            let error = signer.sign(&request()).await.unwrap_err();
            assert_eq!(error.name(), "disabled", "{error:?}");
        }
        assert_eq!(offsets(&signed), [0, ahead, ahead, ahead]);
    }
}

/// A signer from the same builder but over another client does not change the first one's clock.
#[tokio::test]
async fn a_signer_over_another_client_has_a_clock_of_its_own() {
    let (good, good_signed) = client(0, true, 400, DISABLED);
    let (bad, _) = client(23 * 3600, true, 400, DISABLED);
    let hot = signer(good).await;
    let other = hot.another_key(KEY).client(bad);
    let other = other.connect_lazy(public_key()).await.unwrap();
    for signer in [&other, &hot] {
        signer.sign(&request()).await.unwrap_err();
    }
    assert_eq!(offsets(&good_signed), [0]);
}

/// Signers made one by one over clones of one client share what they learn.
#[tokio::test]
async fn signers_over_one_client_share_its_clock() {
    let (client, signed) = client(600, true, 400, DISABLED);
    let (one, other) = (signer(client.clone()).await, signer(client).await);
    for signer in [one, other] {
        signer.sign(&request()).await.unwrap_err();
    }
    assert_eq!(offsets(&signed), [0, 600, 600]);
}

/// The `Date` of a cached answer is the time at which it was cached (RFC 9111 §5.1).
#[tokio::test]
async fn the_date_of_a_cached_rejection_is_not_believed() {
    let signed = Signed::default();
    let seen = signed.clone();
    let http_client = infallible_client_fn(move |request| {
        let date = request.headers()["x-amz-date"].to_str().unwrap().to_owned();
        seen.lock().unwrap().push(date);
        let late = DateTime::from_secs(i64::try_from(NOON).unwrap() + 3600);
        http::Response::builder()
            .status(400)
            .header("age", "3600")
            .header("date", late.fmt(Format::HttpDate).unwrap())
            .body(r#"{"__type":"InvalidSignatureException","message":"Signature expired: x"}"#)
            .unwrap()
    });
    let (client, _) = client(0, true, 400, DISABLED);
    let config = client.config().to_builder().http_client(http_client);
    let signer = signer(Client::from_conf(config.build())).await;
    signer.sign(&request()).await.unwrap_err();
    assert_eq!(offsets(&signed), [0]);
}

/// A check learns the time, but only the next call sends a request with it.
#[tokio::test]
async fn a_check_asks_once_whatever_the_time() {
    let (client, signed) = client(600, true, 400, DISABLED);
    let signer = signer(client).await;
    let _ = signer.check().await;
    // The other calls may start before or after the first one is rejected.
    let checked = offsets(&signed);
    assert_eq!((checked.len(), checked[0]), (3, 0));
    signer.sign(&request()).await.unwrap_err();
    assert_eq!(offsets(&signed)[3..], [600]);
}

/// Without a `Date`, or with an implausible one, the client learns nothing, so KMS would reject a
/// second request too.
#[tokio::test]
async fn without_a_date_to_believe_there_is_no_second_request() {
    for (ahead, dates) in [(3600, false), (3 * 86_400, true)] {
        let (client, signed) = client(ahead, dates, 400, DISABLED);
        let error = signer(client).await.sign(&request()).await.unwrap_err();
        assert_eq!(error.name(), "credentials", "{error:?}");
        assert!(error.to_string().contains("clock"), "{error}");
        assert_eq!(offsets(&signed), [0]);
    }
}

/// Such an answer may come from a proxy or a cache, and does not reject the signing time.
#[tokio::test]
async fn the_date_of_another_answer_does_not_shift_the_clock() {
    let wrong = 240;
    for (status, body) in [(200, "{}"), (400, DISABLED), (503, "")] {
        let (client, signed) = client(wrong, true, status, body);
        let signer = signer(client).await;
        for _ in 0..2 {
            signer.sign(&request()).await.unwrap_err();
        }
        let offsets = offsets(&signed);
        assert!(offsets.len() >= 2, "{status}");
        assert!(
            offsets.iter().all(|offset| *offset == 0),
            "{status}: {offsets:?}"
        );
    }
}
