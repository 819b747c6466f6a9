use super::*;
use crate::Signature;

#[tokio::test]
async fn two_signers_of_one_key_agree() {
    for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
        let one = LocalSigner::from_bytes(key_type, &[9; 32]).unwrap();
        let other = LocalSigner::from_bytes(key_type, &[9; 32]).unwrap();
        assert_eq!(one.public_key(), other.public_key());
        let request = SignRequest::blake2b256(b"preimage");
        let signed = one.sign(&request).await.unwrap();
        assert_eq!(
            signed.signature,
            other.sign(&request).await.unwrap().signature
        );
        assert_eq!(signed.signature.key_type(), key_type);
        assert_eq!(signed.receipt.key(), "local");
    }
}

#[test]
fn two_random_keys_differ() {
    let [one, other] = [(); 2].map(|()| LocalSigner::random(KeyType::P256).unwrap());
    assert_ne!(one.public_key(), other.public_key());
}

/// RFC 6979 makes a local signature reproducible; this is the vector of trezor-crypto for key 1.
#[tokio::test]
async fn signatures_are_those_of_rfc_6979() {
    let mut key = [0; 32];
    key[31] = 1;
    let signer = LocalSigner::from_bytes(KeyType::Secp256k1, &key).unwrap();
    let signed = signer
        .sign(&SignRequest::sha256(b"Satoshi Nakamoto"))
        .await
        .unwrap();
    let Signature::Secp256k1(signature) = signed.signature else {
        panic!("expected secp256k1, got {signed:?}");
    };
    assert_eq!(
        hex::encode(signature.r()),
        "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
    );
}

#[test]
fn debug_shows_the_public_key_only() {
    let signer = LocalSigner::from_bytes(KeyType::Secp256k1, &[0xc5; 32]).unwrap();
    let shown = format!("{signer:?}");
    assert!(shown.contains("PublicKey(secp256k1: 04"), "{shown}");
    assert!(
        !shown.contains("c5c5") && !shown.contains("197, 197"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_name_tells_two_signers_apart() {
    let key = || LocalSigner::from_bytes(KeyType::P256, &[9; 32]).unwrap();
    assert_eq!(key().name(), "local");
    for name in ["hot", "cold"] {
        let signer = key().with_name(name);
        let signed = signer.sign(&SignRequest::sha256(b"preimage")).await;
        assert_eq!(signed.unwrap().receipt.key(), name);
        assert_eq!(signer.clone().name(), name);
        assert!(format!("{signer:?}").contains(name));
    }
}
