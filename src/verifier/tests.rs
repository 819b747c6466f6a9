use curve25519_dalek::Scalar as Scalar25519;
use k256::elliptic_curve::{PrimeField as _, ops::Reduce, point::DecompressPoint as _};
use proptest::prelude::*;

use super::*;
use crate::{SignRequest, hazmat, secret_key::SecretKey};

/// n, the order of secp256k1 (SEC 2 §2.4.1).
const SECP256K1_ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
/// n, the order of P-256 (SP 800-186 §3.2.1.3).
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn key(key_type: KeyType, seed: u8) -> (SecretKey, Verifier) {
    let secret = SecretKey::from_bytes(key_type, &[seed; 32]).unwrap();
    let verifier = Verifier::new(secret.public_key().unwrap());
    (secret, verifier)
}

/// Makes the key of `verifier` hot, if its type can be: has it accept enough signatures.
fn heat(secret: &SecretKey, verifier: &Verifier) {
    for count in 0..16 {
        let input = KeyInput::EcdsaPrehash(&[count; 32]);
        if let Ok(raw) = secret.sign(&input, &[]) {
            verifier.accept(&input, RawSignature::Fixed(&raw)).unwrap();
        }
    }
}

/// A new verifier, and one that has accepted many signatures.
fn cold_and_hot(secret: &SecretKey) -> [Verifier; 2] {
    let verifiers = [(); 2].map(|()| Verifier::new(secret.public_key().unwrap()));
    heat(secret, &verifiers[1]);
    assert!(!verifiers[0].scheme.is_hot());
    let can_be_hot = verifiers[0].public_key().key_type() != KeyType::Ed25519;
    assert_eq!(verifiers[1].scheme.is_hot(), can_be_hot);
    verifiers
}

/// Replaces `s` by `n − s`.
fn flip_s(key_type: KeyType, fixed: &[u8; 64]) -> [u8; 64] {
    match key_type {
        KeyType::Secp256k1 => {
            let (r, s) = k256::ecdsa::Signature::from_slice(fixed)
                .unwrap()
                .split_scalars();
            let flipped = k256::ecdsa::Signature::from_scalars(*r, -*s).unwrap();
            flipped.to_bytes().into()
        }
        KeyType::P256 => {
            let (r, s) = p256::ecdsa::Signature::from_slice(fixed)
                .unwrap()
                .split_scalars();
            let flipped = p256::ecdsa::Signature::from_scalars(*r, -*s).unwrap();
            flipped.to_bytes().into()
        }
        KeyType::Ed25519 => panic!("Ed25519 has no two forms"),
    }
}

fn secp256k1(signature: Signature) -> Secp256k1Signature {
    match signature {
        Signature::Secp256k1(signature) => signature,
        other => panic!("expected secp256k1, got {other:?}"),
    }
}

#[track_caller]
fn refused_as(result: Result<Signature>) -> SignatureFault {
    match result {
        Err(Error::InvalidSignature { fault, .. }) => fault,
        other => panic!("expected a rejected signature, got {other:?}"),
    }
}

#[track_caller]
fn not_by_this_key(result: Result<Signature>) {
    assert!(
        matches!(result, Err(Error::SignatureNotVerified { .. })),
        "{result:?}"
    );
}

/// RFC 6979 §A.2.5, P-256, SHA-256, message "sample": its `s` is high.
#[test]
fn p256_vector_of_rfc_6979_is_returned_low() {
    let public_key = PublicKey::from_bytes(
        KeyType::P256,
        &bytes::<33>("0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"),
    )
    .unwrap();
    let r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
    let high_s = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    let low_s = "0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9";
    let request = SignRequest::sha256(b"sample");
    let signature = Verifier::new(public_key)
        .accept(
            &request.input_for(KeyType::P256).unwrap(),
            RawSignature::Fixed(&bytes::<64>(&format!("{r}{high_s}"))),
        )
        .unwrap();
    assert_eq!(hex::encode(signature.as_bytes()), format!("{r}{low_s}"));
}

