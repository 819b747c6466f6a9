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
//! # What it does as KMS does
//!
//! | subject | behaviour |
//! |---|---|
//! | operations | CreateKey, DescribeKey, GetPublicKey, Sign, Verify, EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion, ListKeys, CreateAlias, UpdateAlias, DeleteAlias, ListAliases |
//! | key specs | `ECC_SECG_P256K1`, `ECC_NIST_P256`, `ECC_NIST_EDWARDS25519`, multi-Region or not |
//! | messages | `RAW` is hashed once with SHA-256 for ECDSA, `DIGEST` is not hashed; Ed25519 signs the whole `RAW` message |
//! | signatures | ECDSA in strict DER, another one each time, with a high `s` in half of them; Ed25519 in 64 bytes |
//! | key states | what is refused for a disabled key or one pending deletion follows the table in "Key states of AWS KMS keys" |
//! | errors | names, HTTP status codes and, where they are known, messages |
//! | checks | `DryRun`, member constraints, ARNs of other regions and accounts, the region of the credentials |
//!
//! # What it does not do
//!
//! - SigV4 signatures are not checked. An `Authorization` header must be there, complete, and
//!   scoped to `kms` and the emulator's region; any access key will do.
//! - There are no policies, grants or quotas: every caller may do everything.
//! - `ED25519_PH_SHA_512` is listed for Ed25519 keys as in KMS, but refused with a
//!   `ValidationException` that says so.
//! - Changes are visible at once, where KMS may take seconds to minutes.
//! - Keys pending deletion are never deleted, and AWS managed aliases do not exist.
//! - Tags and policies are accepted and forgotten. Keys of other specs, usages and origins are
//!   refused with `UnsupportedOperationException`, and other operations with
//!   `UnknownOperationException`.

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
mod operations;
mod page;
mod protocol;
mod random;
mod server;
mod signing;

pub use error::EmulatorError;

use http::Endpoint;
use identifier::{Accepts, Scope};
use keys::{DEFAULT_WINDOW_DAYS, KeyStore, NewKey};
use random::Random;
use server::Server;

/// A running emulator of AWS KMS. It stops when it is dropped.
///
/// Its methods do what the KMS operation of the same name does, without HTTP and without being
/// counted as [`calls`](Self::calls). They take keys as that operation takes them: as key id or
/// key ARN.
pub struct KmsEmulator {
    endpoint: Arc<Endpoint>,
    server: Server,
}

impl KmsEmulator {
    /// Starts an emulator on a free port of 127.0.0.1, for the region `us-east-1`.
    ///
    /// It runs as tasks of the current tokio runtime, of either flavour, which must have I/O and
    /// time enabled.
    ///
    /// # Errors
    ///
    /// When there is no tokio runtime, or the operating system has no port or no random bytes.
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

    /// Stops the emulator, and returns once its port is free and every connection is closed.
    ///
    /// Dropping it stops it too, without waiting.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// The URL to give to an AWS client as its endpoint, for example `http://127.0.0.1:40123`.
    pub fn endpoint_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// The region that clients must be set to.
    pub fn region(&self) -> &str {
        self.endpoint.region()
    }

    /// How many HTTP requests asked for this operation, for example `Sign`, refused ones included.
    pub fn calls(&self, operation: &str) -> u64 {
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
        let key = store.create(NewKey::of(key_type))?;
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
        let key = store.import(key_type, secret)?;
        Ok(key.arn.clone())
    }

    /// The public key, in any key state: what a test pins a signer to.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Refused`] when there is no such key.
    pub fn public_key(&self, key_id: &str) -> Result<PublicKey, EmulatorError> {
        let store = self.store();
        let key = store.find("GetPublicKey", Accepts::Keys, key_id)?;
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
        Ok(self.store().create_alias(name, key_id)?)
    }

    /// Points an alias at another key, which may be of another type.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Refused`] when there is no such alias or no such key.
    pub fn update_alias(&self, name: &str, key_id: &str) -> Result<(), EmulatorError> {
        Ok(self.store().update_alias(name, key_id)?)
    }

    /// Deletes an alias. Its key stays.
    ///
    /// # Errors
    ///
    /// [`EmulatorError::Refused`] when there is no such alias.
    pub fn delete_alias(&self, name: &str) -> Result<(), EmulatorError> {
        Ok(self.store().delete_alias(name)?)
    }

    fn store(&self) -> MutexGuard<'_, KeyStore> {
        operations::lock(self.endpoint.store())
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
#[derive(Clone, Debug)]
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

    /// Makes everything random reproducible: keys, key ids, request ids, and signatures as long
    /// as each key is asked for them in the same order.
    ///
    /// By default everything is drawn from the operating system.
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

#[cfg(test)]
mod tests;
