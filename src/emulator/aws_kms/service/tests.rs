use std::collections::BTreeSet;

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request,
    body::Bytes,
    header::{AUTHORIZATION, RETRY_AFTER},
};
use serde_json::{Value, json};
use std::{pin::pin, time::Duration};
use tokio::time::{Instant, timeout};

use super::*;
use crate::{
    KeyType,
    emulator::{
        FailureRule, Latency,
        answer::Abort,
        aws_kms::{KmsFailure, identifier::Scope, key_store::NewKey},
        http::Endpoint,
    },
};

mod matching;

const AUTHORIZED: &str = "AWS4-HMAC-SHA256 \
    Credential=test/20260101/us-east-1/kms/aws4_request, \
    SignedHeaders=host;x-amz-date;x-amz-target, Signature=00";

fn service() -> KmsService {
    let scope = Scope::new("us-east-1", "000000000000").unwrap();
    let random = Random::from_seed(7);
    let store = KeyStore::new(scope, random.stream("keys"));
    KmsService::new(store, random.stream("request ids"))
}

fn endpoint() -> Endpoint<KmsService> {
    Endpoint::new(service(), Random::from_seed(8))
}

fn request(operation: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/")
        .header("content-type", AMZ_JSON)
        .header("x-amz-target", format!("TrentService.{operation}"))
        .header("authorization", AUTHORIZED)
        .body(Full::new(body.into()))
        .unwrap()
}

async fn send(endpoint: &Endpoint<KmsService>, request: Request<Full<Bytes>>) -> (u16, Value) {
    let response = endpoint.respond(request).await.unwrap();
    assert_eq!(response.headers()[CONTENT_TYPE], AMZ_JSON);
    assert_eq!(response.headers()[REQUEST_ID].len(), 36);
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let json = match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&body).unwrap(),
    };
    (status, json)
}

#[tokio::test]
async fn requests_outside_the_protocol_are_unknown_operations() {
    type Change = fn(&mut Request<Full<Bytes>>);
    let changes: [Change; 6] = [
        |request| *request.method_mut() = Method::GET,
        |request| *request.uri_mut() = "/keys".parse().unwrap(),
        |request| drop(request.headers_mut().remove("content-type")),
        |request| drop(request.headers_mut().remove("x-amz-target")),
        |request| {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
        },
        |request| {
            let target = HeaderValue::from_static("DynamoDB_20120810.ListKeys");
            request.headers_mut().insert("x-amz-target", target);
        },
    ];
    let endpoint = endpoint();
    for (index, change) in changes.into_iter().enumerate() {
        let mut request = request("ListKeys", "{}");
        change(&mut request);
        let answer = send(&endpoint, request).await;
        let expected = (400, json!({"__type": "UnknownOperationException"}));
        assert_eq!(answer, expected, "change {index}");
    }
    let (status, body) = send(&endpoint, request("Encrypt", "{}")).await;
    assert_eq!(
        (status, &body["__type"]),
        (400, &json!("UnknownOperationException"))
    );
}

#[tokio::test]
async fn the_authorization_must_be_complete_and_for_this_region() {
    let cases = [
        (None, "MissingAuthenticationTokenException"),
        (Some("Bearer 1".to_owned()), "IncompleteSignatureException"),
        (
            Some("AWS4-HMAC-SHA256 ".to_owned()),
            "IncompleteSignatureException",
        ),
        (
            Some(AUTHORIZED.replace("Signature=00", "")),
            "IncompleteSignatureException",
        ),
        (
            Some(AUTHORIZED.replace("/aws4_request", "")),
            "IncompleteSignatureException",
        ),
        (
            Some(AUTHORIZED.replace("us-east-1", "eu-west-1")),
            "InvalidSignatureException",
        ),
        (
            Some(AUTHORIZED.replace("/kms/", "/s3/")),
            "InvalidSignatureException",
        ),
    ];
    let endpoint = endpoint();
    for (authorization, expected) in cases {
        let mut request = request("ListKeys", "{}");
        let headers = request.headers_mut();
        headers.remove(AUTHORIZATION);
        if let Some(authorization) = &authorization {
            headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        }
        let (status, body) = send(&endpoint, request).await;
        assert_eq!(
            (status, &body["__type"]),
            (400, &json!(expected)),
            "{authorization:?}"
        );
    }
}

