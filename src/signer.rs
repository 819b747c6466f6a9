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
/// [`SignRequest::input_for`], have the key store sign them, and pass its answer to
/// [`Verifier::release`](crate::Verifier::release): there is no other way to make a
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
/// Dropping the future of `sign` ends the request: no caller gets its signature, and the signer
/// stays usable. The key may have signed nevertheless, because the key store may have received the
/// request. That does no harm: a signature that is not returned has no effect.
///
/// - A signer stops all work that it can stop: it starts no retry and no second attempt, and frees
///   connections and places under a limit.
/// - Work that cannot be stopped, such as a blocking `C_Sign`, may finish *detached*; its result is
///   discarded. A provider bounds how much such work runs at a time. `Blocking` (feature
///   `blocking`) does both.
/// - A layer may keep something of a request after its future is dropped, such as an audit record.
///   Its documentation says so.
///
/// # Implementing a wrapper
///
/// Delegate every method to the same signer: an address comes from
/// [`public_key`](Self::public_key), and chain adapters reject a signature of another key
/// ([`Error::SignedByAnotherKey`]). Two methods have defaults that a wrapper must replace:
/// [`note_refusal`](Self::note_refusal) does nothing, which hides refusals from an audit layer
/// inside, and [`check`](Self::check) is always ready. Clippy's `missing_trait_methods` finds a
/// forgotten one.
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

    /// Signs `request` and returns a signature that verified under
    /// [`public_key`](Self::public_key).
    ///
    /// An empty preimage or message is valid input. Dropping the future ends the request: see
    /// [above](Self#when-the-future-is-dropped).
    ///
    /// # Errors
    ///
    /// Before any call to the key store:
    /// [`Error::UnsupportedRequest`] when the key cannot sign
    /// this kind of request, [`Error::AmbiguousMessage`] for an
    /// Ed25519 message of 32 bytes, and [`Error::MessageLength`] when
    /// the key store does not accept a message of this length, such as an empty one for AWS KMS.
    /// The provider documents all other errors. See
    /// [`Error::is_retryable`].
    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed>;

    /// Notes that the caller rejected `request` with `error` and does not call
    /// [`sign`](Self::sign).
    ///
    /// A chain adapter calls this when the request breaks a limit of the adapter, such as a chain
    /// id that is not allowed, and then returns `error` to its caller. So an audit layer
    /// (`layer::audit`) can record a request that never reached the key store. A layer that rejects a
    /// request calls it for the signer inside, where an audit layer may be. Layers and pointers
    /// delegate it to the signer inside; the default, for providers, does nothing.
    ///
    /// An adapter does not call this for an object that it cannot encode, because such an object
    /// has no bytes to make a request from: for Ethereum, a transaction of a type that alloy does
    /// not know, and typed data with an ambiguous value or type or beyond a bound. Only the caller
    /// sees that error, and records it if a record is needed.
    ///
    /// This makes no call to a key store and cannot fail: a layer that cannot record the refusal
    /// reports that in an event.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        let _ = (request, error);
    }

    /// Checks whether the key could sign now, without signing: for a readiness probe.
    ///
    /// The provider documents what it checks and within which time it returns. Layers and pointers
    /// ask the signer inside, and use nothing of a limit. The default reports ready, for a signer
    /// that has nothing to check.
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
