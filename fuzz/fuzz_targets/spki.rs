//! A public key that is read is written as the same bytes, and can be read from its bare form.
#![no_main]

use kms_signer::PublicKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|der: &[u8]| {
    match PublicKey::from_spki_der(der) {
        Ok(key) => {
            assert_eq!(key.to_spki_der(), der);
            let again = PublicKey::from_bytes(key.key_type(), &key.to_bytes());
            assert_eq!(again.unwrap(), key);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
