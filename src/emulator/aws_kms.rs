//! AWS KMS, emulated on loopback.
//!
//! It serves the part of the KMS API that signing needs. Your own AWS client can be tested
//! unchanged: point it at [`KmsEmulator::endpoint_url`].
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use kms_signer::{KeyType, emulator::aws_kms::KmsEmulator};
//!
//! let emulator = KmsEmulator::start().await?;
//! let key_arn = emulator.create_key(KeyType::Secp256k1)?;
//! emulator.create_alias("alias/hot-wallet", &key_arn)?;
//! println!("AWS_ENDPOINT_URL_KMS={}", emulator.endpoint_url());
//! # Ok(())
//! # }
//! ```
//!
//! This crate's own signer takes URL and region in one call:
//! `AwsKmsSigner::builder(&key_arn).emulator(emulator.endpoint_url(), emulator.region())`.
//!
//! # What it does as KMS does
//!
//! | subject | behaviour |
//! |---|---|
//! | operations | those of [`Operation`] |
//! | key specs | `ECC_SECG_P256K1`, `ECC_NIST_P256`, `ECC_NIST_EDWARDS25519`, multi-Region or not |
//! | messages | `RAW` is hashed once with SHA-256 for ECDSA, `DIGEST` is not hashed; Ed25519 signs the whole `RAW` message |
//! | signatures | ECDSA in strict DER, a different one each time, with a high `s` in half of them; Ed25519 in 64 bytes |
//! | key states | enabled, disabled and pending deletion; each rejects what the table in "Key states of AWS KMS keys" says |
//! | aliases | accepted where KMS accepts them; elsewhere `InvalidArnException`, or `ValidationException` as the target of an alias |
//! | errors | names, HTTP status codes and, where known, messages |
//! | checks | `DryRun`, member constraints, ARNs of other regions and accounts, the region of the credentials |
//!
//! # Injected failures
//!
//! [`emulator`](super#injected-failures) describes how to inject a failure, the failures that
//! happen on the way to KMS, and the columns of this table. The failures here are KMS's own, by
//! their constructors:
//!
//! | failure | what a client sees | handled |
//! |---|---|---|
//! | [`error`](KmsFailure::error), [`throttling`](KmsFailure::throttling), [`access_denied`](KmsFailure::access_denied), [`internal_error`](KmsFailure::internal_error), [`clock_skew`](KmsFailure::clock_skew), [`expired_credentials`](KmsFailure::expired_credentials) | a KMS error, with its status and message | no |
//! | [`empty_body`](KmsFailure::empty_body), [`empty_object`](KmsFailure::empty_object), [`malformed_json`](KmsFailure::malformed_json), [`bad_base64`](KmsFailure::bad_base64), [`without_member`](KmsFailure::without_member) | a success with an unusable body | yes |
//! | [`other_key_id`](KmsFailure::other_key_id), [`other_algorithm`](KmsFailure::other_algorithm) | an answer that names another key or algorithm | yes |
//! | [`signature_by_another_key`](KmsFailure::signature_by_another_key), [`signature_over_another_message`](KmsFailure::signature_over_another_message), [`replayed_answer`](KmsFailure::replayed_answer) | a valid signature by another key or over another message | yes |
//! | [`flipped_signature_bit`](KmsFailure::flipped_signature_bit), [`trailing_byte`](KmsFailure::trailing_byte), [`fixed_width_signature`](KmsFailure::fixed_width_signature) | a damaged signature | yes |
//! | [`flipped_public_key_bit`](KmsFailure::flipped_public_key_bit) | a damaged public key, or another one | yes |
//! | [`high_s`](KmsFailure::high_s), [`low_s`](KmsFailure::low_s), [`short_r`](KmsFailure::short_r) | a valid signature of a rare form | yes |
//! | [`alias_moved`](KmsFailure::alias_moved), [`key_disabled`](KmsFailure::key_disabled), [`key_deletion_scheduled`](KmsFailure::key_deletion_scheduled), [`key_deleted`](KmsFailure::key_deleted) | the answer that follows from a change to an alias or a key | yes |
//!
//! They hit only requests with a known operation and a complete authorization.
//!
//! # What it does not do
//!
//! - It does not check SigV4 signatures. An `Authorization` header must be present, complete, and
//!   scoped to `kms` and the emulator's region; any access key is accepted. `X-Amz-Date` and
//!   `X-Amz-Security-Token` are ignored, so nothing expires unless you inject a failure.
//! - It has no grants or quotas and does not follow policies: every caller may do everything. Only
//!   injected failures give `ThrottlingException` and `LimitExceededException`. Without them,
//!   `AccessDeniedException` occurs only for an ARN of another account, and names the root of the
//!   emulator's account as the caller.
//! - Keys are `Enabled`, `Disabled` or `PendingDeletion`. The states `Creating`, `Updating`,
//!   `PendingImport`, `PendingReplicaDeletion` and `Unavailable` never occur, and only injected
//!   failures give errors of dependencies. Only [`delete_key`](KmsEmulator::delete_key) or an
//!   injected failure deletes a key that is pending deletion; time does not.
//! - [`replicate_key`](KmsEmulator::replicate_key) replicates multi-Region keys; HTTP requests
//!   cannot. A replica cannot become the primary. A primary can be deleted before its replicas,
//!   which still name it.
//! - In the table of key states, a cryptographic operation with a key pending deletion may fail
//!   with `DisabledException` or with `KMSInvalidStateException`, and a client should expect
//!   either. The emulator always answers `Sign`, `Verify` and `GetPublicKey` with the second. The
//!   message is `<key ARN> is pending deletion.`, without the table's `(or pending replica
//!   deletion)`.
//! - A malformed ARN, or one that is not of KMS, gives an `InvalidArnException` where the API
//!   reference lists that error, and otherwise (`Sign`, `Verify`, `CreateAlias`, `UpdateAlias`) a
//!   `NotFoundException`. The second is a guess.
//! - A dry run reports every error except a wrong signature before it reports that it would have
//!   succeeded. That order is a guess.
//! - Ed25519 keys list `ED25519_PH_SHA_512`, as in KMS, but using it gives
//!   `UnsupportedOperationException`, which KMS never gives for `Sign`.
//! - Changes are visible at once, where KMS may take seconds to minutes. AWS managed aliases do not
//!   exist.
//! - It checks tags and policies but does not keep them. A policy has to be a JSON object, and tags
//!   are checked for length and repetition; nothing else about them is checked.
//!   `BypassPolicyLockoutSafetyCheck`, grant tokens and unknown members are ignored.
//! - It rejects keys of other specs, usages, origins and key stores with
//!   `UnsupportedOperationException`, and other operations with `UnknownOperationException`.