/// The RFC 6979 vector for secp256k1 that trezor-crypto and others share: key 1, SHA-256.
#[test]
fn secp256k1_vector_of_trezor_crypto_is_accepted() {
    let secret = SecretKey::from_bytes(
        KeyType::Secp256k1,
        &bytes::<32>("0000000000000000000000000000000000000000000000000000000000000001"),
    )
    .unwrap();
    let raw = bytes::<64>(
        "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8\
         2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5",
    );
    let request = SignRequest::sha256(b"Satoshi Nakamoto");
    let input = request.input_for(KeyType::Secp256k1).unwrap();
    let verifier = Verifier::new(secret.public_key().unwrap());
    let signature = verifier.accept(&input, RawSignature::Fixed(&raw)).unwrap();
    assert_eq!(signature.as_bytes(), raw);
    assert_eq!(secret.sign(&input, &[]).unwrap(), raw);
}

#[test]
fn a_key_that_is_warmed_is_hot_from_its_first_signature_on() {
    for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
        let (secret, verifier) = key(key_type, 5);
        let can_be_hot = key_type != KeyType::Ed25519;
        assert_eq!(verifier.warm(), can_be_hot, "{key_type}");
        assert_eq!(verifier.clone().scheme.is_hot(), can_be_hot);
        assert_eq!(verifier.warm(), can_be_hot, "a second time");
        let request = SignRequest::blake2b256(b"preimage");
        let input = request.input_for(key_type).unwrap();
        let raw = secret.sign(&input, &[]).unwrap();
        verifier.accept(&input, RawSignature::Fixed(&raw)).unwrap();
    }
}

#[test]
fn signatures_and_errors_have_the_receipt() {
    let receipt = Receipt::new("C_Sign", "hot-wallet").with_attempts(2);
    for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
        let (secret, verifier) = key(key_type, 6);
        let request = SignRequest::blake2b256(b"preimage");
        let input = request.input_for(key_type).unwrap();
        let mut raw = secret.sign(&input, &[]).unwrap();
        let release = |raw: &[u8]| {
            let raw = RawSignature::Fixed(raw);
            verifier.release(&input, raw, receipt.clone())
        };
        let signed = release(&raw).unwrap();
        assert_eq!(signed.receipt, receipt);
        assert_eq!(signed.signature.public_key(), verifier.public_key());
        let cut = release(&raw[1..]).unwrap_err();
        assert!(matches!(cut, Error::InvalidSignature { .. }), "{cut}");
        raw[0] ^= 1;
        let forged = release(&raw).unwrap_err();
        for error in [cut, forged] {
            assert_eq!(error.receipt(), Some(&receipt), "{error}");
        }
    }
}

#[test]
fn a_key_is_hot_from_its_sixteenth_signature_on() {
    for key_type in [KeyType::Secp256k1, KeyType::P256] {
        let (secret, verifier) = key(key_type, 9);
        let clone = verifier.clone();
        let input = KeyInput::EcdsaPrehash(&[1; 32]);
        let raw = secret.sign(&input, &[]).unwrap();
        for count in 1..=16 {
            assert!(!verifier.scheme.is_hot(), "{key_type}: after {}", count - 1);
            verifier.accept(&input, RawSignature::Fixed(&raw)).unwrap();
        }
        assert!(verifier.scheme.is_hot());
        assert!(clone.scheme.is_hot(), "a clone shares the table");
        assert!(format!("{verifier:?}").ends_with("is_hot: true }"));
        let (_, other) = key(key_type, 9);
        assert!(!other.scheme.is_hot(), "a table belongs to one verifier");
    }
}

