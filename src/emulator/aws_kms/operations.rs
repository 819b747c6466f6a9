//! The operations: from a request's JSON to its answer's JSON.

use serde::Serialize;

use super::{
    constraints::{KEY_ID_LENGTH, Violations},
    create_key,
    error::{Code, KmsError},
    key::Key,
    key_store::{DEFAULT_WINDOW_DAYS, KeyStore},
    operation::Operation,
    protocol::{
        AliasListEntry, AliasRequest, AnyKeyRequest, Blob, CancelKeyDeletionResponse,
        CreateKeyRequest, GetPublicKeyResponse, KeyListEntry, KeyMetadata, KeyMetadataResponse,
        KeyRequest, KmsSignRequest, KmsVerifyRequest, ListAliasesResponse, ListKeysResponse,
        ListRequest, SIGN_VERIFY, ScheduleKeyDeletionRequest, ScheduleKeyDeletionResponse,
        SignResponse, VerifyResponse, key_state, parse,
    },
    signing::{self, Input},
};

/// The body of a successful answer: JSON, or nothing for operations without a result.
type Answer = Result<Vec<u8>, KmsError>;

/// Answers one request.
pub(super) fn call(store: &mut KeyStore, operation: Operation, body: &[u8]) -> Answer {
    match operation {
        Operation::CancelKeyDeletion => cancel_key_deletion(store, parse(body)?),
        Operation::CreateAlias => create_alias(store, parse(body)?),
        Operation::CreateKey => create_key(store, parse(body)?),
        Operation::DeleteAlias => delete_alias(store, parse(body)?),
        Operation::DescribeKey => describe_key(store, parse(body)?),
        Operation::DisableKey => set_enabled(store, parse(body)?, false),
        Operation::EnableKey => set_enabled(store, parse(body)?, true),
        Operation::GetPublicKey => get_public_key(store, parse(body)?),
        Operation::ListAliases => list_aliases(store, parse(body)?),
        Operation::ListKeys => list_keys(store, parse(body)?),
        Operation::ScheduleKeyDeletion => schedule_key_deletion(store, parse(body)?),
        Operation::Sign => sign(store, parse(body)?),
        Operation::UpdateAlias => update_alias(store, parse(body)?),
        Operation::Verify => verify(store, parse(body)?),
    }
}

/// The key that a request names, if the body is readable and the key exists.
pub(super) fn key<'a>(store: &'a KeyStore, body: &[u8]) -> Option<&'a Key> {
    let request: AnyKeyRequest = parse(body).ok()?;
    store.resolve(&request.key_id.or(request.target_key_id)?)
}

fn create_key(store: &mut KeyStore, request: CreateKeyRequest) -> Answer {
    let new = create_key::read(request)?;
    let id = match store.create(new) {
        Ok(key) => key.id.clone(),
        Err(error) => return Err(KmsError::new(Code::KmsInternal, error.to_string())),
    };
    metadata(store, &id)
}

fn describe_key(store: &KeyStore, request: KeyRequest) -> Answer {
    metadata(store, &key_id_of(request)?)
}

fn metadata(store: &KeyStore, key_id: &str) -> Answer {
    let key = store.find(Operation::DescribeKey, key_id)?;
    json(&KeyMetadataResponse {
        key_metadata: KeyMetadata::new(&store.scope, key),
    })
}

