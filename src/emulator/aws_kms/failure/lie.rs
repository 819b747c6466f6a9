//! Answers that are wrong although they look like successes.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use crate::{
    KeyType,
    emulator::{
        aws_kms::{
            error::{Code, KmsError},
            key::{Key, KeyMaterial},
            key_store::KeyStore,
            operation::Operation,
            operations::{self, SignedMessage},
            signing::{self, Input},
        },
        random::Random,
    },
};

/// How often a key signs to find a short `r`: it fails once in 9 million times.
const MAX_GRINDS: usize = 4096;

/// A wrong version of a successful answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lie {
    EmptyBody,
    EmptyObject,
    MalformedJson,
    BadBase64,
    Without(String),
    KeyId(String),
    Algorithm(String),
    FlippedPublicKeyBit(Option<usize>),
    Replayed,
    Signature(Forgery),
}

/// A wrong version of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    ByAnotherKey,
    OverAnotherMessage,
    FlippedBit(SignaturePart, Option<usize>),
    TrailingByte,
    FixedWidth,
    HighS,
    LowS,
    ShortR,
}

/// A part of a signature: see
/// [`KmsFailure::flipped_signature_bit`](super::KmsFailure::flipped_signature_bit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignaturePart {
    /// `r` as written: in DER with the zero byte that keeps it positive. `R` of Ed25519.
    R,
    /// `s` as written: in DER with the zero byte that keeps it positive. `S` of Ed25519.
    S,
    /// The six bytes of DER that are tags and lengths. ECDSA keys only.
    DerHeader,
}

impl Lie {
    /// Whether this can be the answer to a request for `operation` with this key.
    pub(in crate::emulator::aws_kms) fn can_happen(
        &self,
        operation: Operation,
        key: Option<&Key>,
    ) -> bool {
        use Operation::{GetPublicKey, Sign, Verify};
        match self {
            Self::EmptyBody | Self::EmptyObject | Self::MalformedJson | Self::Without(_) => true,
            Self::BadBase64 => matches!(operation, Sign | GetPublicKey),
            Self::KeyId(_) => matches!(operation, Sign | Verify | GetPublicKey),
            Self::Algorithm(_) => matches!(operation, Sign | Verify),
            Self::FlippedPublicKeyBit(_) => operation == GetPublicKey,
            Self::Replayed => {
                operation == Sign && key.is_some_and(|key| key.last_signature_answer.is_some())
            }
            Self::Signature(forgery) => {
                operation == Sign && key.is_some_and(|key| forgery.is_of(key.key_type()))
            }
        }
    }

    /// Handles a request, and falsifies the answer if it is a success.
    pub(in crate::emulator::aws_kms) fn tell(
        &self,
        store: &mut KeyStore,
        operation: Operation,
        body: &[u8],
        random: &mut Random,
    ) -> Result<Vec<u8>, KmsError> {
        let earlier = match self {
            Self::Replayed => last_signature_answer(store, body),
            _ => None,
        };
        let mut answer = operations::call(store, operation, body)?;
        match self {
            Self::EmptyBody => Ok(Vec::new()),
            Self::EmptyObject => Ok(b"{}".to_vec()),
            Self::MalformedJson => {
                answer.pop();
                // An empty answer cannot be shortened, so add a byte.
                Ok(match answer.is_empty() {
                    true => b"{".to_vec(),
                    false => answer,
                })
            }
            Self::BadBase64 => edit(&answer, |members| {
                for name in ["Signature", "PublicKey"] {
                    if let Some(Value::String(blob)) = members.get_mut(name) {
                        blob.insert(0, '%');
                    }
                }
            }),
            Self::Without(name) => edit(&answer, |members| {
                members.retain(|member, _| member != name)
            }),
            Self::KeyId(key_id) => edit(&answer, |members| {
                members.insert("KeyId".to_owned(), key_id.as_str().into());
            }),
            Self::Algorithm(algorithm) => edit(&answer, |members| {
                members.insert("SigningAlgorithm".to_owned(), algorithm.as_str().into());
            }),
            Self::FlippedPublicKeyBit(bit) => edit_blob(&answer, "PublicKey", |mut spki| {
                let whole = 0..spki.len();
                flip(&mut spki, whole, *bit, random);
                Ok(spki)
            }),
            Self::Replayed => Ok(earlier.unwrap_or(answer)),
            Self::Signature(forgery) => {
                let message = SignedMessage::read(body)?;
                let key = store.find(Operation::Sign, &message.key_id)?;
                let input = message.admit(key)?;
                edit_blob(&answer, "Signature", |signature| {
                    forgery.forge(&key.material, &input, signature, random)
                })
            }
        }
    }
}

fn last_signature_answer(store: &KeyStore, body: &[u8]) -> Option<Vec<u8>> {
    let message = SignedMessage::read(body).ok()?;
    let key = store.find(Operation::Sign, &message.key_id).ok()?;
    key.last_signature_answer.clone()
}