#[tokio::test]
async fn bodies_are_json_objects_of_limited_length() {
    let long = vec![b' '; KmsService::MAX_BODY_BYTES + 1];
    for (body, expected) in [
        (&b""[..], (200, None)),
        (b"{}", (200, None)),
        (b"{\"Unknown\":1}", (200, None)),
        (b"{", (400, Some("SerializationException"))),
        (b"[]", (400, Some("SerializationException"))),
        (b"[null,1,null]", (400, Some("SerializationException"))),
        (b" ", (400, Some("SerializationException"))),
        (b" {}", (200, None)),
        (b"\xff", (400, Some("SerializationException"))),
        (b"{\"Limit\":\"1\"}", (400, Some("SerializationException"))),
        (b"{\"Limit\":0}", (400, Some("ValidationException"))),
        (b"{\"Limit\":1001}", (400, Some("ValidationException"))),
        (b"{\"Marker\":\"!\"}", (400, Some("InvalidMarkerException"))),
        (&long, (413, Some("RequestEntityTooLargeException"))),
    ] {
        let (status, json) = send(&endpoint(), request("ListKeys", body.to_vec())).await;
        assert_eq!((status, json["__type"].as_str()), expected, "{json}");
    }
}

#[tokio::test]
async fn missing_members_are_named() {
    let (status, body) = send(&endpoint(), request("Sign", "{}")).await;
    assert_eq!(status, 400);
    let null = |member| {
        format!("Value null at '{member}' failed to satisfy constraint: Member must not be null")
    };
    let expected = ["keyId", "message", "signingAlgorithm"]
        .map(null)
        .join("; ");
    assert_eq!(
        body["message"],
        format!("3 validation errors detected: {expected}")
    );
}

#[tokio::test]
async fn operations_without_a_result_answer_with_an_empty_body() {
    let endpoint = endpoint();
    let body = r#"{"KeySpec":"ECC_SECG_P256K1","KeyUsage":"SIGN_VERIFY"}"#;
    let (status, created) = send(&endpoint, request("CreateKey", body)).await;
    assert_eq!(status, 200);
    let key_id = &created["KeyMetadata"]["KeyId"];
    let body = json!({"KeyId": key_id}).to_string();
    let answer = send(&endpoint, request("DisableKey", body)).await;
    assert_eq!(answer, (200, Value::Null));
}

#[tokio::test]
async fn rejected_calls_are_counted_too() {
    let endpoint = endpoint();
    let _ = send(&endpoint, request("ListKeys", "{}")).await;
    let _ = send(&endpoint, request("ListKeys", "{")).await;
    let _ = send(&endpoint, request("Encrypt", "{}")).await;
    let calls = endpoint.calls();
    assert_eq!(calls.of(Operation::ListKeys), 2);
    assert_eq!(calls.of(Operation::Sign), 0);
    assert_eq!(calls.total(), 3);
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for operation in Operation::ALL.iter().copied() {
        assert_eq!(Operation::named(operation.as_str()), Some(operation));
        assert!(names.insert(operation.to_string()));
    }
    assert_eq!(Operation::named("sign"), None);
}

/// Three signatures of one key, with other requests for `Sign` before each.
async fn signatures_among(distractions: &[Value]) -> Vec<Value> {
    let endpoint = endpoint();
    let create = r#"{"KeySpec":"ECC_SECG_P256K1","KeyUsage":"SIGN_VERIFY"}"#;
    let (_, created) = send(&endpoint, request("CreateKey", create)).await;
    let sign = json!({
        "KeyId": created["KeyMetadata"]["KeyId"],
        "Message": "AQ==",
        "SigningAlgorithm": "ECDSA_SHA_256",
    });
    let mut signatures = Vec::new();
    for _ in 0..3 {
        for distraction in distractions {
            let mut body = sign.as_object().unwrap().clone();
            body.extend(distraction.as_object().unwrap().clone());
            let body = Value::from(body).to_string();
            let (status, _) = send(&endpoint, request("Sign", body)).await;
            assert_eq!(status, 400, "{distraction}");
        }
        let (status, answer) = send(&endpoint, request("Sign", sign.to_string())).await;
        assert_eq!(status, 200);
        signatures.push(answer["Signature"].clone());
    }
    signatures
}

