//! What `CreateKey` accepts: which specs, usages and origins go together.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    constraints::Violations,
    error::{Code, KmsError},
    key_store::NewKey,
    protocol::{CreateKeyRequest, SIGN_VERIFY},
    signing,
};
use crate::KeyType;

/// The first 13 are those of the deprecated member.
const KEY_SPECS: [&str; 20] = [
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "SYMMETRIC_DEFAULT",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "ECC_NIST_EDWARDS25519",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
];

/// The deprecated member accepts no newer specs.
const CUSTOMER_MASTER_KEY_SPECS: &[&str] = KEY_SPECS.split_at(13).0;

const KEY_USAGES: [&str; 5] = [
    SIGN_VERIFY,
    "ENCRYPT_DECRYPT",
    "GENERATE_VERIFY_MAC",
    "KEY_AGREEMENT",
    "ENCAPSULATE_DECAPSULATE",
];

const ORIGINS: [&str; 4] = ["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"];

/// Reads which key to make. Rejects what KMS rejects, and what this emulator lacks.
pub(super) fn read(request: CreateKeyRequest) -> Result<NewKey, KmsError> {
    let mut violations = Violations::default();
    for (member, value, allowed) in [
        ("keySpec", &request.key_spec, &KEY_SPECS[..]),
        (
            "customerMasterKeySpec",
            &request.customer_master_key_spec,
            CUSTOMER_MASTER_KEY_SPECS,
        ),
        ("keyUsage", &request.key_usage, &KEY_USAGES[..]),
        ("origin", &request.origin, &ORIGINS[..]),
    ] {
        if let Some(value) = value {
            violations.one_of(member, value, allowed);
        }
    }
    let description = request.description.unwrap_or_default();
    violations.length("description", &description, 0..=8192);
    if let Some(policy) = &request.policy {
        violations.length("policy", policy, 1..=131_072);
    }
    let mut tag_keys = BTreeSet::new();
    let mut tag_key_repeats = false;
    for mut tag in request.tags.unwrap_or_default() {
        let mut member = |name| tag.remove(name).flatten();
        let key = violations.required("tags.member.tagKey", member("TagKey"));
        let value = violations.required("tags.member.tagValue", member("TagValue"));
        violations.length("tags.member.tagKey", &key, 1..=128);
        violations.length("tags.member.tagValue", &value, 0..=256);
        tag_key_repeats |= !tag_keys.insert(key);
    }
    violations.finish()?;
    if tag_key_repeats {
        return Err(KmsError::new(Code::Tag, "Duplicate tag keys"));
    }
    if let Some(policy) = &request.policy {
        check_policy(policy)?;
    }
    for (member, value) in [
        ("CustomKeyStoreId", &request.custom_key_store_id),
        ("XksKeyId", &request.xks_key_id),
    ] {
        if value.is_some() {
            return Err(not_emulated(member));
        }
    }

    let spec = match (request.key_spec, request.customer_master_key_spec) {
        (Some(_), Some(_)) => {
            return Err(KmsError::new(
                Code::Validation,
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. \
                 CustomerMasterKeySpec is deprecated.",
            ));
        }
        (Some(spec), None) | (None, Some(spec)) => spec,
        (None, None) => "SYMMETRIC_DEFAULT".to_owned(),
    };
    check_usage(&spec, request.key_usage.as_deref())?;
    let key_type = [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519]
        .into_iter()
        .find(|key_type| signing::key_spec(*key_type) == spec)
        .ok_or_else(|| not_emulated(&format!("KeySpec {spec}")))?;
    match request.origin.as_deref() {
        None | Some("AWS_KMS") => Ok(NewKey {
            key_type,
            description,
            multi_region: request.multi_region.unwrap_or_default(),
        }),
        Some(origin) => Err(not_emulated(&format!("Origin {origin}"))),
    }
}

/// The emulator does not follow policies, but rejects those that KMS cannot read.
fn check_policy(policy: &str) -> Result<(), KmsError> {
    match serde_json::from_str::<Map<String, Value>>(policy) {
        Ok(_) => Ok(()),
        Err(error) => Err(KmsError::new(
            Code::MalformedPolicyDocument,
            format!("The policy is not a JSON object: {error}"),
        )),
    }
}

/// The pairs of spec and usage that KMS allows, for the specs of this emulator.
fn check_usage(spec: &str, usage: Option<&str>) -> Result<(), KmsError> {
    match (spec, usage) {
        ("SYMMETRIC_DEFAULT", None) => Ok(()),
        (_, None) => Err(KmsError::new(
            Code::Validation,
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption \
             keys.",
        )),
        ("ECC_NIST_P256", Some("KEY_AGREEMENT")) => Err(not_emulated("KeyUsage KEY_AGREEMENT")),
        ("ECC_SECG_P256K1" | "ECC_NIST_P256" | "ECC_NIST_EDWARDS25519", Some(usage))
            if usage != SIGN_VERIFY =>
        {
            Err(KmsError::new(
                Code::Validation,
                format!("KeyUsage {usage} is not compatible with KeySpec {spec}"),
            ))
        }
        _ => Ok(()),
    }
}

fn not_emulated(what: &str) -> KmsError {
    KmsError::new(
        Code::UnsupportedOperation,
        format!("{what} is not emulated"),
    )
}

#[cfg(test)]
mod tests;
