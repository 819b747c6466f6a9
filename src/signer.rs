//! The trait that every provider and every layer implements: its contract.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{Error, PublicKey, Result, SignRequest, Signed, health::Health};

/// Holds one key and signs requests with it.
///
/// Object safe, so that a service can hold an `Arc<dyn Signer>`; implemented for `&T`, `Box<T>`
/// and `Arc<T>`.
///
/// # Implementing a provider
///
/// Keep a [`Verifier`](crate::Verifier) of the key. In `sign`, take the bytes from
/// [`SignRequest::input_for`], have the key store sign them, and pass what it returned through
/// [`Verifier::release`](crate::Verifier::release): there is no other way to a
/// [`Signature`](crate::Signature).
///
/// ```
/// use kms_signer::{
///     Error, PublicKey, RawSignature, Receipt, Result, SignRequest, Signed, Signer,
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
///         let receipt = Receipt::new("C_Sign", "pkcs11:object=hot-wallet");
///         let raw = self.hsm.sign(input.as_bytes()).await.map_err(|source| {
///             let remedy = "check that the HSM is plugged in, then retry";
///             Error::key_store(KeyStoreFault::Unavailable, remedy, source)
///                 .with_receipt(receipt.clone())
///         })?;
///         self.verifier.release(&input, RawSignature::Fixed(&raw), receipt)
///     }
/// }
/// ```
///
/// # When the future is dropped
///
/// The signature of a request whose future was dropped reaches no caller, and the signer works as
/// before. Whether the key signed is not known then: a key store may have had the request already.
/// That does no harm by itself, since a signature that was not returned does nothing.
///
/// - Work that can be stopped is stopped: no retry and no second attempt is started, connections and
///   places are given back.
/// - Work that cannot be stopped, such as a blocking `C_Sign`, may finish *detached*, and its result
///   is thrown away. How much of it there can be at a time is bounded: `Blocking` (feature
///   `blocking`) does both.
/// - What a layer keeps of a request after its future is gone, such as an audit record, that layer
///   documents.
///
/// # Implementing a wrapper
///
/// Delegate every method to the same signer: an address comes from
/// [`public_key`](Self::public_key), and chain adapters refuse a signature of another key
/// ([`Error::SignedByAnotherKey`]).
/// [`note_refusal`](Self::note_refusal) has a default that does nothing, so a wrapper that forgets
/// it hides refusals from an audit layer inside, and [`check`](Self::check) one that is always ready;
/// clippy's `missing_trait_methods` finds that.
///
/// ```
/// # use kms_signer::{
/// #     Error, PublicKey, Result, SignRequest, Signed, Signer, async_trait, health::Health,
/// # };
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
///
///     async fn check(&self) -> Health {
///         self.0.check().await
///     }
/// }
/// ```
#[async_trait]
pub trait Signer: fmt::Debug + Send + Sync {
    /// The public key, known since construction: this is never a network call.
    fn public_key(&self) -> &PublicKey;

    /// Signs `request` and returns a signature that verified under [`public_key`](Self::public_key).
    ///
    /// An empty preimage or message is one like any other. Dropping the future ends the request, and
    /// nothing is returned: see [above](Self#when-the-future-is-dropped).
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
    /// Only what has bytes to sign makes a request. So an adapter calls this for none of the objects
    /// that it cannot encode: of Ethereum, a transaction of a type that alloy does not know, and typed
    /// data that alloy may not hash since a value or type is ambiguous or a bound is exceeded. Their
    /// error reaches the caller alone, who records it if a record is needed.
    ///
    /// It makes no call to a key store and cannot fail: a layer that cannot record the refusal
    /// reports that by itself.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        let _ = (request, error);
    }

    /// Finds out whether the key could sign now, without signing: for a readiness probe.
    ///
    /// What it asks, and within which time it returns, the provider documents. Layers and pointers ask
    /// the signer inside, without taking a turn under a limit. The default is for a signer with nothing
    /// to ask, which is ready.
    async fn check(&self) -> Health {
        Health::default()
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

            async fn check(&self) -> Health {
                (**self).check().await
            }
        }
    )+};
}

forward_signer!(&T, Box<T>, Arc<T>);
