//! The receipt of a signature: a record of the call that made it.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use crate::{
    Error, PublicKey, Result, Signature,
    text::{MAX_NAME, MAX_SENTENCE, cleaned, shared},
};

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

    /// Returns `self` if the signature was accepted under `public_key`.
    ///
    /// A chain adapter calls this on each answer of its signer, with
    /// [`Signer::public_key`](crate::Signer::public_key), from which it takes its address.
    ///
    /// # Errors
    ///
    /// [`Error::SignedByAnotherKey`] if it was accepted under another key.
    pub fn require_key(self, public_key: &PublicKey) -> Result<Self> {
        match self.signature.public_key() == public_key {
            true => Ok(self),
            false => Err(Error::signed_by_another_key().with_receipt(self.receipt)),
        }
    }
}

/// A record of one call to a key store, with enough detail to find the call in the key store's own
/// log.
///
/// Its texts are shown in logs: they are cut, and a character that does not print is replaced by `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    operation: Cow<'static, str>,
    key: Arc<str>,
    pinned_key: Option<Arc<str>>,
    region: Option<Arc<str>>,
    request_id: Option<String>,
    attempts: u32,
    elapsed: Duration,
}

impl Receipt {
    /// Creates a receipt of one attempt at `operation` with `key`, and no time elapsed.
    pub fn new(operation: impl Into<Cow<'static, str>>, key: impl Into<Arc<str>>) -> Self {
        Self {
            operation: cleaned(operation, MAX_NAME),
            key: shared(key, MAX_SENTENCE),
            pinned_key: None,
            region: None,
            request_id: None,
            attempts: 1,
            elapsed: Duration::ZERO,
        }
    }

    /// Sets the key, once the key store has said its full name.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.key = shared(key, MAX_SENTENCE);
        self
    }

    /// Sets the full name of the key that is pinned, if it is known.
    #[must_use]
    pub fn with_pinned_key(mut self, key: Option<Arc<str>>) -> Self {
        self.pinned_key = key.map(|key| shared(key, MAX_SENTENCE));
        self
    }

    /// Sets the region or site of the key store.
    #[must_use]
    pub fn with_region(mut self, region: Option<Arc<str>>) -> Self {
        self.region = region.map(|region| shared(region, MAX_NAME));
        self
    }

    /// Sets the key store's id of the request.
    #[must_use]
    pub fn with_request_id(mut self, request_id: Option<String>) -> Self {
        self.request_id = request_id.map(|id| cleaned(id, MAX_NAME).into_owned());
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
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The key that answered: for AWS KMS its ARN. If the call failed, the id, alias or ARN that it
    /// asked for, since the alias may point elsewhere by now.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The full name of the pinned key, if it is known: for AWS KMS its ARN.
    pub fn pinned_key(&self) -> Option<&str> {
        self.pinned_key.as_deref()
    }

    /// The region of the key store, if it has regions.
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

#[cfg(test)]
mod tests;
