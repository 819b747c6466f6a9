//! The trait that every provider and every layer implements.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{Error, PublicKey, Result, SignRequest, Signature};

/// Holds one key and signs requests with it.
///
/// Object safe, so that a service can hold an `Arc<dyn Signer>`; implemented for `&T`, `Box<T>`
/// and `Arc<T>`.
///
/// # Implementing a provider
///
/// Keep a [`Verifier`](crate::Verifier) of the key. In `sign`, take the bytes from
/// [`SignRequest::input_for`], have the key store sign them, and pass what it returned through
/// [`Verifier::accept`](crate::Verifier::accept): there is no other way to a [`Signature`].
///
/// ```
/// use kms_signer::{
///     Error, KeyInput, PublicKey, RawSignature, Receipt, Result, SignRequest, Signed, Signer,
///     Verifier, async_trait, error::KeyStoreFault,
/// };
/// # #[derive(Debug)] struct Hsm;
/// # impl Hsm {
/// #     async fn sign(&self, _: &[u8]) -> std::io::Result<Vec<u8>> { Ok(Vec::new()) }
/// # }
///
/// #[derive(Debug)]
/// struct HsmSigner {
///     hsm: Hsm,
///     verifier: Verifier,
/// }
///
/// #[async_trait]
/// impl Signer for HsmSigner {
///     fn public_key(&self) -> &PublicKey {
///         self.verifier.public_key()
///     }
///
///     async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
///         let input = request.input_for(self.public_key().key_type())?;
///         let bytes: &[u8] = match &input {
///             KeyInput::EcdsaPrehash(digest) => *digest,
///             KeyInput::Ed25519Message(message) => message,
///             // Of a kind of key that is yet to come.
///             _ => {
///                 return Err(Error::UnsupportedRequest {
///                     request: "unknown",
///                     key_type: self.public_key().key_type(),
///                 });
///             }
///         };
///         let receipt = Receipt::new("C_Sign", "pkcs11:object=hot-wallet");
///         let raw = self.hsm.sign(bytes).await.map_err(|source| Error::KeyStore {
///             fault: KeyStoreFault::Unavailable,
///             code: None,
///             retry_after: None,
///             remedy: "check that the HSM is plugged in, then retry".into(),
///             receipt: Some(Box::new(receipt.clone())),
///             source: source.into(),
///         })?;
///         match self.verifier.accept(&input, RawSignature::Fixed(&raw)) {
///             Ok(signature) => Ok(Signed::new(signature, receipt)),
///             Err(error) => Err(error.with_receipt(receipt)),
///         }
///     }
/// }
/// ```
///
/// # Implementing a wrapper
///
/// Delegate every method to the same signer. Nothing above compares them again: an address comes
/// from [`public_key`](Self::public_key), and a signature by another key would not belong to it.
/// [`note_refusal`](Self::note_refusal) has a default that does nothing, so a wrapper that forgets
/// it hides refusals from an audit layer inside; clippy's `missing_trait_methods` finds that.
///
/// ```
/// # use kms_signer::{Error, PublicKey, Result, SignRequest, Signed, Signer, async_trait};
/// #[derive(Debug)]
/// struct Audited<S>(S);
///
/// #[async_trait]
/// impl<S: Signer> Signer for Audited<S> {
///     fn public_key(&self) -> &PublicKey {
///         self.0.public_key()
///     }
///
///     async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
///         let signed = self.0.sign(request).await?;
///         println!("signed: {}", signed.receipt);
///         Ok(signed)
///     }
///
///     async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
///         println!("not signed: {error}");
///         self.0.note_refusal(request, error).await;
///     }
/// }
/// ```
#[async_trait]
pub trait Signer: fmt::Debug + Send + Sync {
    /// The public key, known since construction: this is never a network call.
    fn public_key(&self) -> &PublicKey;

    /// Signs `request` and returns a signature that verified under [`public_key`](Self::public_key).
    ///
    /// An empty preimage or message is one like any other.
    ///
    /// # Errors
    ///
    /// Before the key store is called: [`Error::UnsupportedRequest`](crate::Error::UnsupportedRequest)
    /// when the key cannot sign such a request, and
    /// [`Error::MessageLength`](crate::Error::MessageLength) when the key store does not take a
    /// message of this length, such as an empty one for AWS KMS. Otherwise what the provider
    /// documents. See [`Error::is_retryable`](crate::Error::is_retryable).
    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed>;

