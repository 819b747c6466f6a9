//! An emulator of AWS KMS on loopback, for tests and examples.
//!
//! It serves the part of the KMS API that signing needs over HTTP, in this process, so that a
//! program's own AWS client can be tested unchanged: point it at [`KmsEmulator::endpoint_url`].
//!
//! <div class="warning">
//!
//! The keys lie in the memory of your process, and anyone who can connect to the port can use
//! them. Give it no key that holds value.
//!
//! </div>
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use kms_signer::{KeyType, emulator::KmsEmulator};
//!
//! let emulator = KmsEmulator::start().await?;
//! let key_arn = emulator.create_key(KeyType::Secp256k1)?;
//! emulator.create_alias("alias/hot-wallet", &key_arn)?;
//! println!("AWS_ENDPOINT_URL_KMS={}", emulator.endpoint_url());
//! # Ok(())
//! # }
//! ```
//!
//! It runs on a thread of its own: the caller needs no tokio runtime, may block its own, and may
//! keep one emulator in a `static` for all tests of a process. A client that honours `HTTP_PROXY`
//! would ask the proxy for 127.0.0.1: set `NO_PROXY=127.0.0.1` where that variable is set.
//!
//! # What it does as KMS does
//!
//! | subject | behaviour |
//! |---|---|
//! | operations | those of [`Operation`] |
//! | key specs | `ECC_SECG_P256K1`, `ECC_NIST_P256`, `ECC_NIST_EDWARDS25519`, multi-Region or not |
//! | messages | `RAW` is hashed once with SHA-256 for ECDSA, `DIGEST` is not hashed; Ed25519 signs the whole `RAW` message |
//! | signatures | ECDSA in strict DER, another one each time, with a high `s` in half of them; Ed25519 in 64 bytes |
//! | key states | what is refused for a disabled key or one pending deletion follows the table in "Key states of AWS KMS keys" |
//! | aliases | taken where KMS takes them; elsewhere `InvalidArnException`, or `ValidationException` as the target of an alias |
//! | errors | names, HTTP status codes and, where they are known, messages |
//! | checks | `DryRun`, member constraints, ARNs of other regions and accounts, the region of the credentials |
//!
//! # What it does not do
//!
//! - SigV4 signatures are not checked. An `Authorization` header must be there, complete, and
//!   scoped to `kms` and the emulator's region; any access key will do. `X-Amz-Date` and
//!   `X-Amz-Security-Token` are not looked at, so nothing expires.
//! - There are no grants or quotas, and policies are not followed: every caller may do everything,
//!   `ThrottlingException` and `LimitExceededException` never occur, and the one
//!   `AccessDeniedException` is for an ARN of another account. It says that the root of the
//!   emulator's account asked.
//! - Keys are `Enabled`, `Disabled` or `PendingDeletion`. The states `Creating`, `Updating`,
//!   `PendingImport`, `PendingReplicaDeletion` and `Unavailable` never occur, nor do errors of
//!   dependencies. Keys pending deletion are never deleted.
//! - That table lets cryptographic operations with a key pending deletion fail with
//!   `DisabledException` or with `KMSInvalidStateException`, and a client should expect either.
//!   The emulator always gives `Sign`, `Verify` and `GetPublicKey` the second. The message is
//!   `<key ARN> is pending deletion.`, without the table's `(or pending replica deletion)`.
//! - An ARN that is malformed, or not of KMS, is an `InvalidArnException` where the API reference
//!   lists that error, and else (`Sign`, `Verify`, `CreateAlias`, `UpdateAlias`) a
//!   `NotFoundException`; the second is a guess.
//! - A dry run is refused for everything but a wrong signature before it says that it would have
//!   succeeded. That order is a guess.
//! - `ED25519_PH_SHA_512` is listed for Ed25519 keys as in KMS, but refused with
//!   `UnsupportedOperationException`, which KMS never gives for `Sign`.
//! - Changes are visible at once, where KMS may take seconds to minutes. AWS managed aliases do not
//!   exist.
//! - Tags and policies are forgotten once they were checked: a policy for being a JSON object,
//!   tags for length and repetition, and neither for anything else.
//!   `BypassPolicyLockoutSafetyCheck`, grant tokens and unknown members are read over.
//! - Keys of other specs, usages, origins and key stores are refused with
//!   `UnsupportedOperationException`, and other operations with `UnknownOperationException`.

use std::{
    fmt, io,
    sync::{Arc, MutexGuard},
};

use crate::{KeyType, PublicKey};

mod aliases;
mod constraints;
mod create_key;
mod error;
mod http;
mod identifier;
mod keys;
mod operation;
mod operations;
mod page;
mod protocol;
mod random;
mod server;
mod signing;

pub use error::EmulatorError;
pub use operation::Operation;

use http::Endpoint;
use identifier::Scope;
use keys::{DEFAULT_WINDOW_DAYS, KeyStore, NewKey};
use protocol::AliasRequest;
use random::Random;
use server::Server;

/// A running emulator of AWS KMS. It stops when it is dropped.
///
/// Its methods do what the KMS operation of the same name does, without HTTP and without being
/// counted as [`calls`](Self::calls), and take keys as that operation takes them.
pub struct KmsEmulator {
    endpoint: Arc<Endpoint>,
    server: Server,
}

impl KmsEmulator {
    /// Starts an emulator on a free port of 127.0.0.1, for the region `us-east-1`.
    ///
    /// # Errors
    ///
    /// When the operating system has no port, no thread or no random bytes.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Starts an emulator with settings of your own.
    pub fn builder() -> KmsEmulatorBuilder {
        KmsEmulatorBuilder {
            port: 0,
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            seed: None,
        }
    }