#[tokio::test]
async fn rejected_requests_and_dry_runs_change_no_signature() {
    let undisturbed = signatures_among(&[]).await;
    assert_ne!(undisturbed[0], undisturbed[1]);
    let distractions = [
        json!({"DryRun": true}),
        json!({"SigningAlgorithm": "ED25519_SHA_512"}),
        json!({"MessageType": "DIGEST"}),
        json!({"Message": ""}),
        json!({"KeyId": "alias/missing"}),
    ];
    assert_eq!(signatures_among(&distractions).await, undisturbed);
}

/// An endpoint with a key, and a request to sign with that key.
fn signing() -> (
    Endpoint<KmsService>,
    String,
    impl Fn() -> Request<Full<Bytes>>,
) {
    let endpoint = endpoint();
    let arn = {
        let mut store = endpoint.service().store();
        store.create(NewKey::of(KeyType::P256)).unwrap().arn.clone()
    };
    let body = json!({"KeyId": arn, "Message": "AQ==", "SigningAlgorithm": "ECDSA_SHA_256"});
    (endpoint, arn, move || request("Sign", body.to_string()))
}

fn has_signed(endpoint: &Endpoint<KmsService>, arn: &str) -> bool {
    let store = endpoint.service().store();
    store.resolve(arn).unwrap().last_signature_answer.is_some()
}

#[tokio::test]
async fn errors_are_those_of_kms_with_refinements() {
    let (endpoint, arn, sign) = signing();
    for (failure, status, code, message, retry_after) in [
        (
            KmsFailure::throttling(),
            400,
            "ThrottlingException",
            Some("You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.".to_owned()),
            None,
        ),
        (
            KmsFailure::access_denied(),
            400,
            "AccessDeniedException",
            Some(format!(
                "User: arn:aws:iam::000000000000:root is not authorized to perform: kms:Sign on \
                 resource: {arn} because no identity-based policy allows the kms:Sign action"
            )),
            None,
        ),
        (
            KmsFailure::internal_error().retry_after(Duration::from_millis(1500)),
            500,
            "KMSInternalException",
            Some("An internal error occurred.".to_owned()),
            Some("2"),
        ),
        (
            KmsFailure::clock_skew(),
            400,
            "InvalidSignatureException",
            Some(
                "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z \
                 (20260101T001500Z - 5 min.)"
                    .to_owned(),
            ),
            None,
        ),
        (
            KmsFailure::expired_credentials(),
            400,
            "ExpiredTokenException",
            Some("The security token included in the request is expired".to_owned()),
            None,
        ),
        (KmsFailure::error("New"), 400, "New", None, None),
        (
            KmsFailure::error("New").status(599).message("why").retry_after(Duration::from_secs(3)),
            599,
            "New",
            Some("why".to_owned()),
            Some("3"),
        ),
        (KmsFailure::throttling().message("").status(100), 500, "ThrottlingException", None, None),
    ] {
        let shown = format!("{failure:?}");
        let injected = endpoint.rules().inject(FailureRule::new(failure).times(1));
        let response = endpoint.respond(sign()).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{shown}");
        let headers = response.headers();
        assert_eq!(headers[CONTENT_TYPE], AMZ_JSON);
        assert_eq!(headers[REQUEST_ID].len(), 36);
        let waits = headers.get(RETRY_AFTER).map(|value| value.to_str().unwrap());
        assert_eq!(waits, retry_after, "{shown}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let mut expected = json!({"__type": code});
        if let Some(message) = message {
            expected["message"] = message.into();
        }
        assert_eq!(body, expected, "{shown}");
        assert_eq!(injected.fired(), 1);
    }
    assert!(!has_signed(&endpoint, &arn));
    assert_eq!(endpoint.calls().of(Operation::Sign), 8);
}

#[tokio::test]
async fn pages_are_not_of_kms() {
    let (endpoint, arn, sign) = signing();
    for (failure, status, content_type, part) in [
        (
            KmsFailure::page(502),
            502,
            Some("text/html"),
            "<h1>502 Bad Gateway</h1>",
        ),
        (
            KmsFailure::page(200),
            200,
            Some("text/html"),
            "<h1>200 OK</h1>",
        ),
        (
            KmsFailure::page(599),
            599,
            Some("text/html"),
            "<h1>599</h1>",
        ),
        (
            KmsFailure::page(7),
            500,
            Some("text/html"),
            "<h1>500 Internal Server Error</h1>",
        ),
        (
            KmsFailure::response(404, "text/plain", "gone"),
            404,
            Some("text/plain"),
            "gone",
        ),
        (KmsFailure::response(200, "\n", vec![b'x']), 200, None, "x"),
    ] {
        endpoint
            .rules()
            .inject(FailureRule::new(failure).times(1))
            .keep();
        let response = endpoint.respond(sign()).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        let headers = response.headers();
        let actual = headers
            .get(CONTENT_TYPE)
            .map(|value| value.to_str().unwrap());
        assert_eq!(actual, content_type);
        assert!(!headers.contains_key(REQUEST_ID));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains(part), "{body}");
    }
    assert!(!has_signed(&endpoint, &arn));
}

