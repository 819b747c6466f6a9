//! The calls to KMS, and its answers as values of this crate.
//!
//! A server's text enters the provider here and nowhere else, and is cleaned and cut here, so that
//! receipts, errors, logs and metrics can use it as it is.

use std::{error::Error as StdError, fmt};

use aws_sdk_kms::{
    Client,
    config::{self, http::HttpResponse},
    error::{ErrorMetadata, ProvideErrorMetadata, SdkError},
    operation::{
        RequestId, describe_key::DescribeKeyOutput, get_public_key::GetPublicKeyOutput,
        sign::SignOutput,
    },
    primitives::Blob,
    types::{KeyState, MessageType, SigningAlgorithmSpec},
};

use crate::{
    Error, KeyInput, KeyType, Result,
    error::AnswerFault,
    text::{self, name, words},
};

/// The longest RAW message that KMS signs, in bytes. Ed25519 requires RAW (AWS API: Sign,
/// `Message`).
const MAX_RAW_MESSAGE: usize = 4096;

/// The outcome of one attempt at a call.
pub(super) type Answered<T> = Result<T, SdkError<Refusal>>;

/// The parameters of a `Sign` call, except the key.
pub(super) struct ToSign {
    message: Blob,
    message_type: MessageType,
    algorithm: SigningAlgorithmSpec,
}

impl ToSign {
    /// Always sets the message type: KMS defaults to RAW and would hash a digest a second time.
    pub(super) fn new(input: &KeyInput<'_>) -> Result<Self> {
        let (message, message_type, key_type) = match input {
            // The algorithm is the same for both curves.
            KeyInput::EcdsaPrehash(digest) => {
                (digest.to_vec(), MessageType::Digest, KeyType::Secp256k1)
            }
            KeyInput::Ed25519Message(message) if (1..=MAX_RAW_MESSAGE).contains(&message.len()) => {
                (message.to_vec(), MessageType::Raw, KeyType::Ed25519)
            }
            KeyInput::Ed25519Message(message) => {
                return Err(Error::message_length(message.len(), MAX_RAW_MESSAGE));
            }
        };
        Ok(Self {
            message: Blob::new(message),
            message_type,
            algorithm: algorithm_of(key_type),
        })
    }

    /// The requested algorithm.
    pub(super) fn algorithm(&self) -> &str {
        self.algorithm.as_str()
    }
}

/// The one algorithm for each type. ED25519_PH_SHA_512 is another scheme, which no chain verifies.
pub(super) fn algorithm_of(key_type: KeyType) -> SigningAlgorithmSpec {
    match key_type {
        KeyType::Secp256k1 | KeyType::P256 => SigningAlgorithmSpec::EcdsaSha256,
        KeyType::Ed25519 => SigningAlgorithmSpec::Ed25519Sha512,
    }
}

/// `Sign`.
pub(super) async fn sign(
    client: &Client,
    key_id: &str,
    what: &ToSign,
    overrides: config::Builder,
) -> Answered<SignAnswer> {
    let answer = sign_call(client, key_id, what, false, overrides).await;
    answer.map(SignAnswer::from)
}

/// `Sign` with `DryRun`. If signing is allowed, KMS answers `DryRunOperationException`.
pub(super) async fn dry_run(
    client: &Client,
    key_id: &str,
    what: &ToSign,
    overrides: config::Builder,
) -> Answered<DryRun> {
    match sign_call(client, key_id, what, true, overrides).await {
        Ok(output) => Ok(DryRun::Signed(output.into())),
        Err(error) if error.code() == Some("DryRunOperationException") => Ok(DryRun::Allowed {
            request_id: error.request_id().map(str::to_owned),
        }),
        Err(error) => Err(error),
    }
}

async fn sign_call(
    client: &Client,
    key_id: &str,
    what: &ToSign,
    is_dry_run: bool,
    overrides: config::Builder,
) -> Answered<SignOutput> {
    let request = (client.sign())
        .key_id(key_id)
        .message(what.message.clone())
        .message_type(what.message_type.clone())
        .signing_algorithm(what.algorithm.clone())
        .set_dry_run(is_dry_run.then_some(true));
    let sent = request.customize().config_override(overrides).send();
    sent.await.map_err(cleaned)
}

/// `GetPublicKey`.
pub(super) async fn get_public_key(
    client: &Client,
    key_id: &str,
    overrides: config::Builder,
) -> Answered<PublicKeyAnswer> {
    let request = client.get_public_key().key_id(key_id);
    let sent = request.customize().config_override(overrides).send();
    sent.await.map(PublicKeyAnswer::from).map_err(cleaned)
}

/// `DescribeKey`.
pub(super) async fn describe_key(
    client: &Client,
    key_id: &str,
    overrides: config::Builder,
) -> Answered<KeyAnswer> {
    let request = client.describe_key().key_id(key_id);
    let sent = request.customize().config_override(overrides).send();
    sent.await.map(KeyAnswer::from).map_err(cleaned)
}

/// The answer to `Sign`. As in all answers, an empty field counts as missing.
#[derive(Clone, Debug)]
pub(super) struct SignAnswer {
    pub(super) key_id: Option<String>,
    pub(super) algorithm: Option<String>,
    pub(super) signature: Option<Vec<u8>>,
    request_id: Option<String>,
}

impl From<SignOutput> for SignAnswer {
    fn from(output: SignOutput) -> Self {
        Self {
            request_id: name(output.request_id()),
            key_id: name(output.key_id()),
            algorithm: name(output.signing_algorithm().map(SigningAlgorithmSpec::as_str)),
            signature: output.signature.and_then(bytes),
        }
    }
}

