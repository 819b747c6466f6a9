//! The operations: from the JSON of a request to the JSON of its answer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::{
    constraints::Violations,
    create_key,
    error::{Code, EmulatorError, KmsError},
    identifier::Accepts::KeysAndAliases,
    keys::{DEFAULT_WINDOW_DAYS, KeyStore},
    protocol::{
        AliasListEntry, AliasRequest, Blob, CancelKeyDeletionResponse, CreateKeyRequest,
        GetPublicKeyResponse, KeyListEntry, KeyMetadata, KeyMetadataResponse, KeyRequest,
        ListAliasesResponse, ListKeysResponse, ListRequest, SIGN_VERIFY,
        ScheduleKeyDeletionRequest, ScheduleKeyDeletionResponse, SignRequest, SignResponse,
        VerifyResponse, key_state, parse,
    },
    signing::{self, Chance, Input},
};
use crate::KeyType;

pub(super) const OPERATIONS: [&str; 14] = [
    "CancelKeyDeletion",
    "CreateAlias",
    "CreateKey",
    "DeleteAlias",
    "DescribeKey",
    "DisableKey",
    "EnableKey",
    "GetPublicKey",
    "ListAliases",
    "ListKeys",
    "ScheduleKeyDeletion",
    "Sign",
    "UpdateAlias",
    "Verify",
];

/// The body of a successful answer: JSON, or nothing for operations without a result.
type Answer = Result<Vec<u8>, KmsError>;

/// Answers one request.
pub(super) fn call(store: &Mutex<KeyStore>, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "CancelKeyDeletion" => cancel_key_deletion(lock(store), parse(body)?),
        "CreateAlias" => create_alias(lock(store), parse(body)?),
        "CreateKey" => create_key(lock(store), parse(body)?),
        "DeleteAlias" => delete_alias(lock(store), parse(body)?),
        "DescribeKey" => describe_key(lock(store), parse(body)?),
        "DisableKey" => set_enabled(lock(store), parse(body)?, false),
        "EnableKey" => set_enabled(lock(store), parse(body)?, true),
        "GetPublicKey" => get_public_key(lock(store), parse(body)?),
        "ListAliases" => list_aliases(lock(store), parse(body)?),
        "ListKeys" => list_keys(lock(store), parse(body)?),
        "ScheduleKeyDeletion" => schedule_key_deletion(lock(store), parse(body)?),
        "Sign" => sign(store, parse(body)?),
        "UpdateAlias" => update_alias(lock(store), parse(body)?),
        "Verify" => verify(store, parse(body)?),
        _ => Err(KmsError::new(
            Code::UnknownOperation,
            format!("{operation} is not emulated"),
        )),
    }
}

/// A panic elsewhere leaves no change half done, so the store stays usable after one.
pub(super) fn lock(store: &Mutex<KeyStore>) -> MutexGuard<'_, KeyStore> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

fn create_key(mut store: MutexGuard<'_, KeyStore>, request: CreateKeyRequest) -> Answer {
    let new = create_key::read(request)?;
    let id = match store.create(new) {
        Ok(key) => key.id.clone(),
        Err(EmulatorError::Refused { message, .. }) => {
            return Err(KmsError::new(Code::KmsInternal, message));
        }
        Err(EmulatorError::Key { source }) => {
            return Err(KmsError::new(Code::KmsInternal, source.to_string()));
        }
    };
    metadata(&store, "CreateKey", &id)
}

fn describe_key(store: MutexGuard<'_, KeyStore>, request: KeyRequest) -> Answer {
    metadata(&store, "DescribeKey", &key_id_of(request)?)
}

fn metadata(store: &KeyStore, operation: &str, key_id: &str) -> Answer {
    let key = store.find(operation, KeysAndAliases, key_id)?;
    json(&KeyMetadataResponse {
        key_metadata: KeyMetadata::new(&store.scope, key),
    })
}