/// All threads accept the sixteenth signature at about the same time, and all of them succeed.
#[test]
fn threads_that_share_a_verifier_agree() {
    use std::{sync::Barrier, thread};
    let (secret, verifier) = key(KeyType::P256, 9);
    let input = KeyInput::EcdsaPrehash(&[1; 32]);
    let raw = secret.sign(&input, &[]).unwrap();
    let signature = verifier
        .clone()
        .accept(&input, RawSignature::Fixed(&raw))
        .unwrap();
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..32 {
                    let accepted = verifier.accept(&input, RawSignature::Fixed(&raw));
                    assert_eq!(accepted.unwrap(), signature);
                }
            });
        }
    });
    assert!(verifier.scheme.is_hot());
}

/// Otherwise a stranger could make this process build tables by sending signatures that do not
/// verify.
#[test]
fn rejected_signatures_do_not_make_a_key_hot() {
    for key_type in [KeyType::Secp256k1, KeyType::P256] {
        let (secret, verifier) = key(key_type, 9);
        for count in 0..40 {
            let input = KeyInput::EcdsaPrehash(&[count; 32]);
            let raw = secret.sign(&input, &[]).unwrap();
            let other = KeyInput::EcdsaPrehash(&[0xff; 32]);
            not_by_this_key(verifier.accept(&other, RawSignature::Fixed(&raw)));
            let _ = verifier.accept(&input, RawSignature::Fixed(&[0; 64]));
        }
        assert!(!verifier.scheme.is_hot(), "{key_type}");
    }
}

#[test]
fn the_parts_of_a_signature_are_those_of_its_bytes() {
    for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
        let (secret, verifier) = key(key_type, 9);
        let input = match key_type {
            KeyType::Ed25519 => KeyInput::Ed25519Message(b"message"),
            _ => KeyInput::EcdsaPrehash(&[1; 32]),
        };
        let raw = secret.sign(&input, &[]).unwrap();
        let signature = verifier.accept(&input, RawSignature::Fixed(&raw)).unwrap();
        assert_eq!(signature.key_type(), key_type);
        let bytes = signature.as_bytes();
        let mut found = 0;
        if let Some(signature) = signature.as_secp256k1() {
            assert_eq!([*signature.r(), *signature.s()].concat(), bytes);
            assert_eq!(key_type, KeyType::Secp256k1);
            found += 1;
        }
        if let Some(signature) = signature.as_p256() {
            assert_eq!([*signature.r(), *signature.s()].concat(), bytes);
            assert_eq!(key_type, KeyType::P256);
            found += 1;
        }
        if let Some(signature) = signature.as_ed25519() {
            assert_eq!(*signature.as_bytes(), bytes);
            assert_eq!(key_type, KeyType::Ed25519);
            found += 1;
        }
        assert_eq!(found, 1, "{key_type}");
    }
}

