//! Signatures that verify under a key whose secret is not known.

use k256::elliptic_curve::{
    Curve, CurveArithmetic, FieldBytes, ProjectivePoint, Scalar,
    ff::{Field as _, PrimeField as _},
    group::{Curve as _, Group as _},
    ops::Reduce,
    point::AffineCoordinates as _,
};
use kms_signer::{KeyInput, KeyType, PublicKey, RawSignature, Verifier};

/// A digest, and `r‖s` over it.
pub(crate) type Forgery = ([u8; 32], [u8; 64]);

/// The existential forgery of ECDSA: for R = a·G + b·Q, (x(R), x(R)/b) is a signature over the
/// digest a·x(R)/b. `None` where R is the identity or x(R) or b is zero.
pub(crate) fn forge<C>(
    public_key: &ProjectivePoint<C>,
    a: Scalar<C>,
    b: Scalar<C>,
) -> Option<Forgery>
where
    C: Curve + CurveArithmetic,
    FieldBytes<C>: Into<[u8; 32]>,
{
    let nonce_point = ProjectivePoint::<C>::generator() * a + *public_key * b;
    if bool::from(nonce_point.is_identity()) {
        return None;
    }
    let r = <Scalar<C> as Reduce<FieldBytes<C>>>::reduce(&nonce_point.to_affine().x());
    let s = r * Option::<Scalar<C>>::from(b.invert())?;
    let (r_bytes, s_bytes): ([u8; 32], [u8; 32]) = (r.to_repr().into(), s.to_repr().into());
    let raw = [r_bytes, s_bytes].concat().try_into().unwrap();
    let digest = (a * s).to_repr().into();
    (!bool::from(r.is_zero())).then_some((digest, raw))
}

/// A verifier that has the table of its key.
pub(crate) fn hot(public_key: &PublicKey) -> Verifier {
    let hot = Verifier::new(public_key.clone());
    let key = public_key.to_bytes();
    let forgeries = (1..).filter_map(|count: u64| match public_key.key_type() {
        KeyType::Secp256k1 => {
            let point = k256::PublicKey::from_sec1_bytes(&key).unwrap();
            forge::<k256::Secp256k1>(&point.to_projective(), count.into(), 3u64.into())
        }
        KeyType::P256 => {
            let point = p256::PublicKey::from_sec1_bytes(&key).unwrap();
            forge::<p256::NistP256>(&point.to_projective(), count.into(), 3u64.into())
        }
        other => panic!("{other} has no table"),
    });
    for (digest, raw) in forgeries.take(16) {
        hot.accept(&KeyInput::EcdsaPrehash(&digest), RawSignature::Fixed(&raw))
            .unwrap();
    }
    assert!(is_hot(&hot));
    hot
}

pub(crate) fn is_hot(verifier: &Verifier) -> bool {
    format!("{verifier:?}").contains("is_hot: true")
}
