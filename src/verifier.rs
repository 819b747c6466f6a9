//! The one gate between a key store and everyone else.

use k256::elliptic_curve::{
    AffinePoint, Curve, CurveArithmetic, FieldBytes, ProjectivePoint, Scalar,
    ff::{Field as _, PrimeField as _},
    group::{Curve as _, Group as _},
    ops::{Invert as _, MulByGeneratorVartime as _, Reduce},
    point::AffineCoordinates as _,
    scalar::IsHigh as _,
};

use crate::{
    Error, KeyInput, KeyType, PublicKey, RawSignature, Result, Signature,
    error::SignatureFault,
    public_key::Point,
    signature::{Ed25519Signature, P256Signature, Scalars, Secp256k1Signature},
};

/// Turns what a key store returned into a [`Signature`], or refuses it.
///
/// In this order: strict decoding, range of the scalars, low-s, verification under the pinned
/// public key, recovery id. Everything here works on public data, so variable time is fine.
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
#[derive(Clone, Debug)]
pub struct Verifier {
    public_key: PublicKey,
}

impl Verifier {
    /// A verifier that accepts signatures by `public_key`.
    pub fn new(public_key: PublicKey) -> Self {
        Self { public_key }
    }

    /// The pinned public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Accepts `raw` as this key's signature over `input`, in canonical form.
    ///
    /// A high `s` is replaced by `n − s`: the same signature to every verifier, and on secp256k1
    /// the only form that chains accept (EIP-2, BIP-62). The recovery id is that of the result.
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidSignature`] when the bytes are not an encoding of a signature.
    /// - [`Error::SignatureNotVerified`] when they are, but not by this key over this input.
    /// - [`Error::UnsupportedRequest`] when `input` is meant for another type of key.
    pub fn accept(&self, input: &KeyInput<'_>, raw: RawSignature<'_>) -> Result<Signature> {
        match (self.public_key.point(), input) {
            (Point::Secp256k1(key), KeyInput::EcdsaPrehash(digest)) => {
                let accepted = accept_ecdsa::<k256::Secp256k1>(&key.to_projective(), digest, raw)?;
                Ok(Signature::Secp256k1(Secp256k1Signature::new(
                    accepted.scalars,
                    accepted.y_is_odd,
                    accepted.x_is_reduced,
                )))
            }
            (Point::P256(key), KeyInput::EcdsaPrehash(digest)) => {
                let accepted = accept_ecdsa::<p256::NistP256>(&key.to_projective(), digest, raw)?;
                Ok(Signature::P256(P256Signature::new(accepted.scalars)))
            }
            (Point::Ed25519(key), KeyInput::Ed25519Message(message)) => {
                accept_ed25519(key, message, raw).map(Signature::Ed25519)
            }
            (Point::Ed25519(_), KeyInput::EcdsaPrehash(_)) => Err(Error::UnsupportedRequest {
                request: "prehashed",
                key_type: KeyType::Ed25519,
            }),
            (Point::Secp256k1(_) | Point::P256(_), KeyInput::Ed25519Message(_)) => {
                Err(Error::UnsupportedRequest {
                    request: "message",
                    key_type: self.public_key.key_type(),
                })
            }
        }
    }
}

struct Accepted {
    scalars: Scalars,
    y_is_odd: bool,
    x_is_reduced: bool,
}

/// Verifies an ECDSA signature (SEC 1 §4.1.4) and keeps what recovery needs (SEC 1 §4.1.6).
///
/// The nonce point R = (z/s)·G + (r/s)·Q is computed once. Its x gives the verdict and its y the
/// recovery id, so no candidate key is ever recovered and compared. `s` is made low beforehand:
/// R then is the point that belongs to the released form, with no parity to flip.
fn accept_ecdsa<C>(
    public_key: &ProjectivePoint<C>,
    digest: &[u8; 32],
    raw: RawSignature<'_>,
) -> Result<Accepted>
where
    C: Curve + CurveArithmetic,
    FieldBytes<C>: From<[u8; 32]> + Into<[u8; 32]>,
{
    let scalars = Scalars::decode(raw).map_err(refused)?;
    let r = scalar_in_range::<C>(&scalars.r)?;
    let s = scalar_in_range::<C>(&scalars.s)?;
    let s = if bool::from(s.is_high()) { -s } else { s };

    let z = <Scalar<C> as Reduce<FieldBytes<C>>>::reduce(&(*digest).into());
    let s_inverse = Option::<Scalar<C>>::from(s.invert_vartime()).ok_or_else(not_verified)?;
    let nonce_point = ProjectivePoint::<C>::mul_by_generator_and_mul_add_vartime(
        &(z * s_inverse),
        &(r * s_inverse),
        public_key,
    );
    if bool::from(nonce_point.is_identity()) {
        return Err(not_verified());
    }
    let nonce_point: AffinePoint<C> = nonce_point.to_affine();
    let x = nonce_point.x();
    if <Scalar<C> as Reduce<FieldBytes<C>>>::reduce(&x) != r {
        return Err(not_verified());
    }
    Ok(Accepted {
        x_is_reduced: x.into() != scalars.r,
        y_is_odd: nonce_point.y_is_odd().into(),
        scalars: Scalars {
            r: scalars.r,
            s: s.to_repr().into(),
        },
    })
}

fn scalar_in_range<C>(bytes: &[u8; 32]) -> Result<Scalar<C>>
where
    C: Curve + CurveArithmetic,
    FieldBytes<C>: From<[u8; 32]>,
{
    let scalar = Option::<Scalar<C>>::from(Scalar::<C>::from_repr((*bytes).into()))
        .ok_or_else(|| refused(SignatureFault::OutOfRange))?;
    match bool::from(scalar.is_zero()) {
        true => Err(refused(SignatureFault::Zero)),
        false => Ok(scalar),
    }
}

/// Verifies strictly: RFC 8032 §5.1.7 with S below the group order and neither R nor the key of
/// small order, so that no two parties can disagree about the verdict.
fn accept_ed25519(
    public_key: &ed25519_dalek::VerifyingKey,
    message: &[u8],
    raw: RawSignature<'_>,
) -> Result<Ed25519Signature> {
    let RawSignature::Fixed(bytes) = raw else {
        return Err(refused(SignatureFault::WrongEncoding));
    };
    let bytes: [u8; 64] = bytes
        .try_into()
        .map_err(|_| refused(SignatureFault::Length))?;
    public_key
        .verify_strict(message, &ed25519_dalek::Signature::from_bytes(&bytes))
        .map_err(|_| not_verified())?;
    Ok(Ed25519Signature::new(bytes))
}

fn refused(fault: SignatureFault) -> Error {
    Error::InvalidSignature {
        fault,
        receipt: None,
    }
}

fn not_verified() -> Error {
    Error::SignatureNotVerified { receipt: None }
}

#[cfg(test)]
mod tests;