use std::{fmt, io, sync::MutexGuard};

use super::{FailureRule, InjectedFailure, server::Server};
use crate::{KeyType, PublicKey};

mod aliases;
mod builder;
mod constraints;
mod create_key;
mod error;
mod failure;
mod identifier;
mod key;
mod key_store;
mod multi_region;
mod operation;
mod operations;
mod page;
mod protocol;
mod request;
mod service;
mod signing;

pub use builder::KmsEmulatorBuilder;
pub use error::EmulatorError;
pub use failure::{AwsKms, KmsFailure, SignaturePart};
pub use operation::Operation;

use key_store::{DEFAULT_WINDOW_DAYS, KeyStore, NewKey};
use protocol::AliasRequest;
use service::KmsService;

/// A running emulator of AWS KMS. Dropping it stops it.
///
/// Its methods do what the KMS operation of the same name does and take keys as that operation
/// does, but without HTTP. They do not count as [`calls`](Self::calls).
///
/// # Panics
///
/// Dropping or [stopping](Self::stop) it panics if a [kept](InjectedFailure::keep) failure did not
/// hit as many requests as were [expected](FailureRule::expect), unless the thread is panicking
/// already.
pub struct KmsEmulator {
    server: Server<KmsService>,
}

impl KmsEmulator {
    /// Starts an emulator on a free port of 127.0.0.1, for the region `us-east-1`.
    ///
    /// # Errors
    ///
    /// When the operating system gives no port, no thread or no random bytes.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Starts an emulator with your own settings.
    pub fn builder() -> KmsEmulatorBuilder {
        KmsEmulatorBuilder::new()
    }

    /// Stops the emulator. Returns once its port is free, every connection is closed and its thread
    /// has ended. Dropping it does the same.
    pub async fn stop(self) {
        drop(self);
    }

    /// The URL for an AWS client's endpoint, for example `http://127.0.0.1:40123`.
    pub fn endpoint_url(&self) -> String {
        self.server.url()
    }

    /// The region that clients have to use.
    pub fn region(&self) -> &str {
        self.service().region()
    }

