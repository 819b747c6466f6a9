//! Verifies every raw signature before a provider returns it.

mod ecdsa;
mod multiples;

use std::{fmt, sync::Arc};

use self::ecdsa::{EcdsaVerifier, not_verified, refused};
use crate::{
    Error, KeyInput, KeyType, PublicKey, RawSignature, Receipt, RequestKind, Result, Signature,
    Signed,
    error::SignatureFault,
    public_key::Point,
    signature::{Ed25519Signature, P256Signature, Secp256k1Signature},
};

/// Verifies a raw signature from a key store and turns it into a [`Signature`], or rejects it.
///
/// The steps, in this order: strict decoding, range of the scalars, low-s, verification under the
/// pinned public key, recovery id. (For Ed25519 the range of S is part of the verification.) All
/// data here is public, so variable time is fine.
///
/// ```
/// use kms_signer::{KeyType, RawSignature, Signature, SignRequest, Verifier};
/// # fn example(public_key: kms_signer::PublicKey, from_key_store: &[u8]) -> kms_signer::Result<()> {
/// let request = SignRequest::keccak256(b"preimage");
/// let input = request.input_for(public_key.key_type())?;
///
/// let verifier = Verifier::new(public_key);
/// let signature = verifier.accept(&input, RawSignature::Der(from_key_store))?;
/// # Ok(())
/// # }
/// ```
///
/// # Cost
///
/// A verifier counts the signatures it accepts. The sixteenth makes its key *hot*: the verifier
/// builds a table of the key's multiples and from then on verifies about twice as fast on secp256k1
/// and 3.5 times as fast on P-256. Building it adds up to a millisecond to that call, and up to
/// three milliseconds for the first table of a process, which also needs the multiples of the
/// curve's generator. [`warm`](Self::warm) builds it at start-up instead.
///
/// Clones share the table. At most 64 verifiers of a process have a table (some 8 MB in all). The
/// others verify without one, until one of the 64 is dropped. Ed25519 has no table.
#[derive(Clone)]
pub struct Verifier {
    /// Shared by clones, and by every accepted signature.
    public_key: Arc<PublicKey>,
    scheme: Arc<Scheme>,
}

enum Scheme {
    Secp256k1(EcdsaVerifier<k256::Secp256k1>),
    P256(EcdsaVerifier<p256::NistP256>),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl Scheme {
    fn is_hot(&self) -> bool {
        match self {
            Self::Secp256k1(key) => key.is_hot(),
            Self::P256(key) => key.is_hot(),
            Self::Ed25519(_) => false,
        }
    }
}

impl Verifier {
    /// Creates a verifier that accepts signatures by `public_key`.
    pub fn new(public_key: PublicKey) -> Self {
        let scheme = match public_key.point() {
            Point::Secp256k1(key) => Scheme::Secp256k1(EcdsaVerifier::new(*key.as_affine())),
            Point::P256(key) => Scheme::P256(EcdsaVerifier::new(*key.as_affine())),
            Point::Ed25519(key) => Scheme::Ed25519(*key),
        };
        Self {
            public_key: Arc::new(public_key),
            scheme: Arc::new(scheme),
        }
    }

    /// The pinned public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Builds the table now instead of with the sixteenth signature, so that no request has to wait
    /// for it. Takes up to three milliseconds of the calling thread.
    ///
    /// Returns whether the key is hot. It is not for Ed25519, which has no table, or while 64 other
    /// verifiers of the process have tables; such a verifier still verifies.
    ///
    /// ```
    /// # #[cfg(feature = "local")]
    /// # fn example() -> kms_signer::Result<()> {
    /// use kms_signer::{KeyType, provider::local::LocalSigner};
    ///
    /// let signer = LocalSigner::random(KeyType::Secp256k1)?;
    /// assert!(signer.verifier().warm());
    /// # Ok(())
    /// # }
    /// # #[cfg(feature = "local")]
    /// # example().unwrap();
    /// ```
    pub fn warm(&self) -> bool {
        match &*self.scheme {
            Scheme::Secp256k1(key) => key.heat(),
            Scheme::P256(key) => key.heat(),
            Scheme::Ed25519(_) => {}
        }
        self.scheme.is_hot()
    }

