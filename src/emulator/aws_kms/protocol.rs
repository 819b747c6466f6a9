//! The JSON of requests and answers, member by member as in the KMS API reference.
//!
//! Members that have no effect here, such as grant tokens, are ignored.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    error::{Code, KmsError},
    identifier::Scope,
    key::{Key, KeyState, Origin},
    multi_region::MultiRegionConfiguration,
    signing,
};

/// Reads a request body. An empty one counts as an empty object, as in KMS.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, KmsError> {
    let body = match body {
        [] => b"{}",
        body => body,
    };
    // serde would also read a struct from an array, in the order of its members.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(KmsError::new(
            Code::Serialization,
            "A request is a JSON object",
        ));
    }
    serde_json::from_slice(body)
        .map_err(|error| KmsError::new(Code::Serialization, error.to_string()))
}

/// Binary data: base64 with padding (RFC 4648 §4).
pub(super) struct Blob(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD
            .decode(text)
            .map(Self)
            .map_err(de::Error::custom)
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

/// Seconds since 1970-01-01T00:00Z, with milliseconds.
#[derive(Serialize)]
pub(super) struct Timestamp(f64);

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self((since_epoch.as_secs_f64() * 1000.0).round() / 1000.0)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateKeyRequest {
    pub(super) key_spec: Option<String>,
    pub(super) customer_master_key_spec: Option<String>,
    pub(super) key_usage: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) description: Option<String>,
    pub(super) multi_region: Option<bool>,
    pub(super) policy: Option<String>,
    pub(super) custom_key_store_id: Option<String>,
    pub(super) xks_key_id: Option<String>,
    /// Maps instead of structs, which serde would also read from arrays.
    pub(super) tags: Option<Vec<BTreeMap<String, Option<String>>>>,
}

/// The members that name a key in the request of any operation.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AnyKeyRequest {
    pub(super) key_id: Option<String>,
    pub(super) target_key_id: Option<String>,
}

/// The request of every operation that takes a key and nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyRequest {
    pub(super) key_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KmsSignRequest {
    pub(super) key_id: Option<String>,
    pub(super) message: Option<Blob>,
    pub(super) message_type: Option<String>,
    pub(super) signing_algorithm: Option<String>,
    pub(super) dry_run: Option<bool>,
}

/// All members of `Sign`, and the signature.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KmsVerifyRequest {
    #[serde(flatten)]
    pub(super) signed: KmsSignRequest,
    pub(super) signature: Option<Blob>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScheduleKeyDeletionRequest {
    pub(super) key_id: Option<String>,
    pub(super) pending_window_in_days: Option<i64>,
}

/// The request of `ListKeys` and, with a key, of `ListAliases`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRequest {
    pub(super) key_id: Option<String>,
    pub(super) limit: Option<i64>,
    pub(super) marker: Option<String>,
}

/// The request of `CreateAlias`, `UpdateAlias` and, without a target, of `DeleteAlias`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AliasRequest {
    pub(super) alias_name: Option<String>,
    pub(super) target_key_id: Option<String>,
}

impl AliasRequest {
    pub(super) fn new(name: &str, target_key_id: Option<&str>) -> Self {
        Self {
            alias_name: Some(name.to_owned()),
            target_key_id: target_key_id.map(str::to_owned),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyMetadataResponse {
    pub(super) key_metadata: KeyMetadata,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyMetadata {
    #[serde(rename = "AWSAccountId")]
    aws_account_id: String,
    key_id: String,
    arn: String,
    creation_date: Timestamp,
    enabled: bool,
    description: String,
    key_usage: &'static str,
    key_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_date: Option<Timestamp>,
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_model: Option<&'static str>,
    key_manager: &'static str,
    customer_master_key_spec: &'static str,
    key_spec: &'static str,
    signing_algorithms: &'static [&'static str],
    multi_region: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_region_configuration: Option<MultiRegionConfiguration>,
}

impl KeyMetadata {
    pub(super) fn new(scope: &Scope, key: &Key) -> Self {
        let spec = signing::key_spec(key.key_type());
        Self {
            aws_account_id: scope.account_id().to_owned(),
            key_id: key.id.clone(),
            arn: key.arn.clone(),
            creation_date: key.created.into(),
            enabled: key.state == KeyState::Enabled,
            description: key.description.clone(),
            key_usage: SIGN_VERIFY,
            key_state: key_state(key.state),
            deletion_date: match key.state {
                KeyState::PendingDeletion { deletion } => Some(deletion.into()),
                KeyState::Enabled | KeyState::Disabled => None,
            },
            origin: match key.origin {
                Origin::AwsKms => "AWS_KMS",
                Origin::External => "EXTERNAL",
            },
            expiration_model: match key.origin {
                Origin::AwsKms => None,
                Origin::External => Some("KEY_MATERIAL_DOES_NOT_EXPIRE"),
            },
            key_manager: "CUSTOMER",
            customer_master_key_spec: spec,
            key_spec: spec,
            signing_algorithms: signing::algorithms(key.key_type()),
            multi_region: key.family.is_some(),
            multi_region_configuration: (key.family.as_ref())
                .map(|family| family.configuration(&key.arn)),
        }
    }
}

pub(super) const SIGN_VERIFY: &str = "SIGN_VERIFY";

pub(super) fn key_state(state: KeyState) -> &'static str {
    match state {
        KeyState::Enabled => "Enabled",
        KeyState::Disabled => "Disabled",
        KeyState::PendingDeletion { .. } => "PendingDeletion",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetPublicKeyResponse {
    pub(super) key_id: String,
    pub(super) public_key: Blob,
    pub(super) customer_master_key_spec: &'static str,
    pub(super) key_spec: &'static str,
    pub(super) key_usage: &'static str,
    pub(super) signing_algorithms: &'static [&'static str],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SignResponse<'a> {
    pub(super) key_id: String,
    pub(super) signature: Blob,
    pub(super) signing_algorithm: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VerifyResponse<'a> {
    pub(super) key_id: String,
    pub(super) signature_valid: bool,
    pub(super) signing_algorithm: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScheduleKeyDeletionResponse {
    pub(super) key_id: String,
    pub(super) deletion_date: Timestamp,
    pub(super) key_state: &'static str,
    pub(super) pending_window_in_days: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CancelKeyDeletionResponse {
    pub(super) key_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeysResponse {
    pub(super) keys: Vec<KeyListEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
    pub(super) truncated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyListEntry {
    pub(super) key_id: String,
    pub(super) key_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAliasesResponse {
    pub(super) aliases: Vec<AliasListEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
    pub(super) truncated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AliasListEntry {
    pub(super) alias_name: String,
    pub(super) alias_arn: String,
    pub(super) target_key_id: String,
    pub(super) creation_date: Timestamp,
    pub(super) last_updated_date: Timestamp,
}