    /// Takes note that the caller refuses `request` with `error` and does not call
    /// [`sign`](Self::sign).
    ///
    /// A chain adapter calls this when a limit of its own is the reason, such as a chain id that is
    /// not allowed, and returns `error` to its caller afterwards. So an audit layer
    /// (`layer::audit`) has a record of an attempt that never reached the key store. Layers and
    /// pointers pass it on to the signer inside; a provider has nothing to do, which is the default.
    ///
    /// It makes no call to a key store and cannot fail: a layer that cannot record the refusal
    /// reports that by itself.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        let _ = (request, error);
    }
}

/// A verified signature and the record of how it was made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Signed {
    /// The signature: verified, canonical.
    pub signature: Signature,
    /// The call to the key store that made it.
    pub receipt: Receipt,
}

impl Signed {
    /// Joins a signature to the call that made it.
    pub fn new(signature: Signature, receipt: Receipt) -> Self {
        Self { signature, receipt }
    }
}

/// What is known of one call to a key store: enough to find it in the key store's own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    operation: &'static str,
    key: Arc<str>,
    pinned_key: Option<Arc<str>>,
    region: Option<Arc<str>>,
    request_id: Option<String>,
    attempts: u32,
    elapsed: Duration,
}

impl Receipt {
    /// A receipt of one attempt at `operation` with `key`, that took no time yet.
    pub fn new(operation: &'static str, key: impl Into<Arc<str>>) -> Self {
        Self {
            operation,
            key: key.into(),
            pinned_key: None,
            region: None,
            request_id: None,
            attempts: 1,
            elapsed: Duration::ZERO,
        }
    }

    /// Sets the key, once its full name is known.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.key = key.into();
        self
    }

    /// Sets the full name of the key that is pinned, if it is known.
    #[must_use]
    pub fn with_pinned_key(mut self, key: Option<Arc<str>>) -> Self {
        self.pinned_key = key;
        self
    }

    /// Sets the region or site of the key store.
    #[must_use]
    pub fn with_region(mut self, region: Option<Arc<str>>) -> Self {
        self.region = region;
        self
    }

    /// Sets the key store's id of the request.
    #[must_use]
    pub fn with_request_id(mut self, request_id: Option<String>) -> Self {
        self.request_id = request_id;
        self
    }

    /// Sets how many times the request was sent.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets how long the call took, all attempts together.
    #[must_use]
    pub fn with_elapsed(mut self, elapsed: Duration) -> Self {
        self.elapsed = elapsed;
        self
    }

    /// The key store's name of the operation, for example `Sign`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The key that answered: for AWS KMS its ARN. Of a call that failed, the id, alias or ARN that
    /// was asked for, since an alias may lead elsewhere by now.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The full name of the key that the signer is pinned to, if it is known: for AWS KMS its ARN.
    pub fn pinned_key(&self) -> Option<&str> {
        self.pinned_key.as_deref()
    }

    /// The region of the key store, when it has regions.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The key store's id of the request; CloudTrail has the same one as `requestID`.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// How many times the request was sent; 0 when it failed before that.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long the call took, all attempts together.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with key {}", self.operation, self.key)?;
        if let Some(region) = &self.region {
            write!(f, " in {region}")?;
        }
        if let Some(request_id) = &self.request_id {
            write!(f, ", request {request_id}")?;
        }
        match self.attempts {
            1 => Ok(()),
            attempts => write!(f, ", {attempts} attempts"),
        }
    }
}

macro_rules! forward_signer {
    ($($pointer:ty),+) => {$(
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: Signer + ?Sized> Signer for $pointer {
            fn public_key(&self) -> &PublicKey {
                (**self).public_key()
            }

            async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
                (**self).sign(request).await
            }

            async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
                (**self).note_refusal(request, error).await;
            }
        }
    )+};
}

forward_signer!(&T, Box<T>, Arc<T>);
