//! How many keys have tables at a time. This is the only test of its own binary, because all tests
//! of a process share the places for tables.

use kms_signer::{
    KeyInput, KeyType, RawSignature, Signer as _, Verifier, hazmat, provider::local::LocalSigner,
};

/// The limits that the documentation of `Verifier` states.
const HOT_AFTER: usize = 16;
const MAX_TABLES: usize = 64;
const DIGEST: [u8; 32] = [1; 32];

fn is_hot(verifier: &Verifier) -> bool {
    format!("{verifier:?}").contains("is_hot: true")
}

#[tokio::test]
async fn a_process_limits_its_tables() {
    let signer = LocalSigner::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap();
    let signed = signer.sign(&hazmat::prehashed(DIGEST)).await.unwrap();
    let raw = signed.signature.as_bytes();
    let accept = |verifier: &Verifier| {
        verifier
            .accept(&KeyInput::EcdsaPrehash(&DIGEST), RawSignature::Fixed(raw))
            .unwrap()
    };
    let heated = || {
        let verifier = Verifier::new(signer.public_key().clone());
        for _ in 0..HOT_AFTER {
            accept(&verifier);
        }
        verifier
    };

    let mut hot: Vec<Verifier> = (0..MAX_TABLES).map(|_| heated()).collect();
    assert!(hot.iter().all(is_hot));
    let late = heated();
    assert!(!is_hot(&late), "more than {MAX_TABLES} tables");
    assert!(!late.warm(), "warming took another key's place");
    assert_eq!(
        accept(&late),
        signed.signature,
        "a verifier without a table still verifies"
    );

    // A place that becomes free is taken with the next sixteen signatures, and only once.
    drop(hot.pop());
    for _ in 0..HOT_AFTER {
        accept(&late);
    }
    assert!(is_hot(&late));
    assert!(!is_hot(&heated()), "a place was taken twice");

    drop(hot.pop());
    let warm = Verifier::new(signer.public_key().clone());
    assert!(warm.warm() && warm.warm() && is_hot(&warm));
    assert!(!is_hot(&heated()), "a warm key got a second place");
}
