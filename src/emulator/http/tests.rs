use std::{
    collections::BTreeSet,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use hyper::body::Frame;
use serde_json::{Value, json};

use super::*;
use crate::emulator::identifier::Scope;

const AUTHORIZED: &str = "AWS4-HMAC-SHA256 \
    Credential=AKIAFAKEFAKEFAKEFAKE/20260101/us-east-1/kms/aws4_request, \
    SignedHeaders=host;x-amz-date;x-amz-target, Signature=00";

fn endpoint() -> Endpoint {
    let scope = Scope::new("us-east-1", "000000000000").unwrap();
    let random = Random::from_seed(7);
    Endpoint::new(KeyStore::new(scope, random.stream("keys")), random)
}

fn request(operation: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/")
        .header("content-type", AMZ_JSON)
        .header("x-amz-target", format!("TrentService.{operation}"))
        .header("authorization", AUTHORIZED)
        .body(Full::new(body.into()))
        .unwrap()
}

async fn send(endpoint: &Endpoint, request: Request<Full<Bytes>>) -> (u16, Value) {
    let response = endpoint.respond(request).await;
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
async fn what_does_not_speak_the_protocol_is_an_unknown_operation() {
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
    let long = vec![b' '; MAX_BODY_BYTES + 1];
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
async fn calls_are_counted_whatever_becomes_of_them() {
    let endpoint = endpoint();
    let _ = send(&endpoint, request("ListKeys", "{}")).await;
    let _ = send(&endpoint, request("ListKeys", "{")).await;
    let _ = send(&endpoint, request("Encrypt", "{}")).await;
    let calls = endpoint.calls();
    assert_eq!(calls.of(Operation::ListKeys), 2);
    assert_eq!(calls.of(Operation::Sign), 0);
    assert_eq!(calls.total(), 3);
}

/// A body of which nothing ever comes.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[test]
fn calls_are_counted_before_their_bodies_are_there() {
    let endpoint = endpoint();
    let request = request("Sign", "").map(|_| Never);
    let mut response = pin!(endpoint.respond(request));
    let mut context = Context::from_waker(Waker::noop());
    assert!(response.as_mut().poll(&mut context).is_pending());
    assert_eq!(endpoint.calls().of(Operation::Sign), 1);
}

#[test]
fn every_operation_has_a_name_and_a_counter_of_its_own() {
    let calls = Calls::default();
    let mut names = BTreeSet::new();
    for operation in Operation::ALL.iter().copied() {
        assert_eq!(Operation::named(operation.as_str()), Some(operation));
        assert!(names.insert(operation.to_string()));
        calls.count(Some(operation));
        assert_eq!(calls.of(operation), 1, "{operation}");
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
async fn what_is_refused_and_dry_runs_shift_no_signature() {
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