    /// How many HTTP requests asked for this operation, including rejected ones.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.server.endpoint().calls().of(operation)
    }

    /// How many HTTP requests came in, of any operation or none.
    pub fn total_calls(&self) -> u64 {
        self.server.endpoint().calls().total()
    }

    /// Creates a key and returns its ARN.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Key`] when 16 random draws in a row are no valid key: a chance of at most 1
    /// in 2^512.
    pub fn create_key(&self, key_type: KeyType) -> Result<String, EmulatorError> {
        let mut store = self.store();
        let key = store.create(NewKey::of(key_type)).map_err(key_error)?;
        Ok(key.arn.clone())
    }

    /// Creates a key from your own secret and returns its ARN. The secret is a big-endian scalar
    /// from 1 to n − 1 for ECDSA, or the seed of RFC 8032 §5.1.5 for Ed25519.
    ///
    /// Clients see a key with imported key material.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Key`] when the secret is not in range.
    pub fn create_key_from_bytes(
        &self,
        key_type: KeyType,
        secret: &[u8; 32],
    ) -> Result<String, EmulatorError> {
        let mut store = self.store();
        let key = store.import(key_type, secret).map_err(key_error)?;
        Ok(key.arn.clone())
    }

    /// Creates a multi-Region primary key and returns its ARN.
    ///
    /// # Errors
    ///
    /// As [`create_key`](Self::create_key).
    pub fn create_multi_region_key(&self, key_type: KeyType) -> Result<String, EmulatorError> {
        let mut store = self.store();
        let mut new = NewKey::of(key_type);
        new.multi_region = true;
        let key = store.create(new).map_err(key_error)?;
        Ok(key.arn.clone())
    }

    /// Replicates a multi-Region primary key into the emulator of another region, and returns the
    /// ARN of the replica, which has the same id and signs with the same key.
    ///
    /// ```
    /// # use kms_signer::{KeyType, emulator::aws_kms::{EmulatorError, KmsEmulator}};
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let here = KmsEmulator::start().await?;
    /// let there = KmsEmulator::builder().region("eu-west-1").start().await?;
    /// let primary = here.create_multi_region_key(KeyType::Secp256k1)?;
    /// let replica = here.replicate_key(&primary, &there)?;
    /// assert_eq!(here.public_key(&primary)?, there.public_key(&replica)?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Rejected`]
    ///
    /// - when there is no such key, or it is pending deletion, or it is not a multi-Region primary
    ///   key;
    /// - when the other emulator has the same region, or another account or partition;
    /// - when the other emulator already has a key with this id.
    pub fn replicate_key(
        &self,
        key_id: &str,
        replica: &KmsEmulator,
    ) -> Result<String, EmulatorError> {
        // One lock after the other: two emulators may replicate to each other at the same time.
        let scope = replica.store().scope.clone();
        let primary = self.store().primary(key_id, &scope)?;
        let mut store = replica.store();
        Ok(store.insert_replica(primary)?.arn.clone())
    }

    /// The public key, in any key state. A test can pin a signer to it.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Rejected`] when there is no such key.
    pub fn public_key(&self, key_id: &str) -> Result<PublicKey, EmulatorError> {
        let store = self.store();
        let key = store.find(Operation::GetPublicKey, key_id)?;
        Ok(key.public_key().clone())
    }

    /// Enables or disables a key.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Rejected`] when there is no such key or it is pending deletion.
    pub fn set_enabled(&self, key_id: &str, enabled: bool) -> Result<(), EmulatorError> {
        Ok(self.store().set_enabled(key_id, enabled)?)
    }

    /// Schedules the deletion of a key in 30 days. The key is unusable at once.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Rejected`] when there is no such key or it is pending deletion already.
    pub fn schedule_deletion(&self, key_id: &str) -> Result<(), EmulatorError> {
        self.store()
            .schedule_deletion(key_id, DEFAULT_WINDOW_DAYS.into())?;
        Ok(())
    }

    /// Cancels the deletion of a key and leaves the key disabled.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Rejected`] when there is no such key or it is not pending deletion.
    pub fn cancel_deletion(&self, key_id: &str) -> Result<(), EmulatorError> {
        self.store().cancel_deletion(key_id)?;
        Ok(())
    }

    /// Deletes a key and its aliases at once, in any key state, as KMS does at the end of the
    /// waiting period.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Rejected`] when there is no such key.
    pub fn delete_key(&self, key_id: &str) -> Result<(), EmulatorError> {
        Ok(self.store().delete(key_id)?)
    }

    /// Creates an alias. Its name has to start with `alias/`.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Rejected`] when the name is invalid or taken, or there is no such key.
    pub fn create_alias(&self, name: &str, key_id: &str) -> Result<(), EmulatorError> {
        operations::create_alias(&mut self.store(), AliasRequest::new(name, Some(key_id)))?;
        Ok(())
    }

    /// Points an alias at another key, which may be of another type.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Rejected`] when there is no such alias or no such key.
    pub fn update_alias(&self, name: &str, key_id: &str) -> Result<(), EmulatorError> {
        operations::update_alias(&mut self.store(), AliasRequest::new(name, Some(key_id)))?;
        Ok(())
    }

    /// Deletes an alias. Its key stays.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Rejected`] when there is no such alias.
    pub fn delete_alias(&self, name: &str) -> Result<(), EmulatorError> {
        operations::delete_alias(&mut self.store(), AliasRequest::new(name, None))?;
        Ok(())
    }

    /// Injects a failure: from now on requests go wrong as the rule says, until you drop the
    /// returned value.
    ///
    /// The emulator asks rules in the order in which they were injected. The first one that hits a
    /// request decides the answer. Latencies and changes add up, and leave the answer to the other
    /// rules.
    #[track_caller]
    pub fn inject(&self, rule: FailureRule<AwsKms>) -> InjectedFailure {
        self.server.endpoint().rules().inject(rule)
    }

    fn service(&self) -> &KmsService {
        self.server.endpoint().service()
    }

    fn store(&self) -> MutexGuard<'_, KeyStore> {
        self.service().store()
    }
}

impl fmt::Debug for KmsEmulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsEmulator")
            .field("endpoint_url", &self.endpoint_url())
            .field("region", &self.region())
            .finish_non_exhaustive()
    }
}

fn key_error(source: crate::Error) -> EmulatorError {
    EmulatorError::Key { source }
}

#[cfg(test)]
mod tests;
