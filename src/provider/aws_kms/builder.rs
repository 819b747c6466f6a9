//! Configuration of an `AwsKmsSigner`, and the two ways to get its public key.

use std::{fmt, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kms::{
    Client,
    config::{Credentials, IdentityCache, ResolveCachedIdentity},
};

use tokio::time::{Instant, timeout_at};

use super::{
    AwsKmsSigner, admission, attempt::adjusted, caller::Caller, client_state::ClientState,
    key_id::KeyId, protocol,
};
use crate::{
    Error, PublicKey, Result, Retries,
    call::{Settings, Subject, in_future, require_runtime},
    text::clean,
};

/// Configures an [`AwsKmsSigner`]: which key, and how to reach KMS.
///
/// Credentials come from [`static_credentials`](Self::static_credentials), from a
/// [`client`](Self::client), from an [`sdk_config`](Self::sdk_config), or, when none of these is
/// given, from the SDK's default chain (environment, profile, SSO, web identity, ECS, EC2). They
/// belong to this signer alone: it writes nothing to the process environment, so signers for
/// different accounts do not affect each other.
#[derive(Clone)]
#[must_use = "a builder does nothing until `connect` or `connect_lazy` is called"]
pub struct AwsKmsSignerBuilder {
    key_id: String,
    source: Source,
    credentials: Option<Credentials>,
    region: Option<String>,
    endpoint_url: Option<String>,
    settings: Settings,
    /// The state of the signer that it was made from, as long as both use the same client.
    state: Option<Arc<ClientState>>,
}

#[derive(Clone)]
enum Source {
    DefaultChain,
    SdkConfig(Box<SdkConfig>),
    Client(Client),
}

impl AwsKmsSignerBuilder {
    pub(super) fn new(key_id: String) -> Self {
        Self {
            key_id,
            source: Source::DefaultChain,
            credentials: None,
            region: None,
            endpoint_url: None,
            settings: Settings::default(),
            state: None,
        }
    }

    pub(super) fn with_caller(key_id: String, caller: &Caller) -> Self {
        Self {
            source: Source::Client(caller.client().clone()),
            settings: caller.settings().clone(),
            state: Some(caller.state().clone()),
            ..Self::new(key_id)
        }
    }

    /// Uses the settings and credentials of an SDK configuration.
    pub fn sdk_config(mut self, config: &SdkConfig) -> Self {
        self.source = Source::SdkConfig(Box::new(config.clone()));
        self.state = None;
        self
    }

    /// Uses an existing client, with its connections and credentials. This signer switches off the
    /// client's own retries, since it has [its own](Self::retries). With a client that has no
    /// region, it uses the region of the key's ARN.
    ///
    /// Older SDKs (such as `aws-smithy-runtime` 1.11) allow at most 5 s for loading credentials,
    /// regardless of the [`timeout`](Self::timeout). If yours may take longer, set
    /// `IdentityCache::lazy().load_timeout(…)` on the client, or on an `SdkConfig` that has an
    /// identity cache.
    ///
    /// If the client has an attempt timeout of its own, it applies in addition to
    /// [`attempt_timeout`](Self::attempt_timeout).
    ///
    /// For many keys of one account and region, use clones of one client: making a client takes
    /// milliseconds, and each client opens its own connections. Signers over clones of one client
    /// also share their retry [budget](Retries#budget), and so do signers from
    /// [`another_key`](AwsKmsSigner::another_key). A signer with its own credentials or endpoint
    /// gets a new client.
    pub fn client(mut self, client: Client) -> Self {
        self.source = Source::Client(client);
        self.state = None;
        self
    }

    /// Uses an access key, and for temporary credentials its session token, instead of any other
    /// source of credentials. Prefer a role if you can: an access key does not expire.
    pub fn static_credentials(
        mut self,
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        session_token: Option<String>,
    ) -> Self {
        self.credentials = Some(Credentials::new(
            access_key_id,
            secret_access_key,
            session_token,
            None,
            "kms-signer",
        ));
        self.state = None;
        self
    }

    /// Sets the region. Otherwise it comes from the client or SDK configuration, then the key's
    /// ARN, then the environment. A key ARN of another region is an error.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self.state = None;
        self
    }

    /// Sends requests to this URL: a VPC endpoint or a proxy. For an emulator, call
    /// [`emulator`](Self::emulator).
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint_url = Some(url.into());
        self.state = None;
        self
    }

    /// Sends requests to an emulator of KMS, such as this crate's `emulator::aws_kms` or
    /// LocalStack, with a dummy access key.
    ///
    /// This is [`endpoint_url`](Self::endpoint_url), [`region`](Self::region) and
    /// [`static_credentials`](Self::static_credentials) in one call, so that it neither looks for
    /// nor sends credentials of the environment. For tests: an emulator protects no key.
    ///
    /// ```
    /// # #[cfg(feature = "emulator")]
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use kms_signer::{KeyType, emulator::aws_kms::KmsEmulator, provider::aws_kms::AwsKmsSigner};
    ///
    /// let kms = KmsEmulator::start().await?;
    /// let key_arn = kms.create_key(KeyType::Secp256k1)?;
    /// let builder = AwsKmsSigner::builder(key_arn).emulator(kms.endpoint_url(), kms.region());
    /// let signer = builder.connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emulator(self, endpoint_url: impl Into<String>, region: impl Into<String>) -> Self {
        self.endpoint_url(endpoint_url)
            .region(region)
            .static_credentials("test", "test", None)
    }

    /// Sets how long one attempt at a call may take, from when it is sent. The default is 3 s, or
    /// three tenths of a [`timeout`](Self::timeout) below 10 s.
    ///
    /// Keep it well below the [`timeout`](Self::timeout), or an attempt that hangs leaves no time
    /// for a retry. Zero is an error, and so is more than the `timeout`.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.settings.attempt_timeout = Some(timeout);
        self
    }

    /// Sets how long a whole call may take, with all its attempts, the pauses between them, and
    /// loading credentials; 10 s by default.
    ///
    /// [`sign`](crate::Signer::sign) and [`connect`](Self::connect) always return by then, even if
    /// KMS never answers. Zero is an error.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Sets how long a [`check`](crate::Signer::check) may take, even if KMS never answers; 1 s by
    /// default, as long as Kubernetes waits for a readiness probe. Zero is an error.
    ///
    /// Loading credentials counts. If a check ends before they are loaded, they go on loading in
    /// the background, for up to the `timeout` of a call (5 minutes at most), so that a later check
    /// has them.
    pub fn check_timeout(mut self, timeout: Duration) -> Self {
        self.settings.check_timeout = timeout;
        self
    }

    /// Sets how often failed calls are retried, and after which pauses; see [`Retries`].
    pub fn retries(mut self, retries: Retries) -> Self {
        self.settings.retries = retries;
        self
    }

    /// Adds the preimage of each signature to the tracing span of its call, in hexadecimal.
    ///
    /// Off by default: transactions and messages in a log are often confidential.
    pub fn trace_preimage(mut self, on: bool) -> Self {
        self.settings.trace_preimage = on;
        self
    }

    /// Connects now: fetches the public key with one `GetPublicKey` call and pins it.
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidConfig`] when the key id is malformed, no region is known, the key's ARN
    ///   names another region, the endpoint is not a URL, a timeout is zero, the attempt timeout
    ///   exceeds the timeout, or there is no tokio runtime.
    /// - [`Error::TimedOut`] when loading the AWS configuration took longer than a call may take.
    /// - [`Error::KeyStore`] when KMS returned an error or could not be reached.
    /// - [`Error::KeyRefused`] when the key has the wrong spec or usage, or its description
    ///   contradicts its public key.
    /// - [`Error::KeyMoved`] when the answer is about another key than the id or ARN names.
    /// - [`Error::UnusableAnswer`] when the answer lacks a field, names no key, or is too long.
    pub async fn connect(self) -> Result<AwsKmsSigner> {
        let (caller, key_id, deadline) = self.caller().await?;
        let subject = Subject {
            operation: "GetPublicKey",
            key: &key_id,
            pinned_key: None,
            signs: None,
            is_probe: false,
        };
        let send = |overrides| protocol::get_public_key(caller.client(), &key_id, overrides);
        let (pin, public_key) = caller
            .call(subject, deadline, send, |answer, receipt| {
                let admitted = admission::admit(&key_id, caller.region(), &answer);
                admitted.map_err(|error| error.with_receipt(receipt))
            })
            .await?;
        Ok(AwsKmsSigner::new(caller, key_id, Some(pin), public_key))
    }

    /// Pins a public key that you already know, and makes no call to KMS until the first signature.
    /// `kms:GetPublicKey` is not needed.
    ///
    /// It is `async` because it may have to look up credentials and the region.
    ///
    /// The first signature shows whether KMS holds this key: if it does not verify, `sign` returns
    /// [`Error::SignatureNotVerified`] instead. Give the key's ARN rather than an alias, so that
    /// the ARN is pinned too.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] and [`Error::TimedOut`] as with [`connect`](Self::connect).
    pub async fn connect_lazy(self, public_key: PublicKey) -> Result<AwsKmsSigner> {
        let (caller, key_id, _) = self.caller().await?;
        let is_key_arn = KeyId::parse(&key_id).is_some_and(|key_id| key_id.is_key_arn());
        let arn = is_key_arn.then(|| key_id.to_string());
        Ok(AwsKmsSigner::new(caller, key_id, arn, public_key))
    }

    async fn caller(self) -> Result<(Caller, Arc<str>, Instant)> {
        require_runtime()?;
        self.settings.validate()?;
        let (settings, state) = (self.settings.clone(), self.state.clone());
        let deadline = in_future(settings.timeout);
        let given = self.given_client().cloned();
        let (client, key_id) = self.client_and_key(deadline).await?;
        let region = client.config().region().map(Region::as_ref);
        let state =
            state.unwrap_or_else(|| ClientState::of(given.as_ref().unwrap_or(&client), region));
        Ok((Caller::new(client, settings, state), key_id, deadline))
    }

    /// The client that was given, unless the calls go to another endpoint or account.
    fn given_client(&self) -> Option<&Client> {
        match &self.source {
            Source::Client(client) if self.endpoint_url.is_none() && self.credentials.is_none() => {
                Some(client)
            }
            _ => None,
        }
    }

    async fn client_and_key(self, deadline: Instant) -> Result<(Client, Arc<str>)> {
        let key_region = parse(&self.key_id)?.region().map(str::to_owned);
        // Use the client unchanged, so that its connections are shared.
        if let (Some(client), None) = (self.given_client(), &self.region)
            && let Some(region) = client.config().region()
        {
            check_region(Some(region), key_region.as_deref())?;
            return Ok((client.clone(), self.key_id.into()));
        }
        let mut config = match &self.source {
            Source::Client(client) => client.config().to_builder(),
            Source::SdkConfig(config) => {
                let mut builder = aws_sdk_kms::config::Builder::from(&**config);
                if config.behavior_version().is_none() {
                    // The SDK would panic without one.
                    builder = builder.behavior_version(behavior());
                }
                match config.identity_cache() {
                    Some(_) => builder,
                    None => builder.identity_cache(identity_cache()),
                }
            }
            Source::DefaultChain => {
                let mut loader = aws_config::defaults(behavior());
                // With a known region the SDK looks none up, which could go to the network.
                if let Some(region) = self.region.clone().or_else(|| key_region.clone()) {
                    loader = loader.region(Region::new(region));
                }
                if let Some(credentials) = self.credentials.clone() {
                    loader = loader.credentials_provider(credentials);
                }
                // This may go to the network, so it counts against the deadline too.
                let loaded = timeout_at(deadline, loader.load()).await;
                let config = loaded.map_err(|_| {
                    let stage = "while loading the AWS configuration";
                    Error::timed_out(self.settings.timeout, stage)
                })?;
                aws_sdk_kms::config::Builder::from(&config).identity_cache(identity_cache())
            }
        };
        if let Some(credentials) = self.credentials {
            config = config.credentials_provider(credentials);
        }
        if let Some(url) = self.endpoint_url {
            check_endpoint(&url)?;
            config.set_endpoint_url(Some(url));
        }
        let configured = config.clone().build();
        let region = (self.region.map(Region::new))
            .or_else(|| configured.region().cloned())
            .or_else(|| key_region.clone().map(Region::new));
        check_region(region.as_ref(), key_region.as_deref())?;
        config.set_region(region);
        let config = adjusted(&configured, config);
        Ok((Client::from_conf(config.build()), self.key_id.into()))
    }
}

/// Pinned, because `latest` would change timeouts and retries with an update of the SDK.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// Lets credentials load for as long as the call that waits for them, whose deadline ends the wait.
/// Older SDKs would allow 5 s.
fn identity_cache() -> impl ResolveCachedIdentity + 'static {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    IdentityCache::lazy().load_timeout(DAY).build()
}

/// Rejects a malformed key id now: KMS would do so only on the first call, and `connect_lazy` makes
/// none.
fn parse(key_id: &str) -> Result<KeyId<'_>> {
    KeyId::parse(key_id).ok_or_else(|| {
        Error::invalid_config(
            format!("`{}` cannot be a key in KMS", clean(key_id, 256)),
            "give a key id, a key ARN (arn:aws:kms:REGION:ACCOUNT:key/ID), an alias name \
             (alias/NAME) or an alias ARN",
        )
    })
}

/// Rejects a malformed URL now; the SDK would do so only on the first request.
fn check_endpoint(url: &str) -> Result<()> {
    let parts = url.parse().map(http::Uri::into_parts);
    match parts.map(|parts| (parts.scheme, parts.authority)) {
        Ok((Some(scheme), Some(_))) if ["http", "https"].contains(&scheme.as_str()) => Ok(()),
        // Do not show the URL, which may hold a password.
        _ => Err(Error::invalid_config(
            "the endpoint is not a URL with a host",
            "give one with http:// or https:// and a host, such as http://localhost:4566",
        )),
    }
}

fn check_region(region: Option<&Region>, key_region: Option<&str>) -> Result<()> {
    match (region.map(Region::as_ref), key_region) {
        (None, _) => Err(Error::invalid_config(
            "no AWS region is known",
            "call .region(…), set AWS_REGION, or give the key's ARN",
        )),
        // The region becomes part of a host name.
        (Some(region), _)
            if region.is_empty()
                || !region
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-') =>
        {
            Err(Error::invalid_config(
                format!("`{}` is not the name of an AWS region", clean(region, 256)),
                "give one such as eu-central-1",
            ))
        }
        (Some(region), Some(key_region)) if region != key_region => Err(Error::invalid_config(
            format!("the key's ARN is in region {key_region} and the client is set to {region}"),
            "use the key's region",
        )),
        _ => Ok(()),
    }
}

/// Shows neither credentials nor the endpoint, whose URL may hold a password.
impl fmt::Debug for AwsKmsSignerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKmsSignerBuilder")
            .field("key_id", &self.key_id)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