fn get_public_key(store: MutexGuard<'_, KeyStore>, request: KeyRequest) -> Answer {
    let key = store.find("GetPublicKey", KeysAndAliases, &key_id_of(request)?)?;
    key.require_enabled()?;
    let spec = signing::key_spec(key.key_type());
    json(&GetPublicKeyResponse {
        key_id: key.arn.clone(),
        public_key: Blob(key.material.spki_der.clone()),
        customer_master_key_spec: spec,
        key_spec: spec,
        key_usage: SIGN_VERIFY,
        signing_algorithms: signing::algorithms(key.key_type()),
    })
}

fn sign(store: &Mutex<KeyStore>, request: SignRequest) -> Answer {
    let request = SigningRequest::new(request, false)?;
    let (arn, material, chance) = {
        let mut store = lock(store);
        let key = store.find_mut("Sign", KeysAndAliases, &request.key_id)?;
        key.require_enabled()?;
        (
            key.arn.clone(),
            key.material.clone(),
            Chance::draw(&mut key.random),
        )
    };
    let input = request.input(material.verifier.public_key().key_type())?;
    request.stop_dry_run()?;
    let signature = signing::sign(&material, &input, &chance)?;
    json(&SignResponse {
        key_id: arn,
        signature: Blob(signature),
        signing_algorithm: request.algorithm,
    })
}

fn verify(store: &Mutex<KeyStore>, request: SignRequest) -> Answer {
    let request = SigningRequest::new(request, true)?;
    let (arn, material) = {
        let store = lock(store);
        let key = store.find("Verify", KeysAndAliases, &request.key_id)?;
        key.require_enabled()?;
        (key.arn.clone(), key.material.clone())
    };
    let input = request.input(material.verifier.public_key().key_type())?;
    request.stop_dry_run()?;
    signing::verify(&material, &input, &request.signature)?;
    json(&VerifyResponse {
        key_id: arn,
        signature_valid: true,
        signing_algorithm: request.algorithm,
    })
}

/// A `Sign` or `Verify` request whose members keep to the constraints of the API model.
struct SigningRequest {
    key_id: String,
    message: Vec<u8>,
    message_type: String,
    algorithm: String,
    dry_run: bool,
    /// Empty for `Sign`.
    signature: Vec<u8>,
}

impl SigningRequest {
    fn new(request: SignRequest, has_signature: bool) -> Result<Self, KmsError> {
        let mut violations = Violations::default();
        let key_id = violations.key_id("keyId", request.key_id);
        let message = bytes(&mut violations, "message", request.message, 4096);
        let signature = match has_signature {
            true => bytes(&mut violations, "signature", request.signature, 6144),
            false => Vec::new(),
        };
        let message_type = request.message_type.unwrap_or_else(|| "RAW".to_owned());
        violations.one_of("messageType", &message_type, &signing::MESSAGE_TYPES);
        if let Some(algorithm) = &request.signing_algorithm {
            violations.one_of("signingAlgorithm", algorithm, &signing::ALGORITHMS);
        }
        let algorithm = violations.required("signingAlgorithm", request.signing_algorithm);
        violations.finish()?;
        Ok(Self {
            key_id,
            message,
            message_type,
            algorithm,
            dry_run: request.dry_run.unwrap_or_default(),
            signature,
        })
    }

    fn input(&self, key_type: KeyType) -> Result<Input<'_>, KmsError> {
        Input::new(key_type, &self.algorithm, &self.message_type, &self.message)
    }

    /// A dry run ends here, once everything but the signature itself was checked.
    fn stop_dry_run(&self) -> Result<(), KmsError> {
        match self.dry_run {
            true => Err(KmsError::new(
                Code::DryRunOperation,
                "The request would have succeeded, but the DryRun option is set.",
            )),
            false => Ok(()),
        }
    }
}

fn bytes(violations: &mut Violations, member: &str, blob: Option<Blob>, most: usize) -> Vec<u8> {
    if let Some(Blob(bytes)) = &blob {
        violations.bytes(member, bytes, 1..=most);
    }
    violations.required(member, blob.map(|Blob(bytes)| bytes))
}

fn list_keys(store: MutexGuard<'_, KeyStore>, request: ListRequest) -> Answer {
    let limit = page_size(&request, 1000, 100)?;
    let page = store.list(limit, request.marker.as_deref())?;
    json(&ListKeysResponse {
        keys: page
            .items
            .into_iter()
            .map(|key| KeyListEntry {
                key_id: key.id.clone(),
                key_arn: key.arn.clone(),
            })
            .collect(),
        truncated: page.next_marker.is_some(),
        next_marker: page.next_marker,
    })
}