fn get_public_key(store: &KeyStore, request: KeyRequest) -> Answer {
    let key = store.find(Operation::GetPublicKey, &key_id_of(request)?)?;
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

fn sign(store: &mut KeyStore, request: KmsSignRequest) -> Answer {
    let request = SignedMessage::of(request)?;
    let key = store.find_mut(Operation::Sign, &request.key_id)?;
    let input = request.admit(key)?;
    let signature = signing::sign(&key.material, &input, &mut key.random)?;
    let answer = json(&SignResponse {
        key_id: key.arn.clone(),
        signature: Blob(signature),
        signing_algorithm: &request.algorithm,
    })?;
    key.last_signature_answer = Some(answer.clone());
    Ok(answer)
}

fn verify(store: &KeyStore, request: KmsVerifyRequest) -> Answer {
    let mut violations = Violations::default();
    let signature = bytes(&mut violations, "signature", request.signature, 6144);
    let request = SignedMessage::new(&mut violations, request.signed);
    violations.finish()?;
    let key = store.find(Operation::Verify, &request.key_id)?;
    let input = request.admit(key)?;
    signing::verify(&key.material, &input, &signature)?;
    json(&VerifyResponse {
        key_id: key.arn.clone(),
        signature_valid: true,
        signing_algorithm: &request.algorithm,
    })
}

/// What `Sign` and `Verify` both ask for, within the constraints of the API model.
pub(super) struct SignedMessage {
    pub(super) key_id: String,
    message: Vec<u8>,
    message_type: String,
    algorithm: String,
    dry_run: bool,
}

impl SignedMessage {
    /// Reads the request of `Sign`.
    pub(super) fn read(body: &[u8]) -> Result<Self, KmsError> {
        Self::of(parse(body)?)
    }

    fn of(request: KmsSignRequest) -> Result<Self, KmsError> {
        let mut violations = Violations::default();
        let message = Self::new(&mut violations, request);
        violations.finish()?;
        Ok(message)
    }

    fn new(violations: &mut Violations, request: KmsSignRequest) -> Self {
        let message_type = request.message_type.unwrap_or_else(|| "RAW".to_owned());
        violations.one_of("messageType", &message_type, &signing::MESSAGE_TYPES);
        if let Some(algorithm) = &request.signing_algorithm {
            violations.one_of("signingAlgorithm", algorithm, &signing::ALGORITHMS);
        }
        Self {
            key_id: violations.key_id("keyId", request.key_id),
            message: bytes(violations, "message", request.message, 4096),
            message_type,
            algorithm: violations.required("signingAlgorithm", request.signing_algorithm),
            dry_run: request.dry_run.unwrap_or_default(),
        }
    }

    /// Checks everything except the signature itself, and ends a dry run there.
    pub(super) fn admit(&self, key: &Key) -> Result<Input<'_>, KmsError> {
        key.require_enabled()?;
        let input = Input::new(
            key.key_type(),
            &self.algorithm,
            &self.message_type,
            &self.message,
        )?;
        match self.dry_run {
            true => Err(KmsError::new(
                Code::DryRunOperation,
                "The request would have succeeded, but the DryRun option is set.",
            )),
            false => Ok(input),
        }
    }
}

fn bytes(violations: &mut Violations, member: &str, blob: Option<Blob>, most: usize) -> Vec<u8> {
    if let Some(Blob(bytes)) = &blob {
        violations.bytes(member, bytes, 1..=most);
    }
    violations.required(member, blob.map(|Blob(bytes)| bytes))
}

fn list_keys(store: &KeyStore, request: ListRequest) -> Answer {
    let mut violations = Violations::default();
    let limit = page_size(&mut violations, &request, 1000, 100);
    violations.finish()?;
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

fn list_aliases(store: &KeyStore, request: ListRequest) -> Answer {
    let mut violations = Violations::default();
    if let Some(key_id) = &request.key_id {
        violations.length("keyId", key_id, KEY_ID_LENGTH);
    }
    let limit = page_size(&mut violations, &request, 100, 50);
    violations.finish()?;
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

fn page_size(violations: &mut Violations, request: &ListRequest, most: u32, default: u32) -> usize {
    let limit = request.limit.unwrap_or(default.into());
    violations.value("limit", limit, 1..=most.into());
    if let Some(marker) = &request.marker {
        violations.length("marker", marker, 1..=1024);
    }
    limit as usize
}

pub(super) fn create_alias(store: &mut KeyStore, request: AliasRequest) -> Answer {
    let (name, target) = alias_and_target(request)?;
    store.create_alias(&name, &target)?;
    nothing()
}

pub(super) fn update_alias(store: &mut KeyStore, request: AliasRequest) -> Answer {
    let (name, target) = alias_and_target(request)?;
    store.update_alias(&name, &target)?;
    nothing()
}

pub(super) fn delete_alias(store: &mut KeyStore, request: AliasRequest) -> Answer {
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

fn set_enabled(store: &mut KeyStore, request: KeyRequest, enabled: bool) -> Answer {
    store.set_enabled(&key_id_of(request)?, enabled)?;
    nothing()
}

fn schedule_key_deletion(store: &mut KeyStore, request: ScheduleKeyDeletionRequest) -> Answer {
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

fn cancel_key_deletion(store: &mut KeyStore, request: KeyRequest) -> Answer {
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
