//! The decoder reads a signature as DER exactly when the curve crate does.
#![no_main]

use std::sync::LazyLock;

use kms_signer::{
    Error, KeyInput, KeyType, RawSignature, Signer as _, Verifier, provider::local::LocalSigner,
};
use libfuzzer_sys::fuzz_target;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let signer = LocalSigner::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap();
    Verifier::new(signer.public_key().clone())
});

fuzz_target!(|der: &[u8]| {
    let is_read = match VERIFIER.accept(&KeyInput::EcdsaPrehash(&[1; 32]), RawSignature::Der(der)) {
        Ok(_) | Err(Error::SignatureNotVerified { .. }) => true,
        Err(Error::InvalidSignature { .. }) => false,
        Err(other) => panic!("{other}"),
    };
    assert_eq!(is_read, k256::ecdsa::Signature::from_der(der).is_ok());
});
