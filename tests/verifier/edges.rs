//! Signatures at the edges of the scalars and of the group, against libsecp256k1.

use k256::{
    AffinePoint, FieldBytes, ProjectivePoint, Scalar, Secp256k1,
    elliptic_curve::{PrimeField as _, ops::Reduce, point::DecompressPoint as _},
};
use kms_signer::{KeyInput, KeyType, PublicKey, RawSignature, Signature, Verifier};

use crate::forgery::{Forgery, forge, hot, is_hot};

/// n, the order of secp256k1 (SEC 2 §2.4.1), with `offset` added to its last byte (0x41).
fn order_plus(offset: i8) -> [u8; 32] {
    let mut order: [u8; 32] =
        hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
            .unwrap()
            .try_into()
            .unwrap();
    order[31] = order[31].checked_add_signed(offset).unwrap();
    order
}

fn small(value: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[31] = value;
    bytes
}

/// 31 bytes, as a DER INTEGER would have them, padded.
fn short() -> [u8; 32] {
    let mut bytes = [0x5a; 32];
    bytes[0] = 0;
    bytes
}

fn edge_numbers() -> [[u8; 32]; 9] {
    [
        small(0),
        small(1),
        small(2),
        short(),
        order_plus(-2),
        order_plus(-1),
        order_plus(0),
        order_plus(1),
        [0xff; 32],
    ]
}

fn key(point: ProjectivePoint) -> PublicKey {
    let point = k256::PublicKey::from_affine(point.to_affine()).unwrap();
    PublicKey::from_bytes(KeyType::Secp256k1, &point.to_sec1_bytes()).unwrap()
}

/// libsecp256k1's verdict: the low form, and the one recovery id that gives the key.
fn libsecp256k1(public_key: &PublicKey, (digest, raw): &Forgery) -> Option<([u8; 64], u8)> {
    let context = secp256k1::Secp256k1::new();
    let public_key = secp256k1::PublicKey::from_slice(&public_key.to_bytes()).unwrap();
    let mut signature = secp256k1::ecdsa::Signature::from_compact(raw).ok()?;
    signature.normalize_s();
    let message = secp256k1::Message::from_digest(*digest);
    context
        .verify_ecdsa(message, &signature, &public_key)
        .ok()?;
    let low = signature.serialize_compact();
    let recovery_ids: Vec<u8> = (0..4)
        .filter(|id| {
            let id = secp256k1::ecdsa::RecoveryId::from_u8_masked(*id);
            secp256k1::ecdsa::RecoverableSignature::from_compact(&low, id)
                .and_then(|signature| context.recover_ecdsa(message, &signature))
                == Ok(public_key)
        })
        .collect();
    match recovery_ids[..] {
        [id] => Some((low, id)),
        _ => panic!("{recovery_ids:?}"),
    }
}

/// Compares verdict, returned form and recovery id, cold and hot. Returns the verdict.
#[track_caller]
fn check(hot: &Verifier, forgery: &Forgery) -> bool {
    let (digest, raw) = forgery;
    let expected = libsecp256k1(hot.public_key(), forgery);
    let cold = Verifier::new(hot.public_key().clone());
    assert!(is_hot(hot) && !is_hot(&cold));
    for verifier in [&cold, hot] {
        let ours = verifier.accept(&KeyInput::EcdsaPrehash(digest), RawSignature::Fixed(raw));
        let ours = ours.ok().map(|signature| match &signature {
            Signature::Secp256k1(inner) => (
                signature.as_bytes().try_into().unwrap(),
                inner.recovery_id(),
            ),
            other => panic!("{other:?}"),
        });
        assert_eq!(
            ours,
            expected,
            "digest {}, signature {}, {verifier:?}",
            hex::encode(digest),
            hex::encode(raw)
        );
    }
    expected.is_some()
}

fn edge_keys() -> Vec<PublicKey> {
    [1u64, 2, 3, 7, 0x1234_5678_9abc_def1]
        .into_iter()
        .flat_map(|secret| {
            let point = ProjectivePoint::GENERATOR * Scalar::from(secret);
            [key(point), key(-point)]
        })
        .collect()
}

/// r, s and digest of 0, 1, 2, n − 2, n − 1, n, n + 1, 2²⁵⁶ − 1 and of 31 bytes, in every
/// combination. None of these is a signature by chance, so this checks which are rejected, not why.
#[test]
fn edge_scalars_are_rejected_or_accepted_as_by_libsecp256k1() {
    for public_key in [
        key(ProjectivePoint::GENERATOR),
        key(-ProjectivePoint::GENERATOR),
    ] {
        let hot = hot(&public_key);
        for digest in edge_numbers() {
            for r in edge_numbers() {
                for s in edge_numbers() {
                    check(&hot, &(digest, [r, s].concat().try_into().unwrap()));
                }
            }
        }
    }
}

/// R = a·G + b·Q with a and b at the edges, Q at ±G and elsewhere: u1 = 0 (a digest of zero), and
/// sums that double a point or cancel. Each makes a signature that the verifier must accept.
#[test]
fn signatures_with_edge_multipliers_are_accepted_with_their_recovery_id() {
    let numbers = [
        0u64, 1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257,
    ];
    let numbers = numbers.map(Scalar::from);
    let numbers: Vec<_> = numbers
        .iter()
        .flat_map(|number| [*number, -*number])
        .collect();
    let mut accepted = 0;
    for public_key in edge_keys() {
        let hot = hot(&public_key);
        let point = k256::PublicKey::from_sec1_bytes(&public_key.to_bytes()).unwrap();
        for a in &numbers {
            for b in &numbers {
                if let Some(forgery) = forge::<Secp256k1>(&point.to_projective(), *a, *b) {
                    assert!(check(&hot, &forgery), "a {a:?}, b {b:?}");
                    accepted += 1;
                }
            }
        }
    }
    assert!(accepted > 9_000, "{accepted}");
}

