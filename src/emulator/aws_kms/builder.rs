//! The settings of an emulator, and its start.

use std::{fmt, io};

use super::{KmsEmulator, identifier::Scope, key_store::KeyStore, service::KmsService};
use crate::emulator::{http::Endpoint, random::Random, server::Server};

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
    pub(super) fn new() -> Self {
        Self {
            port: 0,
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            seed: None,
        }
    }

    /// The port to listen on. By default 0: any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The emulated region; `us-east-1` by default.
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// The emulated account, 12 digits; `000000000000` by default.
    pub fn account_id(mut self, account_id: &str) -> Self {
        account_id.clone_into(&mut self.account_id);
        self
    }

    /// Makes all random values reproducible.
    ///
    /// - Keys and key ids depend on the order in which keys are made, with or without HTTP.
    /// - The signatures of a key depend on the order in which the key makes them. Rejected
    ///   requests, dry runs and other keys do not matter.
    /// - Request ids depend on the order of the answers.
    /// - What a failure rule draws depends on the order in which rules are injected, and on the
    ///   requests that match it.
    ///
    /// By default all random values come from the operating system. Anyone who knows the seed knows
    /// the keys.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Starts the emulator; see [`KmsEmulator::start`].
    ///
    /// # Errors
    ///
    /// Those of [`KmsEmulator::start`]; an error when the port is taken; and
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a region or account id that cannot be part
    /// of an ARN.
    pub async fn start(self) -> io::Result<KmsEmulator> {
        let scope = Scope::new(&self.region, &self.account_id).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "use a region of lowercase letters, digits and hyphens, and an account id of 12 digits",
            )
        })?;
        let random = match self.seed {
            Some(seed) => Random::from_seed(seed),
            None => Random::from_operating_system()?,
        };
        let store = KeyStore::new(scope, random.stream("keys"));
        let service = KmsService::new(store, random.stream("request ids"));
        let endpoint = Endpoint::new(service, random.stream("failures"));
        let server = Server::start(self.port, endpoint).await?;
        Ok(KmsEmulator { server })
    }
}

/// Leaves out the seed, from which every secret key can be derived.
impl fmt::Debug for KmsEmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsEmulatorBuilder")
            .field("port", &self.port)
            .field("region", &self.region)
            .field("account_id", &self.account_id)
            .finish_non_exhaustive()
    }
}
