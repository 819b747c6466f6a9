//! A KMS for one key and its digests. It answers from memory, so that the rows measure the client.

use std::{collections::HashMap, convert::Infallible, io::Write as _, time::Duration};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use kms_signer::KeyType;
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use crate::key::{ARN, Key, SIGNATURES};

/// Serves on a free port of loopback, which it prints, until standard input ends. Every answer
/// waits for `delay` milliseconds.
pub fn run(delay: u64) -> Result<()> {
    let key = Key::new(KeyType::Secp256k1, 1, SIGNATURES)?;
    let public_key = json!({
        "KeyId": ARN,
        "KeySpec": "ECC_SECG_P256K1",
        "KeyUsage": "SIGN_VERIFY",
        "SigningAlgorithms": ["ECDSA_SHA_256"],
        "PublicKey": BASE64_STANDARD.encode(key.public_key.to_spki_der()),
    });
    let signatures = key.signatures.iter().map(|signed| {
        let answer = json!({
            "KeyId": ARN,
            "SigningAlgorithm": "ECDSA_SHA_256",
            "Signature": BASE64_STANDARD.encode(&signed.der),
        });
        (
            BASE64_STANDARD.encode(signed.digest),
            Bytes::from(answer.to_string()),
        )
    });
    let answers = Answers {
        public_key: Bytes::from(public_key.to_string()),
        signatures: signatures.collect(),
    };
    let answers: &'static Answers = Box::leak(Box::new(answers));
    let delay = Duration::from_millis(delay);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{}", listener.local_addr()?.port());
        std::io::stdout().flush()?;
        let accept = async {
            loop {
                let (stream, _) = listener.accept().await.context("cannot accept")?;
                stream.set_nodelay(true)?;
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(request, answers, delay));
                    // A client that closes its connection does not matter here.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        };
        let mut end = Vec::new();
        let mut input = tokio::io::stdin();
        tokio::select! {
            result = accept => result,
            _ = input.read_to_end(&mut end) => Ok(()),
        }
    })
}

struct Answers {
    public_key: Bytes,
    /// By the digest in base64.
    signatures: HashMap<String, Bytes>,
}

async fn answer(
    request: Request<Incoming>,
    answers: &'static Answers,
    delay: Duration,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let target = request.headers().get("x-amz-target");
    let is_sign = target.is_some_and(|target| target.as_bytes().ends_with(b".Sign"));
    let body = request.into_body().collect().await.ok();
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let answer = match is_sign {
        true => message(&body).and_then(|digest| answers.signatures.get(digest)),
        false => Some(&answers.public_key),
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let response = Response::builder()
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amzn-requestid", "00000000-0000-4000-8000-000000000001")
        .body(Full::new(answer.cloned().unwrap_or_default()));
    Ok(response.unwrap_or_default())
}

/// The value of `Message`, in base64. Parsing JSON would slow the server down.
fn message(body: &[u8]) -> Option<&str> {
    let body = str::from_utf8(body).ok()?;
    let (_, rest) = body.split_once(r#""Message":""#)?;
    rest.split('"').next()
}
