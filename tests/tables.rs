//! How many keys have tables at a time. A test binary of its own, and in it the only test, as the
//! places are the process's.

use kms_signer::{
    KeyInput, KeyType, RawSignature, Signer as _, Verifier, hazmat, provider::local::LocalSigner,
};

/// The figures that the documentation of `Verifier` gives.
const HOT_AFTER: usize = 16;
const MAX_TABLES: usize = 64;
const DIGEST: [u8; 32] = [1; 32];

fn is_hot(verifier: &Verifier) -> bool {
    format!("{verifier:?}").contains("is_hot: true")
}

#[tokio::test]
async fn a_process_has_so_many_tables_and_no_more() {
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
    assert!(!late.warm(), "warming takes no place from another");
    assert_eq!(accept(&late), signed.signature, "verified all the same");

    // A place that is given back is found with the next sixteen signatures, and by one only.
    drop(hot.pop());
    for _ in 0..HOT_AFTER {
        accept(&late);
    }
    assert!(is_hot(&late));
    assert!(!is_hot(&heated()), "a place was taken twice");

    drop(hot.pop());
    let warm = Verifier::new(signer.public_key().clone());
    assert!(warm.warm() && warm.warm() && is_hot(&warm));
    assert!(!is_hot(&heated()), "what is warm has no place");
}