/// With s given, Q = (s·R − z·G)/r verifies by construction: s = 1, and its high twin n − 1;
/// digests of 0, and of n and above. Where x(R) ≥ n, which signing never meets, r is x(R) − n and the recovery id 2 or 3.
#[test]
fn keys_made_for_edge_signatures_accept_them() {
    let mut reduced = Vec::new();
    for digest in edge_numbers() {
        let z = <Scalar as Reduce<FieldBytes>>::reduce(&digest.into());
        for (x, r) in (1..12).flat_map(|offset| {
            [
                (order_plus(offset), small(offset as u8)),
                (small(offset as u8), small(offset as u8)),
            ]
        }) {
            for y_is_odd in [0, 1] {
                let point = AffinePoint::decompress(&x.into(), y_is_odd.into());
                let Some(nonce_point) = point.into_option() else {
                    continue;
                };
                for s in [small(1), small(2), short(), order_plus(-1)] {
                    let s_scalar = Scalar::from_repr(s.into()).unwrap();
                    let r_scalar = Scalar::from_repr(r.into()).unwrap();
                    let made = (ProjectivePoint::from(nonce_point) * s_scalar
                        - ProjectivePoint::GENERATOR * z)
                        * r_scalar.invert().unwrap();
                    let hot = hot(&key(made));
                    let forgery = (digest, [r, s].concat().try_into().unwrap());
                    assert!(check(&hot, &forgery));
                    reduced.push(x != r);
                }
            }
        }
    }
    let count = reduced.iter().filter(|reduced| **reduced).count();
    assert!(
        count > 150 && reduced.len() - count > 150,
        "{count} of {}",
        reduced.len()
    );
}

/// With z = −r·d the nonce point is the identity, whatever s is.
#[test]
fn a_nonce_point_at_infinity_is_rejected() {
    for secret in [1u64, 2, 77] {
        let secret = Scalar::from(secret);
        let hot = hot(&key(ProjectivePoint::GENERATOR * secret));
        for r in [Scalar::ONE, -Scalar::ONE, Scalar::from(12345u64)] {
            let digest = (-(r * secret)).to_repr().into();
            for s in [small(1), short(), order_plus(-1)] {
                let raw = [<[u8; 32]>::from(r.to_repr()), s].concat();
                assert!(!check(&hot, &(digest, raw.try_into().unwrap())));
            }
        }
    }
}

/// The same for P-256, against its curve crate: a = 0, sums that double or cancel, keys ±G, and
/// x(R) ≥ n, for which Q = (s·R − z·G)/r is made.
#[test]
fn p256_edges_are_accepted_in_the_low_form() {
    use p256::{
        AffinePoint, FieldBytes, NistP256, ProjectivePoint, Scalar,
        ecdsa::signature::hazmat::PrehashVerifier as _,
    };
    let check = |point: ProjectivePoint, (digest, raw): &Forgery| {
        let key = p256::PublicKey::from_affine(point.to_affine()).unwrap();
        let public_key = PublicKey::from_bytes(KeyType::P256, &key.to_sec1_bytes()).unwrap();
        let signature = p256::ecdsa::Signature::from_slice(raw).unwrap();
        let verified = p256::ecdsa::VerifyingKey::from(key).verify_prehash(digest, &signature);
        assert!(verified.is_ok(), "the vector is wrong");
        for verifier in [hot(&public_key), Verifier::new(public_key)] {
            let ours = verifier.accept(&KeyInput::EcdsaPrehash(digest), RawSignature::Fixed(raw));
            let low = signature.normalize_s().to_bytes();
            assert_eq!(ours.unwrap().as_bytes(), low.as_slice());
        }
    };

    let numbers = [0u64, 1, 2, 15, 16, 17, 31, 32, 33].map(Scalar::from);
    let mut accepted = 0;
    for secret in [1u64, 2, 7].map(Scalar::from) {
        for point in [secret, -secret].map(|secret| ProjectivePoint::GENERATOR * secret) {
            for (a, b) in numbers.iter().flat_map(|a| numbers.map(|b| (*a, b))) {
                for b in [b, -b] {
                    if let Some(forgery) = forge::<NistP256>(&point, a, b) {
                        check(point, &forgery);
                        accepted += 1;
                    }
                }
            }
        }
    }
    // All except those where b, or the sum, is zero.
    assert!(accepted > 800, "{accepted}");

    // n (SP 800-186 §3.2.1.3) ends in 0x51.
    let mut order: [u8; 32] =
        hex::decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
            .unwrap()
            .try_into()
            .unwrap();
    let mut reduced = 0;
    for offset in 1..20u8 {
        order[31] = 0x51 + offset;
        let point = AffinePoint::decompress(&order.into(), 0.into()).into_option();
        let Some(nonce_point) = point else { continue };
        let digest = [0xff; 32];
        let z = <Scalar as Reduce<FieldBytes>>::reduce(&digest.into());
        let (r, s) = (Scalar::from(u64::from(offset)), Scalar::from(7u64));
        let made = (ProjectivePoint::from(nonce_point) * s - ProjectivePoint::GENERATOR * z)
            * r.invert().unwrap();
        let raw = [small(offset), small(7)].concat().try_into().unwrap();
        check(made, &(digest, raw));
        reduced += 1;
    }
    assert!(reduced > 3, "{reduced}");
}