/// Made with OpenSSL 3.0.19, which signs as KMS does: any nonce, either form of `s`.
///
/// ```text
/// openssl ecparam -name secp256k1 -genkey -noout -out k.pem
/// openssl ec -in k.pem -pubout -outform DER
/// printf 'kms-signer test vector' | openssl dgst -sha256 -binary > digest
/// openssl pkeyutl -sign -inkey k.pem -in digest
/// ```
///
/// The recovery ids and the low `s` are those that eth-keys (PyPI) and cryptography (PyPI) give.
#[test]
fn signatures_of_openssl_have_the_r_s_and_v_that_eth_keys_gives() {
    let spki = bytes::<88>(
        "3056301006072a8648ce3d020106052b8104000a0342000458164ed32025bc612716810e64def6183aa7c651\
         d268031c491c6af1a6f49e67dc65c7b24e7fa6a35a2676b5fd4c80c5f68cc44d13e2ac0c47dc7a680c975752",
    );
    let verifier = Verifier::new(PublicKey::from_spki_der(&spki).unwrap());
    let request = SignRequest::sha256(b"kms-signer test vector");
    let input = request.input_for(KeyType::Secp256k1).unwrap();
    let cases = [
        // s high, y even
        (
            "3046022100b522286fcf92a6cd903511bf9711e6a0eab0bd964f45ae58c7acb6f7a45e0a2e\
             022100ae45befd8e838b17a10b93f371d90c9f8a5562fe0bde4987628533f706223df0",
            "b522286fcf92a6cd903511bf9711e6a0eab0bd964f45ae58c7acb6f7a45e0a2e",
            "51ba4102717c74e85ef46c0c8e26f35f305979e8a36a56b45d4d2a95ca140351",
            0,
        ),
        // s high, y odd
        (
            "30450220384bae479d1969458d995d0192080f9ca705da719b00918a252e234918dc4eaf\
             022100b6da684266d7ad02f985ef4e177b43d8711d965db7f254384231580325bab590",
            "384bae479d1969458d995d0192080f9ca705da719b00918a252e234918dc4eaf",
            "492597bd992852fd067a10b1e884bc2649914688f7564c037da10689aa7b8bb1",
            1,
        ),
        // s low, y even
        (
            "3045022100bc1bb6ab83ed0581da8e3b60e71f88e9cf94749f47d56007d35d906bc98587be\
             02207e5ad39d6891c15846bfab0d2723436ce62b314ceae60eb69e3399a76529dce9",
            "bc1bb6ab83ed0581da8e3b60e71f88e9cf94749f47d56007d35d906bc98587be",
            "7e5ad39d6891c15846bfab0d2723436ce62b314ceae60eb69e3399a76529dce9",
            0,
        ),
        // s low, y odd
        (
            "30440220387759d7eff54e0d727e546bb258fcdab8053f71f1302c9680d11f18718602e7\
             02200b470c466764eee3bd173624575641c293cae1c3d316ad814a77e7f151c920bc",
            "387759d7eff54e0d727e546bb258fcdab8053f71f1302c9680d11f18718602e7",
            "0b470c466764eee3bd173624575641c293cae1c3d316ad814a77e7f151c920bc",
            1,
        ),
        // r and s of 31 bytes
        (
            "30430220008c6ac5da4c5e64d23ecd13384c93d9c46c811553d418b935976a732006374a\
             021f713119f8cb1a912057245d32a8557ec0d6a4830a1b295a9c1df0e69cc5a9ab",
            "008c6ac5da4c5e64d23ecd13384c93d9c46c811553d418b935976a732006374a",
            "00713119f8cb1a912057245d32a8557ec0d6a4830a1b295a9c1df0e69cc5a9ab",
            0,
        ),
    ];
    for (der, r, s, v) in cases {
        let der = hex::decode(der).unwrap();
        let signature = verifier.accept(&input, RawSignature::Der(&der)).unwrap();
        let signature = secp256k1(signature);
        assert_eq!(hex::encode(signature.r()), r);
        assert_eq!(hex::encode(signature.s()), s);
        assert_eq!(signature.recovery_id(), v, "r {r}");
        assert_eq!(signature.y_is_odd(), v == 1, "r {r}");
        assert!(!signature.x_is_reduced(), "r {r}");
    }
}