fn list_aliases(store: MutexGuard<'_, KeyStore>, request: ListRequest) -> Answer {
    let limit = page_size(&request, 100, 50)?;
    let page = store.list_aliases(request.key_id.as_deref(), limit, request.marker.as_deref())?;
    json(&ListAliasesResponse {
        aliases: page
            .items
            .into_iter()
            .map(|alias| AliasListEntry {
                alias_name: alias.name.clone(),
                alias_arn: store.scope.alias_arn(&alias.name),
                target_key_id: alias.target_key_id.clone(),
                creation_date: alias.created.into(),
                last_updated_date: alias.updated.into(),
            })
            .collect(),
        truncated: page.next_marker.is_some(),
        next_marker: page.next_marker,
    })
}

fn page_size(request: &ListRequest, most: i64, default: i64) -> Result<usize, KmsError> {
    let limit = request.limit.unwrap_or(default);
    let mut violations = Violations::default();
    violations.value("limit", limit, 1..=most);
    if let Some(marker) = &request.marker {
        violations.length("marker", marker, 1..=1024);
    }
    violations.finish()?;
    usize::try_from(limit).map_err(|error| KmsError::new(Code::KmsInternal, error.to_string()))
}

fn create_alias(mut store: MutexGuard<'_, KeyStore>, request: AliasRequest) -> Answer {
    let (name, target) = alias_and_target(request)?;
    store.create_alias(&name, &target)?;
    nothing()
}

fn update_alias(mut store: MutexGuard<'_, KeyStore>, request: AliasRequest) -> Answer {
    let (name, target) = alias_and_target(request)?;
    store.update_alias(&name, &target)?;
    nothing()
}

fn delete_alias(mut store: MutexGuard<'_, KeyStore>, request: AliasRequest) -> Answer {
    let mut violations = Violations::default();
    let name = violations.alias_name(request.alias_name);
    violations.finish()?;
    store.delete_alias(&name)?;
    nothing()
}

fn alias_and_target(request: AliasRequest) -> Result<(String, String), KmsError> {
    let mut violations = Violations::default();
    let name = violations.alias_name(request.alias_name);
    let target = violations.key_id("targetKeyId", request.target_key_id);
    violations.finish()?;
    Ok((name, target))
}

fn set_enabled(mut store: MutexGuard<'_, KeyStore>, request: KeyRequest, enabled: bool) -> Answer {
    store.set_enabled(&key_id_of(request)?, enabled)?;
    nothing()
}

fn schedule_key_deletion(
    mut store: MutexGuard<'_, KeyStore>,
    request: ScheduleKeyDeletionRequest,
) -> Answer {
    let mut violations = Violations::default();
    let key_id = violations.key_id("keyId", request.key_id);
    let days = request
        .pending_window_in_days
        .unwrap_or(DEFAULT_WINDOW_DAYS.into());
    violations.value("pendingWindowInDays", days, 7..=30);
    violations.finish()?;
    let (key, deletion) = store.schedule_deletion(&key_id, days.unsigned_abs())?;
    json(&ScheduleKeyDeletionResponse {
        key_id: key.arn.clone(),
        deletion_date: deletion.into(),
        key_state: key_state(key.state),
        pending_window_in_days: days,
    })
}

fn cancel_key_deletion(mut store: MutexGuard<'_, KeyStore>, request: KeyRequest) -> Answer {
    let key = store.cancel_deletion(&key_id_of(request)?)?;
    json(&CancelKeyDeletionResponse {
        key_id: key.arn.clone(),
    })
}

fn key_id_of(request: KeyRequest) -> Result<String, KmsError> {
    let mut violations = Violations::default();
    let key_id = violations.key_id("keyId", request.key_id);
    violations.finish()?;
    Ok(key_id)
}

fn json(response: &impl Serialize) -> Answer {
    serde_json::to_vec(response)
        .map_err(|error| KmsError::new(Code::KmsInternal, error.to_string()))
}

fn nothing() -> Answer {
    Ok(Vec::new())
}