    /// Verifies `raw` as [`accept`](Self::accept) does, and adds the receipt of the call to the
    /// signature or to the error. A provider returns the result.
    ///
    /// # Errors
    ///
    /// Those of [`accept`](Self::accept), with the receipt.
    pub fn release(
        &self,
        input: &KeyInput<'_>,
        raw: RawSignature<'_>,
        receipt: Receipt,
    ) -> Result<Signed> {
        match self.accept(input, raw) {
            Ok(signature) => Ok(Signed::new(signature, receipt)),
            Err(error) => Err(error.with_receipt(receipt)),
        }
    }

    /// Verifies `raw` as this key's signature over `input`, and returns it in canonical form.
    ///
    /// Replaces a high `s` with `n − s`. Both forms are valid ECDSA; on secp256k1, chains accept
    /// only the low one (EIP-2, BIP-62). The recovery id belongs to the returned form.
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidSignature`] when the bytes are not an encoding of a signature.
    /// - [`Error::SignatureNotVerified`] when they are one, but not by this key over this input.
    /// - [`Error::UnsupportedRequest`] when `input` is for another type of key.
    pub fn accept(&self, input: &KeyInput<'_>, raw: RawSignature<'_>) -> Result<Signature> {
        let public_key = || Arc::clone(&self.public_key);
        match (&*self.scheme, input) {
            (Scheme::Secp256k1(key), KeyInput::EcdsaPrehash(digest)) => {
                let accepted = key.accept(digest, raw)?;
                Ok(Signature::Secp256k1(Secp256k1Signature::new(
                    public_key(),
                    accepted.scalars,
                    accepted.y_is_odd,
                    accepted.x_is_reduced,
                )))
            }
            (Scheme::P256(key), KeyInput::EcdsaPrehash(digest)) => {
                let scalars = key.accept(digest, raw)?.scalars;
                Ok(Signature::P256(P256Signature::new(public_key(), scalars)))
            }
            (Scheme::Ed25519(key), KeyInput::Ed25519Message(message)) => {
                let bytes = accept_ed25519(key, message, raw)?;
                Ok(Signature::Ed25519(Ed25519Signature::new(
                    public_key(),
                    bytes,
                )))
            }
            (Scheme::Ed25519(_), KeyInput::EcdsaPrehash(_)) => Err(Error::unsupported_request(
                RequestKind::Prehashed,
                KeyType::Ed25519,
            )),
            (Scheme::Secp256k1(_) | Scheme::P256(_), KeyInput::Ed25519Message(_)) => Err(
                Error::unsupported_request(RequestKind::Message, self.public_key.key_type()),
            ),
        }
    }
}

/// Shows the key, and whether it is hot.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("public_key", &self.public_key)
            .field("is_hot", &self.scheme.is_hot())
            .finish()
    }
}

/// Verifies strictly: RFC 8032 §5.1.7, with S below the group order and neither R nor the key of
/// small order, so that no two verifiers disagree about the verdict.
fn accept_ed25519(
    public_key: &ed25519_dalek::VerifyingKey,
    message: &[u8],
    raw: RawSignature<'_>,
) -> Result<[u8; 64]> {
    let RawSignature::Fixed(bytes) = raw else {
        return Err(refused(SignatureFault::WrongEncoding));
    };
    let bytes: [u8; 64] = bytes
        .try_into()
        .map_err(|_| refused(SignatureFault::Length))?;
    public_key
        .verify_strict(message, &ed25519_dalek::Signature::from_bytes(&bytes))
        .map_err(|_| not_verified())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