#[tokio::test]
async fn an_abort_comes_before_or_after_the_signature() {
    for (failure, abort, signs) in [
        (KmsFailure::close(), Abort::Close, false),
        (KmsFailure::reset(), Abort::Reset, false),
        (KmsFailure::reset_after_processing(), Abort::Reset, true),
    ] {
        let (endpoint, arn, sign) = signing();
        endpoint.rules().inject(FailureRule::new(failure)).keep();
        assert_eq!(endpoint.respond(sign()).await.err(), Some(abort));
        assert_eq!(has_signed(&endpoint, &arn), signs);
        assert_eq!(endpoint.calls().of(Operation::Sign), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stall_has_no_end_and_delays_no_other_request() {
    let (endpoint, arn, sign) = signing();
    let injected = endpoint
        .rules()
        .inject(FailureRule::new(KmsFailure::stall()).times(1));
    let day = Duration::from_secs(24 * 60 * 60);
    let mut stalled = pin!(endpoint.respond(sign()));
    assert!(timeout(day, stalled.as_mut()).await.is_err());
    assert_eq!(injected.fired(), 1);
    assert!(!has_signed(&endpoint, &arn));
    let (status, _) = send(&endpoint, sign()).await;
    assert_eq!(status, 200);
    assert!(timeout(day, stalled).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_latency_passes_before_the_request_is_handled() {
    let (endpoint, arn, sign) = signing();
    let wait = Duration::from_secs(5);
    endpoint
        .rules()
        .inject(FailureRule::new(Latency::fixed(wait)))
        .keep();
    endpoint
        .rules()
        .inject(FailureRule::new(Latency::fixed(wait)).after(1))
        .keep();
    let start = Instant::now();
    // A client that gives up early.
    assert!(timeout(wait / 2, endpoint.respond(sign())).await.is_err());
    assert!(!has_signed(&endpoint, &arn));
    assert_eq!(endpoint.calls().of(Operation::Sign), 1);
    let (status, _) = send(&endpoint, sign()).await;
    assert_eq!(status, 200);
    assert_eq!(start.elapsed(), wait / 2 + 2 * wait);
    assert!(has_signed(&endpoint, &arn));
}

#[tokio::test]
async fn changes_come_just_before_the_request() {
    type Code = Option<&'static str>;
    let cases: [(KmsFailure, Code, Code); 3] = [
        (
            KmsFailure::key_disabled(),
            Some("DisabledException"),
            Some("DisabledException"),
        ),
        (
            KmsFailure::key_deletion_scheduled(),
            Some("KMSInvalidStateException"),
            Some("KMSInvalidStateException"),
        ),
        (
            KmsFailure::key_deleted(),
            Some("NotFoundException"),
            Some("NotFoundException"),
        ),
    ];
    for (failure, first, later) in cases {
        let (endpoint, arn, sign) = signing();
        endpoint
            .service()
            .store()
            .create_alias("alias/a", &arn)
            .unwrap();
        assert_eq!(send(&endpoint, sign()).await.0, 200);
        let injected = endpoint
            .rules()
            .inject(FailureRule::new(failure.clone()).times(1));
        for expected in [first, later] {
            let (_, body) = send(&endpoint, sign()).await;
            assert_eq!(body["__type"].as_str(), expected, "{failure:?}");
        }
        assert_eq!(injected.fired(), 1);
        let is_gone = endpoint.service().store().resolve("alias/a").is_none();
        assert_eq!(is_gone, first == Some("NotFoundException"));
    }
}

#[tokio::test]
async fn an_alias_moves_between_two_requests() {
    let (endpoint, first, _) = signing();
    let second = {
        let mut store = endpoint.service().store();
        store.create(NewKey::of(KeyType::P256)).unwrap().arn.clone()
    };
    endpoint
        .service()
        .store()
        .create_alias("alias/a", &first)
        .unwrap();
    let moved =
        |target: &str| FailureRule::new(KmsFailure::alias_moved("alias/a", target)).times(1);
    let describe = || request("DescribeKey", r#"{"KeyId":"alias/a"}"#);
    for (rule, expected) in [
        (moved(&second), &second),
        // Rejected, so nothing happens.
        (moved("alias/a"), &second),
        (
            FailureRule::new(KmsFailure::alias_moved("alias/b", &first)).times(1),
            &second,
        ),
        (moved(&first), &first),
    ] {
        let injected = endpoint.rules().inject(rule);
        let (_, body) = send(&endpoint, describe()).await;
        assert_eq!(body["KeyMetadata"]["Arn"], expected.as_str());
        assert_eq!(injected.fired(), 1);
    }
}

#[tokio::test]
async fn only_failures_on_the_way_hit_a_rejected_request() {
    let endpoint = endpoint();
    let stranger = || {
        let mut request = request("Sign", "{}");
        request.headers_mut().remove(AUTHORIZATION);
        request
    };
    let error = endpoint
        .rules()
        .inject(FailureRule::new(KmsFailure::throttling()));
    let (_, body) = send(&endpoint, stranger()).await;
    assert_eq!(body["__type"], "MissingAuthenticationTokenException");
    assert_eq!(error.fired(), 0);
    drop(error);
    endpoint
        .rules()
        .inject(FailureRule::new(KmsFailure::reset()).on(Operation::Sign))
        .keep();
    assert_eq!(endpoint.respond(stranger()).await.err(), Some(Abort::Reset));
    let unknown = request("Encrypt", "{}");
    assert!(endpoint.respond(unknown).await.is_ok());
    assert_eq!(endpoint.calls().total(), 3);
}

#[tokio::test]
async fn failures_that_change_an_answer_leave_an_error_as_it_is() {
    let (endpoint, arn, sign) = signing();
    endpoint.service().store().set_enabled(&arn, false).unwrap();
    for failure in [
        KmsFailure::empty_body(),
        KmsFailure::malformed_json(),
        KmsFailure::high_s(),
        KmsFailure::signature_by_another_key(),
        KmsFailure::close_after_answer(),
    ] {
        let injected = endpoint.rules().inject(FailureRule::new(failure).times(1));
        let (status, body) = send(&endpoint, sign()).await;
        assert_eq!(
            (status, &body["__type"]),
            (400, &json!("DisabledException"))
        );
        assert_eq!(injected.fired(), 1);
    }
}

#[tokio::test]
async fn failures_change_no_later_signature() {
    let undisturbed = {
        let (endpoint, _, sign) = signing();
        [
            send(&endpoint, sign()).await.1,
            send(&endpoint, sign()).await.1,
        ]
    };
    for failure in [
        KmsFailure::throttling(),
        KmsFailure::reset(),
        KmsFailure::page(500),
        KmsFailure::latency(Latency::uniform(Duration::ZERO, Duration::from_micros(1))),
    ] {
        let (endpoint, _, sign) = signing();
        endpoint
            .rules()
            .inject(FailureRule::sequence([Some(failure)]))
            .keep();
        // Handled or not: the failure draws from its own stream.
        let first = endpoint.respond(sign()).await;
        let mut signatures = match first {
            Ok(response) if response.status() == 200 => {
                let body = response.into_body().collect().await.unwrap().to_bytes();
                vec![serde_json::from_slice::<Value>(&body).unwrap()]
            }
            _ => Vec::new(),
        };
        while signatures.len() < 2 {
            signatures.push(send(&endpoint, sign()).await.1);
        }
        assert_eq!(signatures, undisturbed);
    }
    for failure in [
        KmsFailure::high_s(),
        KmsFailure::short_r(),
        KmsFailure::signature_by_another_key(),
        KmsFailure::signature_over_another_message(),
        KmsFailure::empty_body(),
        KmsFailure::reset_after_processing(),
    ] {
        let (endpoint, _, sign) = signing();
        endpoint
            .rules()
            .inject(FailureRule::sequence([Some(failure)]))
            .keep();
        let _ = endpoint.respond(sign()).await;
        assert_eq!(send(&endpoint, sign()).await.1, undisturbed[1]);
    }
}