/// Changes the members of an answer. An operation without a result has an empty answer.
fn edit(answer: &[u8], change: impl FnOnce(&mut Map<String, Value>)) -> Result<Vec<u8>, KmsError> {
    if answer.is_empty() {
        return Ok(Vec::new());
    }
    let mut members = serde_json::from_slice(answer).map_err(internal)?;
    change(&mut members);
    serde_json::to_vec(&members).map_err(internal)
}

fn edit_blob(
    answer: &[u8],
    name: &str,
    change: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, KmsError>,
) -> Result<Vec<u8>, KmsError> {
    let mut result = Ok(());
    let edited = edit(answer, |members| {
        if let Some(Value::String(blob)) = members.get_mut(name) {
            let bytes = BASE64_STANDARD.decode(&*blob).map_err(internal);
            match bytes.and_then(change) {
                Ok(bytes) => *blob = BASE64_STANDARD.encode(bytes),
                Err(error) => result = Err(error),
            }
        }
    });
    result.and(edited)
}

impl Forgery {
    /// Whether a key of this type can have such a signature.
    fn is_of(&self, key_type: KeyType) -> bool {
        match self {
            Self::ByAnotherKey
            | Self::OverAnotherMessage
            | Self::FlippedBit(SignaturePart::R | SignaturePart::S, _)
            | Self::TrailingByte => true,
            Self::FlippedBit(SignaturePart::DerHeader, _)
            | Self::FixedWidth
            | Self::HighS
            | Self::LowS
            | Self::ShortR => key_type != KeyType::Ed25519,
        }
    }

    /// What to send instead of `signature`, which the key made over `input`.
    fn forge(
        &self,
        material: &KeyMaterial,
        input: &Input<'_>,
        mut signature: Vec<u8>,
        random: &mut Random,
    ) -> Result<Vec<u8>, KmsError> {
        let key_type = material.verifier.public_key().key_type();
        match self {
            Self::ByAnotherKey => {
                let other = KeyMaterial::draw(key_type, random).map_err(internal)?;
                signing::sign(&other, input, random)
            }
            Self::OverAnotherMessage => match input {
                Input::EcdsaPrehash(digest) => {
                    let mut other = *digest;
                    flip(&mut other, 0..32, None, random);
                    signing::sign(material, &Input::EcdsaPrehash(other), random)
                }
                Input::Ed25519Message(message) => {
                    let other = [message, &b"\0"[..]].concat();
                    signing::sign(material, &Input::Ed25519Message(&other), random)
                }
            },
            Self::FlippedBit(part, bit) => {
                let places = part.places(key_type, &signature);
                flip(&mut signature, places, *bit, random);
                Ok(signature)
            }
            Self::TrailingByte => {
                signature.push(0);
                Ok(signature)
            }
            Self::FixedWidth => signing::fixed_width(key_type, &signature),
            Self::HighS => signing::with_s(key_type, &signature, true),
            Self::LowS => signing::with_s(key_type, &signature, false),
            Self::ShortR => {
                // Draws from the rule's stream and not the key's, so the key's next signatures stay
                // the same.
                for _ in 0..MAX_GRINDS {
                    if signing::fixed_width(key_type, &signature)?.first() == Some(&0) {
                        break;
                    }
                    signature = signing::sign(material, input, random)?;
                }
                Ok(signature)
            }
        }
    }
}

impl SignaturePart {
    /// The positions of this part's bytes in a signature.
    fn places(self, key_type: KeyType, signature: &[u8]) -> Vec<usize> {
        if key_type == KeyType::Ed25519 {
            return match self {
                Self::R => (0..32).collect(),
                Self::S => (32..64).collect(),
                Self::DerHeader => Vec::new(),
            };
        }
        // 30 len 02 len r 02 len s. Every length is below 128, so it takes one byte.
        let end_of_r = 4 + usize::from(signature.get(3).copied().unwrap_or_default());
        let s = end_of_r + 2;
        match self {
            Self::R => (4..end_of_r).collect(),
            Self::S => (s..signature.len()).collect(),
            Self::DerHeader => (0..4).chain(end_of_r..s).collect(),
        }
    }
}

/// Flips one bit of the bytes at these positions.
fn flip(
    bytes: &mut [u8],
    places: impl IntoIterator<Item = usize>,
    bit: Option<usize>,
    random: &mut Random,
) {
    let places: Vec<usize> = places.into_iter().collect();
    let bits = places.len() * 8;
    if bits == 0 {
        return;
    }
    let bit = match bit {
        Some(bit) => bit % bits,
        None => (random.next_u128() % bits as u128) as usize,
    };
    let place = places.get(bit / 8);
    if let Some(byte) = place.and_then(|place| bytes.get_mut(*place)) {
        *byte ^= 0x80 >> (bit % 8);
    }
}

fn internal(error: impl std::fmt::Display) -> KmsError {
    KmsError::new(Code::KmsInternal, error.to_string())
}

#[cfg(test)]
mod tests;