/// The answer to a dry run of `Sign`.
#[derive(Debug)]
pub(super) enum DryRun {
    /// KMS would have signed.
    Allowed { request_id: Option<String> },
    /// The server signed, because it does not know `DryRun`.
    Signed(SignAnswer),
}

/// The answer to `GetPublicKey`.
#[derive(Clone, Debug)]
pub(super) struct PublicKeyAnswer {
    pub(super) key_id: Option<String>,
    pub(super) spec: Option<String>,
    pub(super) usage: Option<String>,
    pub(super) algorithms: Vec<String>,
    pub(super) public_key: Option<Vec<u8>>,
    request_id: Option<String>,
}

impl From<GetPublicKeyOutput> for PublicKeyAnswer {
    fn from(output: GetPublicKeyOutput) -> Self {
        // The older name of the same field; some emulators send only this one.
        #[allow(deprecated)]
        let older = output.customer_master_key_spec();
        let spec = (output.key_spec().map(|spec| spec.as_str()))
            .or_else(|| older.map(|spec| spec.as_str()));
        Self {
            request_id: name(output.request_id()),
            key_id: name(output.key_id()),
            spec: name(spec),
            usage: name(output.key_usage().map(|usage| usage.as_str())),
            algorithms: (output.signing_algorithms().iter())
                .filter_map(|algorithm| name(Some(algorithm.as_str())))
                .collect(),
            public_key: output.public_key.and_then(bytes),
        }
    }
}

impl PublicKeyAnswer {
    /// The algorithms as one text.
    pub(super) fn offered(&self) -> String {
        text::clean(&self.algorithms.join(", "), text::MAX_NAME)
    }
}

/// The answer to `DescribeKey`.
#[derive(Debug)]
pub(super) struct KeyAnswer {
    pub(super) metadata: Option<KeyMetadata>,
    request_id: Option<String>,
}

/// The metadata of a key that a check needs.
#[derive(Debug)]
pub(super) struct KeyMetadata {
    pub(super) arn: Option<String>,
    pub(super) state: Option<KeyState>,
}

impl From<DescribeKeyOutput> for KeyAnswer {
    fn from(output: DescribeKeyOutput) -> Self {
        Self {
            request_id: name(output.request_id()),
            metadata: output.key_metadata().map(|metadata| KeyMetadata {
                arn: name(metadata.arn()),
                // A state that the SDK does not know contains the server's text.
                state: name(metadata.key_state().map(KeyState::as_str))
                    .map(|state| KeyState::from(state.as_str())),
            }),
        }
    }
}

impl RequestId for SignAnswer {
    fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl RequestId for PublicKeyAnswer {
    fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl RequestId for KeyAnswer {
    fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl RequestId for DryRun {
    fn request_id(&self) -> Option<&str> {
        match self {
            Self::Allowed { request_id } => request_id.as_deref(),
            Self::Signed(answer) => answer.request_id(),
        }
    }
}

/// The error for an answer without a required field.
pub(super) fn missing(field: &'static str) -> Error {
    Error::unusable_answer(AnswerFault::missing(field))
}

/// An error that KMS returned.
///
/// `Display` shows KMS's message, or the SDK's text for an answer that it cannot read.
#[derive(Debug)]
pub(super) struct Refusal {
    metadata: ErrorMetadata,
    words: String,
}

impl Refusal {
    fn new<E>(error: &E) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let mut metadata = ErrorMetadata::builder();
        // This crate uses `HTTP 503` as a code when there is none, so no server may send it.
        if let Some(code) = name(error.code()).filter(|code| !code.starts_with("HTTP ")) {
            metadata = metadata.code(code);
        }
        let message = error
            .message()
            .map(|message| text::clean(without_request(message), text::MAX_SENTENCE));
        if let Some(message) = &message {
            metadata = metadata.message(message);
        }
        Self {
            metadata: metadata.build(),
            words: message.unwrap_or_else(|| words(error)),
        }
    }
}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.metadata
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl StdError for Refusal {}

/// Removes the raw answer from an error of the SDK and cleans its text.
///
/// An error without an answer stays unchanged: its sources show whether credentials or the network
/// failed, and only their [`words`] are displayed.
fn cleaned<E>(error: SdkError<E>) -> SdkError<Refusal>
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let head = error.raw_response().map(head_of);
    match (error, head) {
        (SdkError::ServiceError(answer), Some(head)) => {
            SdkError::service_error(Refusal::new(answer.err()), head)
        }
        (error @ SdkError::ResponseError(_), Some(head)) => match error.into_source() {
            Ok(source) => SdkError::response_error(source, head),
            Err(error) => error.map_service_error(|error| Refusal::new(&error)),
        },
        (error, _) => error.map_service_error(|error| Refusal::new(&error)),
    }
}

/// The status of an answer, and the two headers that are read later.
fn head_of(answer: &HttpResponse) -> HttpResponse {
    let mut head = HttpResponse::new(answer.status(), "".into());
    let headers = answer.headers();
    // The first 64 digits of a longer number are still more than any limit.
    let retry_after = headers.get("retry-after");
    let retry_after = retry_after.map(|seconds| seconds.get(..64).unwrap_or(seconds));
    for (header, value) in [
        ("retry-after", retry_after),
        ("x-amzn-requestid", headers.request_id()),
    ] {
        if let Some(value) = name(value) {
            // A value that is not ASCII is neither an id nor a number.
            let _ = head.headers_mut().try_insert(header, value);
        }
    }
    head
}

fn bytes(blob: Blob) -> Option<Vec<u8>> {
    let bytes = blob.into_inner();
    (!bytes.is_empty()).then_some(bytes)
}

/// Cuts the request off a message: for a wrong signature some services quote the request as they
/// understood it, with headers and session token.
fn without_request(message: &str) -> &str {
    let kept = message.split("The Canonical String").next();
    kept.unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests;