/// RFC 8032 §7.1, TEST 2.
#[test]
fn ed25519_vector_of_rfc_8032_is_accepted() {
    let public_key = PublicKey::from_bytes(
        KeyType::Ed25519,
        &bytes::<32>("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
    )
    .unwrap();
    let raw = bytes::<64>(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    let verifier = Verifier::new(public_key);
    let input = KeyInput::Ed25519Message(&[0x72]);
    let signature = verifier.accept(&input, RawSignature::Fixed(&raw)).unwrap();
    assert_eq!(signature.as_bytes(), raw);
    not_by_this_key(verifier.accept(
        &KeyInput::Ed25519Message(&[0x73]),
        RawSignature::Fixed(&raw),
    ));
}

/// The Ed25519 group order, little-endian: adding it to S gives the malleated twin.
#[test]
fn ed25519_rejects_the_malleated_twin() {
    let (secret, verifier) = key(KeyType::Ed25519, 3);
    let input = KeyInput::Ed25519Message(b"message");
    let mut raw = secret.sign(&input, &[]).unwrap();
    verifier.accept(&input, RawSignature::Fixed(&raw)).unwrap();
    let order: [u8; 32] = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0u16;
    for (byte, add) in raw[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    not_by_this_key(verifier.accept(&input, RawSignature::Fixed(&raw)));
}

/// With R = identity and S = k·a the verification equation holds, but such a signature commits to
/// no nonce. Libraries disagree about it, so the verifier rejects it.
#[test]
fn ed25519_rejects_a_nonce_point_of_small_order() {
    use ed25519_dalek::Verifier as _;
    use sha2::Digest as _;
    let secret = ed25519_dalek::SigningKey::from_bytes(&[3; 32]);
    let public_key = secret.verifying_key();
    let identity = bytes::<32>("0100000000000000000000000000000000000000000000000000000000000000");
    let mut hash = sha2::Sha512::new();
    hash.update(identity);
    hash.update(public_key.as_bytes());
    hash.update(b"message");
    let k = Scalar25519::from_bytes_mod_order_wide(&hash.finalize().into());
    let s = k * secret.to_scalar();
    let raw: [u8; 64] = [identity, s.to_bytes()].concat().try_into().unwrap();
    let signature = ed25519_dalek::Signature::from_bytes(&raw);
    assert!(
        public_key.verify(b"message", &signature).is_ok(),
        "the vector is wrong"
    );

    let pinned = PublicKey::from_bytes(KeyType::Ed25519, public_key.as_bytes()).unwrap();
    let input = KeyInput::Ed25519Message(b"message");
    not_by_this_key(Verifier::new(pinned).accept(&input, RawSignature::Fixed(&raw)));
}

#[test]
fn scalars_outside_the_group_are_rejected() {
    for (key_type, order) in [
        (KeyType::Secp256k1, SECP256K1_ORDER),
        (KeyType::P256, P256_ORDER),
    ] {
        let (_, verifier) = key(key_type, 5);
        let one = format!("{}01", "00".repeat(31));
        let zero = "00".repeat(32);
        let above = format!("{}2", &order[..63]);
        let most = "ff".repeat(32);
        let cases = [
            (&zero, &one, SignatureFault::Zero),
            (&one, &zero, SignatureFault::Zero),
            (&order.to_owned(), &one, SignatureFault::OutOfRange),
            (&one, &order.to_owned(), SignatureFault::OutOfRange),
            (&above, &one, SignatureFault::OutOfRange),
            (&one, &most, SignatureFault::OutOfRange),
        ];
        for (r, s, fault) in cases {
            let raw = bytes::<64>(&format!("{r}{s}"));
            let result =
                verifier.accept(&KeyInput::EcdsaPrehash(&[9; 32]), RawSignature::Fixed(&raw));
            assert_eq!(refused_as(result), fault, "{key_type}: r {r}, s {s}");
        }
    }
}

/// R with x ≥ n cannot be found by signing, so the key is made for the signature:
/// Q = (s·R − z·G)/r verifies it by construction.
#[test]
fn a_reduced_x_gives_recovery_ids_2_and_3() {
    let order = bytes::<32>(SECP256K1_ORDER);
    let digest = [0x42; 32];
    let mut seen = Vec::new();
    for small in 1u8..60 {
        // x = n + small, which is below p; about every second one is on the curve.
        let mut x = order;
        x[31] += small;
        let mut r = [0; 32];
        r[31] = small;
        for y_is_odd in [false, true] {
            let point =
                k256::AffinePoint::decompress(&x.into(), u8::from(y_is_odd).into()).into_option();
            let Some(nonce_point) = point else { continue };
            let z = <k256::Scalar as Reduce<k256::FieldBytes>>::reduce(&digest.into());
            let r_scalar = k256::Scalar::from_repr(r.into()).unwrap();
            let s = k256::Scalar::from(7u64);
            let public_point = (k256::ProjectivePoint::from(nonce_point) * s
                - k256::ProjectivePoint::GENERATOR * z)
                * r_scalar.invert().unwrap();
            let public_key = k256::PublicKey::from_affine(public_point.to_affine()).unwrap();
            let public_key =
                PublicKey::from_bytes(KeyType::Secp256k1, &public_key.to_sec1_bytes()).unwrap();

            let raw = [r, s.to_repr().into()].concat();
            let signature = Verifier::new(public_key)
                .accept(&KeyInput::EcdsaPrehash(&digest), RawSignature::Fixed(&raw))
                .map(secp256k1)
                .unwrap();
            assert!(signature.x_is_reduced());
            assert_eq!(signature.recovery_id(), 2 + u8::from(y_is_odd));
            seen.push(signature.recovery_id());
        }
    }
    assert!(seen.contains(&2) && seen.contains(&3), "{seen:?}");
}

/// With z = −r·d the nonce point is the identity for every s.
#[test]
fn the_identity_as_nonce_point_is_rejected() {
    let (secret, verifier) = key(KeyType::Secp256k1, 5);
    let SecretKey::Secp256k1(secret) = secret else {
        unreachable!()
    };
    let r = k256::Scalar::from(12345u64);
    let z: [u8; 32] = (-(r * *secret.to_nonzero_scalar())).to_repr().into();
    let raw = [<[u8; 32]>::from(r.to_repr()), [1; 32]].concat();
    not_by_this_key(verifier.accept(&KeyInput::EcdsaPrehash(&z), RawSignature::Fixed(&raw)));
}

#[test]
fn inputs_and_encodings_of_other_schemes_are_rejected() {
    let (_, ecdsa) = key(KeyType::Secp256k1, 5);
    let (_, ed25519) = key(KeyType::Ed25519, 5);
    let raw = [1; 64];
    let (_, p256) = key(KeyType::P256, 5);
    let [message, prehash] = [
        KeyInput::Ed25519Message(b"m"),
        KeyInput::EcdsaPrehash(&[1; 32]),
    ];
    for (verifier, input, name) in [
        (&ecdsa, &message, RequestKind::Message),
        (&p256, &message, RequestKind::Message),
        (&ed25519, &prehash, RequestKind::Prehashed),
    ] {
        match verifier.accept(input, RawSignature::Fixed(&raw)) {
            Err(Error::UnsupportedRequest { request, key_type }) => {
                assert_eq!(
                    (request, key_type),
                    (name, verifier.public_key().key_type())
                );
            }
            other => panic!("{other:?}"),
        }
    }
    let message = KeyInput::Ed25519Message(b"m");
    assert_eq!(
        refused_as(ed25519.accept(&message, RawSignature::Der(&raw))),
        SignatureFault::WrongEncoding
    );
    assert_eq!(
        refused_as(ed25519.accept(&message, RawSignature::Fixed(&raw[..63]))),
        SignatureFault::Length
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// For any key and digest, and for either form of `s`: verdict, low-s and recovery id agree
    /// with the curve crate's trial recovery.
    #[test]
    fn secp256k1_agrees_with_trial_recovery(seed in 1u8..255, digest: [u8; 32], entropy: [u8; 8]) {
        let (secret, _) = key(KeyType::Secp256k1, seed);
        let input = KeyInput::EcdsaPrehash(&digest);
        let low = secret.sign(&input, &entropy).unwrap();
        let high = flip_s(KeyType::Secp256k1, &low);

        let [cold, hot] = cold_and_hot(&secret);
        let signature = secp256k1(cold.accept(&input, RawSignature::Fixed(&low)).unwrap());
        for (verifier, raw) in [(&cold, &high), (&hot, &low), (&hot, &high)] {
            let same = verifier.accept(&input, RawSignature::Fixed(raw)).unwrap();
            prop_assert_eq!(&signature, &secp256k1(same));
        }

        let theirs = k256::ecdsa::Signature::from_slice(&low).unwrap();
        prop_assert_eq!(*signature.r(), <[u8; 32]>::from(theirs.r().to_repr()));
        let SecretKey::Secp256k1(secret) = &secret else { unreachable!() };
        let expected = k256::ecdsa::VerifyingKey::from(secret.public_key());
        let recovery_id = k256::ecdsa::RecoveryId::from_byte(signature.recovery_id()).unwrap();
        let recovered = k256::ecdsa::VerifyingKey::recover_from_prehash(
            &digest,
            &k256::ecdsa::Signature::from_scalars(*signature.r(), *signature.s()).unwrap(),
            recovery_id,
        );
        prop_assert_eq!(recovered.unwrap(), expected);
    }

    #[test]
    fn p256_accepts_both_forms_and_returns_the_low_one(seed in 1u8..255, digest: [u8; 32]) {
        let (secret, _) = key(KeyType::P256, seed);
        let input = KeyInput::EcdsaPrehash(&digest);
        let one = secret.sign(&input, &[]).unwrap();
        let other = flip_s(KeyType::P256, &one);
        let [cold, hot] = cold_and_hot(&secret);
        let released = cold.accept(&input, RawSignature::Fixed(&one)).unwrap();
        for (verifier, raw) in [(&cold, &other), (&hot, &one), (&hot, &other)] {
            prop_assert_eq!(&released, &verifier.accept(&input, RawSignature::Fixed(raw)).unwrap());
        }
        let released = p256::ecdsa::Signature::from_slice(released.as_bytes()).unwrap();
        prop_assert_eq!(released, released.normalize_s());
    }

    /// Any bytes: an error, never a panic.
    #[test]
    fn arbitrary_bytes_are_rejected(
        key_type in prop_oneof![
            Just(KeyType::Secp256k1), Just(KeyType::P256), Just(KeyType::Ed25519)
        ],
        raw: Vec<u8>,
        fixed in any::<[[u8; 32]; 2]>(),
    ) {
        let (_, verifier) = key(key_type, 21);
        let input = match key_type {
            KeyType::Ed25519 => KeyInput::Ed25519Message(b"message"),
            _ => KeyInput::EcdsaPrehash(&[1; 32]),
        };
        let fixed = fixed.concat();
        for raw in [RawSignature::Der(&raw), RawSignature::Fixed(&raw), RawSignature::Fixed(&fixed)] {
            prop_assert!(verifier.accept(&input, raw).is_err());
        }
    }

    /// Another key, another digest, or one changed bit: never accepted.
    #[test]
    fn changed_keys_digests_and_signatures_are_rejected(
        key_type in prop_oneof![
            Just(KeyType::Secp256k1), Just(KeyType::P256), Just(KeyType::Ed25519)
        ],
        digest: [u8; 32],
        bit in 0usize..512,
    ) {
        let (secret, _) = key(key_type, 21);
        let (_, stranger) = key(key_type, 22);
        let mut changed = digest;
        changed[bit % 32] ^= 1;
        let requests = [digest, changed].map(hazmat::prehashed);
        let messages = [digest, changed].map(hazmat::prehashed_message);
        let [input, other_input] = match key_type {
            KeyType::Ed25519 => &messages,
            _ => &requests,
        }
        .each_ref()
        .map(|request| request.input_for(key_type).unwrap());
        let raw = secret.sign(&input, &[]).unwrap();
        let mut changed_raw = raw;
        changed_raw[bit / 8] ^= 1 << (bit % 8);

        not_by_this_key(stranger.accept(&input, RawSignature::Fixed(&raw)));
        for verifier in cold_and_hot(&secret) {
            verifier.accept(&input, RawSignature::Fixed(&raw)).unwrap();
            not_by_this_key(verifier.accept(&other_input, RawSignature::Fixed(&raw)));
            prop_assert!(verifier.accept(&input, RawSignature::Fixed(&changed_raw)).is_err());
        }
    }
}