    /// Stops the emulator, and returns once its port is free, every connection is closed and its
    /// thread has ended. Dropping it does the same.
    pub async fn stop(self) {
        drop(self);
    }

    /// The URL to give to an AWS client as its endpoint, for example `http://127.0.0.1:40123`.
    pub fn endpoint_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// The region that clients must be set to.
    pub fn region(&self) -> &str {
        self.endpoint.region()
    }

    /// How many HTTP requests asked for this operation, refused ones included.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.endpoint.calls().of(operation)
    }

    /// How many HTTP requests came in altogether.
    pub fn total_calls(&self) -> u64 {
        self.endpoint.calls().total()
    }

    /// Creates a key and returns its ARN.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Key`], which has a chance of 1 in 2^512.
    pub fn create_key(&self, key_type: KeyType) -> Result<String, EmulatorError> {
        let mut store = self.store();
        let key = store.create(NewKey::of(key_type)).map_err(key_error)?;
        Ok(key.arn.clone())
    }

    /// Creates a key from a secret of your own and returns its ARN: a big-endian scalar from 1 to
    /// n − 1 for ECDSA, or the seed of RFC 8032 §5.1.5 for Ed25519.
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

    /// The public key, in any key state: what a test pins a signer to.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Refused`] when there is no such key.
    pub fn public_key(&self, key_id: &str) -> Result<PublicKey, EmulatorError> {
        let store = self.store();
        let key = store.find(Operation::GetPublicKey, key_id)?;
        Ok(key.public_key().clone())
    }

    /// Enables or disables a key.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Refused`] when there is no such key, or it is pending deletion.
    pub fn set_enabled(&self, key_id: &str, enabled: bool) -> Result<(), EmulatorError> {
        Ok(self.store().set_enabled(key_id, enabled)?)
    }

    /// Schedules the deletion of a key in 30 days, which makes it unusable from now on.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Refused`] when there is no such key, or it is pending deletion already.
    pub fn schedule_deletion(&self, key_id: &str) -> Result<(), EmulatorError> {
        self.store()
            .schedule_deletion(key_id, DEFAULT_WINDOW_DAYS.into())?;
        Ok(())
    }

    /// Cancels the deletion of a key, which is disabled then.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Refused`] when there is no such key, or it is not pending deletion.
    pub fn cancel_deletion(&self, key_id: &str) -> Result<(), EmulatorError> {
        self.store().cancel_deletion(key_id)?;
        Ok(())
    }

    /// Creates an alias; its name starts with `alias/`.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Refused`] when the name is not valid or taken, or there is no such key.
    pub fn create_alias(&self, name: &str, key_id: &str) -> Result<(), EmulatorError> {
        operations::create_alias(&mut self.store(), AliasRequest::new(name, Some(key_id)))?;
        Ok(())
    }

    /// Points an alias at another key, which may be of another type.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Refused`] when there is no such alias or no such key.
    pub fn update_alias(&self, name: &str, key_id: &str) -> Result<(), EmulatorError> {
        operations::update_alias(&mut self.store(), AliasRequest::new(name, Some(key_id)))?;
        Ok(())
    }

    /// Deletes an alias. Its key stays.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Refused`] when there is no such alias.
    pub fn delete_alias(&self, name: &str) -> Result<(), EmulatorError> {
        operations::delete_alias(&mut self.store(), AliasRequest::new(name, None))?;
        Ok(())
    }

    fn store(&self) -> MutexGuard<'_, KeyStore> {
        self.endpoint.store()
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

/// The settings of a [`KmsEmulator`]; made by [`KmsEmulator::builder`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `start` is called"]
pub struct KmsEmulatorBuilder {
    port: u16,
    region: String,
    account_id: String,
    seed: Option<u64>,
}

impl KmsEmulatorBuilder {
    /// The port to listen on; 0, the default, stands for any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The region to stand for; `us-east-1` by default.
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// The account to stand for, 12 digits; `000000000000` by default.
    pub fn account_id(mut self, account_id: &str) -> Self {
        account_id.clone_into(&mut self.account_id);
        self
    }

    /// Makes everything random reproducible.
    ///
    /// Keys and key ids follow the order in which keys are made, with or without HTTP. The
    /// signatures of a key follow the order in which they are made with it: what is refused and
    /// dry runs do not count, other keys neither. Request ids follow the order of the answers.
    ///
    /// By default everything is drawn from the operating system. With a seed, whoever knows it
    /// knows the keys.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Starts the emulator; see [`KmsEmulator::start`].
    ///
    /// # Errors
    ///
    /// Those of [`KmsEmulator::start`], when the port is taken, and
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a region or account id that fits into no
    /// ARN.
    pub async fn start(self) -> io::Result<KmsEmulator> {
        let scope = Scope::new(&self.region, &self.account_id).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "a region has lowercase letters, digits and hyphens, and an account id 12 digits",
            )
        })?;
        let random = match self.seed {
            Some(seed) => Random::from_seed(seed),
            None => Random::from_operating_system()?,
        };
        let store = KeyStore::new(scope, random.stream("keys"));
        let endpoint = Arc::new(Endpoint::new(store, random.stream("request ids")));
        let server = Server::start(self.port, endpoint.clone()).await?;
        Ok(KmsEmulator { endpoint, server })
    }
}

/// Without the seed, which stands for every secret key.
impl fmt::Debug for KmsEmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsEmulatorBuilder")
            .field("port", &self.port)
            .field("region", &self.region)
            .field("account_id", &self.account_id)
            .finish_non_exhaustive()
    }
}

fn key_error(source: crate::Error) -> EmulatorError {
    EmulatorError::Key { source }
}

#[cfg(test)]
mod tests;
