//! The record of a request.

use std::time::SystemTime;

use base16ct::lower::encode_string;
use jiff::Timestamp;
use serde::Serialize;

use crate::{Error, PublicKey, Receipt, Result, SignRequest, Signature, Signed};

/// The record of one request and its outcome.
///
/// Its JSON is an object with a member for each field, with the same name and in this order; `None`
/// is `null`. Names and formats are part of this crate's interface: members may be added, but none
/// is renamed or removed without a new major version. Hexadecimal is lower case and has no `0x`.
///
/// ```json
/// {
///   "time": "2026-11-22T10:11:12.345Z",
///   "outcome": "signed",
///   "code": null,
///   "label": "payout 4711",
///   "kind": "keccak256",
///   "digest": "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
///   "signature": "7a3f…",
///   "recovery_id": 1,
///   "key_type": "secp256k1",
///   "public_key": "04a1…",
///   "operation": "Sign",
///   "key": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
///   "region": "eu-central-1",
///   "request_id": "c5a4b0a7-1c2d-4a4e-9b3f-0d9f7c1b2a3e",
///   "attempts": 1,
///   "elapsed_us": 8214
/// }
/// ```
///
/// It has no preimage, no error message and no credential. But a digest reveals a preimage that
/// can be guessed.
///
/// # To check a record
///
/// For ECDSA the record is enough: `signature` verifies under `public_key` with `digest` as the
/// hash. For Ed25519 you need the message, whose SHA-256 hash is `digest`. Then look for an event
/// whose `requestID` is `request_id` and whose `resources` have the ARN `key` in the CloudTrail of
/// `region`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditRecord {
    /// When the signer answered, or the request was rejected: RFC 3339 in UTC with milliseconds.
    pub time: String,
    /// `signed`, or else [`Error::name`].
    pub outcome: &'static str,
    /// The key store's own name of the failure ([`Error::code`]), or the rule that rejected the
    /// request ([`Error::rule`]).
    pub code: Option<String>,
    /// The caller's label: that of the request, or else that of the layer.
    pub label: Option<String>,
    /// The kind of request: [`SignRequest::kind`].
    pub kind: &'static str,
    /// What the key was asked to sign, 32 bytes in hexadecimal: the digest for ECDSA, and the
    /// SHA-256 hash of the message for Ed25519
    /// ([`KeyInput::fingerprint`](crate::KeyInput::fingerprint)). `None` if the key does not sign
    /// this kind of request.
    pub digest: Option<String>,
    /// The signature, its bytes in hexadecimal: [`Signature::as_bytes`]. Verified, and low-s.
    pub signature: Option<String>,
    /// The recovery id of a signature on secp256k1, from 0 to 3.
    pub recovery_id: Option<u8>,
    /// `secp256k1`, `P-256` or `Ed25519`.
    pub key_type: String,
    /// The key, in hexadecimal: 65 bytes (`04‖X‖Y`) for ECDSA, and 32 for Ed25519
    /// ([`PublicKey::to_bytes`]).
    pub public_key: String,
    /// The key store's name of the operation; CloudTrail's `eventName`. This and all
    /// following fields are `None` when no call was made, or when a layer's timeout ended it.
    pub operation: Option<String>,
    /// The key in the key store: for AWS KMS its ARN, or for a failed call the key as requested,
    /// which may be an alias.
    pub key: Option<String>,
    /// The region of the key store, when it has regions; CloudTrail's `awsRegion`.
    pub region: Option<String>,
    /// The key store's id of the request; CloudTrail's `requestID`.
    pub request_id: Option<String>,
    /// How many times the request was sent. The id is that of the last time.
    pub attempts: Option<u32>,
    /// How long the call took, all attempts together, in microseconds.
    pub elapsed_us: Option<u64>,
}

impl AuditRecord {
    pub(super) fn new(
        public_key: &PublicKey,
        request: &SignRequest<'_>,
        label: Option<&str>,
        answer: Result<&Signed, &Error>,
    ) -> Self {
        let input = request.input_for(public_key.key_type()).ok();
        let signature = answer.ok().map(|signed| &signed.signature);
        let error = answer.err();
        let receipt = match answer {
            Ok(signed) => Some(&signed.receipt),
            Err(error) => error.receipt(),
        };
        // 1970 for a clock that says a year after 9999.
        let now = Timestamp::try_from(SystemTime::now()).unwrap_or_default();
        Self {
            time: format!("{now:.3}"),
            outcome: error.map_or("signed", Error::name),
            code: error
                .and_then(|error| error.code().or(error.rule()))
                .map(str::to_owned),
            label: label.map(str::to_owned),
            kind: request.kind().as_str(),
            digest: input.map(|input| encode_string(&input.fingerprint())),
            signature: signature.map(|signature| encode_string(signature.as_bytes())),
            recovery_id: signature
                .and_then(Signature::as_secp256k1)
                .map(|signature| signature.recovery_id()),
            key_type: public_key.key_type().to_string(),
            public_key: encode_string(&public_key.to_bytes()),
            operation: receipt.map(|receipt| receipt.operation().to_owned()),
            key: receipt.map(|receipt| receipt.key().to_owned()),
            region: receipt.and_then(Receipt::region).map(str::to_owned),
            request_id: receipt.and_then(Receipt::request_id).map(str::to_owned),
            attempts: receipt.map(Receipt::attempts),
            elapsed_us: receipt.map(|receipt| receipt.elapsed().as_micros() as u64),
        }
    }
}
