use super::*;

#[test]
fn a_dropped_table_leaves_its_place_to_another() {
    static TWO: Places = Places::new(2);
    let first = TWO.take().unwrap();
    let second = TWO.take().unwrap();
    assert!(TWO.take().is_none());
    drop(first);
    let third = TWO.take().unwrap();
    assert!(TWO.take().is_none());
    drop((second, third));
    assert_eq!(TWO.free.load(Ordering::Relaxed), 2);
}

/// With the table of another key the verdict must change; otherwise the verifier does not use its
/// table.
#[test]
fn a_hot_key_is_verified_with_its_table() {
    use crate::{KeyInput, KeyType, secret_key::SecretKey};
    let digest = [1; 32];
    let secret = SecretKey::from_bytes(KeyType::Secp256k1, &[9; 32]).unwrap();
    let raw = secret.sign(&KeyInput::EcdsaPrehash(&digest), &[]).unwrap();
    let SecretKey::Secp256k1(secret) = secret else {
        unreachable!()
    };
    let verifier = EcdsaVerifier::<k256::Secp256k1>::new(*secret.public_key().as_affine());
    verifier.accept(&digest, RawSignature::Fixed(&raw)).unwrap();

    static ONE: Places = Places::new(1);
    let foreign = Table {
        multiples: Multiples::new(&k256::AffinePoint::generator(), 6),
        _place: ONE.take().unwrap(),
    };
    assert!(verifier.table.set(foreign).is_ok());
    let result = verifier.accept(&digest, RawSignature::Fixed(&raw));
    assert!(
        matches!(result, Err(Error::SignatureNotVerified { .. })),
        "{:?}",
        result.err()
    );
}
