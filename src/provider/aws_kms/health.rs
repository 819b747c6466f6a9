//! Whether a key could sign now, found out without signing.

use std::{fmt, time::Duration};

use aws_sdk_kms::types::KeyState;
use tokio::time::Instant;

use super::{
    AwsKmsSigner, admission,
    call::Subject,
    key_id::{check_key, is_alias},
    protocol::{self, DryRun, KeyAnswer, PublicKeyAnswer, ToSign, missing},
};
use crate::{
    Error, KeyInput, KeyType, Receipt, Result, Signer as _,
    error::{KeyFault, KeyStoreFault},
};

/// What [`AwsKmsSigner::check`] found. Its `Display` is a report of one line for each question.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct Health {
    /// The key's state, from `DescribeKey`.
    pub state: Result<KeyState>,
    /// Whether the key is still the pinned one.
    pub pin: Result<PinCheck>,
    /// Whether this caller may sign with this key now: a dry run of `Sign`.
    pub may_sign: Result<()>,
    /// How long that dry run took: about as long as a signature takes.
    pub latency: Duration,
}

/// How it is known that the key is the pinned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PinCheck {
    /// KMS exports the pinned public key.
    PublicKey,
    /// It has the pinned ARN. The public key of a KMS key never changes.
    Arn,
    /// Neither could be read or compared, for lack of permissions or because no ARN is known yet.
    /// The next signature will show it; no other key's is ever released.
    Unproven,
}

impl Health {
    /// Whether the next request is likely to be signed.
    ///
    /// What could not be found out for lack of `kms:DescribeKey` or `kms:GetPublicKey` does not
    /// count against it.
    pub fn is_ready(&self) -> bool {
        let state_allows = match &self.state {
            Ok(state) => *state == KeyState::Enabled,
            Err(error) => is_denied(error),
        };
        state_allows && self.pin.is_ok() && self.may_sign.is_ok()
    }

    /// Whether something answered at all, with whatever.
    pub fn is_reachable(&self) -> bool {
        let silent = |error: &Error| match error {
            Error::KeyStore { fault, receipt, .. } => {
                matches!(fault, KeyStoreFault::Connection | KeyStoreFault::Timeout)
                    || receipt
                        .as_ref()
                        .is_some_and(|receipt| receipt.attempts() == 0)
            }
            Error::InvalidConfig { .. } | Error::DeadlineExceeded { .. } => true,
            _ => false,
        };
        [self.state.is_ok(), self.pin.is_ok(), self.may_sign.is_ok()].contains(&true)
            || self.errors().any(|error| !silent(error))
    }

    /// Each question that has an error for an answer.
    pub fn errors(&self) -> impl Iterator<Item = &Error> {
        let state = self.state.as_ref().err();
        let pin = self.pin.as_ref().err();
        state
            .into_iter()
            .chain(pin)
            .chain(self.may_sign.as_ref().err())
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            Ok(state) => writeln!(f, "key state: {}", state.as_str())?,
            Err(error) => writeln!(f, "key state: {error}")?,
        }
        match &self.pin {
            Ok(PinCheck::PublicKey) => writeln!(f, "public key: the pinned one")?,
            Ok(PinCheck::Arn) => writeln!(f, "public key: that of the pinned ARN")?,
            Ok(PinCheck::Unproven) => writeln!(f, "public key: not compared")?,
            Err(error) => writeln!(f, "public key: {error}")?,
        }
        match &self.may_sign {
            Ok(()) => write!(f, "signing: allowed, {} ms", self.latency.as_millis()),
            Err(error) => write!(f, "signing: {error}"),
        }
    }
}

impl AwsKmsSigner {
    /// Finds out whether the key could sign now, without signing.
    ///
    /// Three calls at the same time: `DescribeKey`, `GetPublicKey`, and `Sign` with `DryRun`. Only
    /// `kms:Sign` is needed. With `kms:DescribeKey` the state is known too, and with
    /// `kms:GetPublicKey` the public key is compared; without it the ARN that `DescribeKey` gives
    /// is. Each call has the signer's deadline and one attempt. They count against the account's quota, so ask every few seconds
    /// rather than before each signature. A probe that has less time than the deadline puts
    /// `tokio::time::timeout` around this. For a wallet of several layers or regions, keep a clone
    /// of each `AwsKmsSigner`.
    ///
    /// ```no_run
    /// # async fn example(signer: kms_signer::provider::aws_kms::AwsKmsSigner) {
    /// let health = signer.check().await;
    /// if !health.is_ready() {
    ///     eprintln!("{health}");
    /// }
    /// # }
    /// ```
    pub async fn check(&self) -> Health {
        let deadline = self.caller.deadline();
        let (described, exported, (may_sign, latency)) = tokio::join!(
            self.describe(deadline),
            self.export(deadline),
            self.dry_run(deadline)
        );
        let pin = match (exported, &described) {
            (Ok(()), _) => Ok(PinCheck::PublicKey),
            (Err(error), _) if !is_denied(&error) => Err(error),
            (Err(_), Ok(description)) => self.compare_arn(description),
            (Err(_), Err(_)) => Ok(PinCheck::Unproven),
        };
        Health {
            state: described.map(|description| description.state),
            pin,
            may_sign,
            latency,
        }
    }

    async fn describe(&self, deadline: Instant) -> Result<Description> {
        let send =
            |overrides| protocol::describe_key(self.caller.client(), &self.key_id, overrides);
        let accept = |answer: KeyAnswer, receipt: Receipt| {
            let metadata = answer.metadata.ok_or_else(|| missing("KeyMetadata"));
            let description = metadata.and_then(|metadata| {
                Ok(Description {
                    arn: metadata.arn.ok_or_else(|| missing("Arn"))?,
                    state: metadata.state.ok_or_else(|| missing("KeyState"))?,
                })
            });
            description.map_err(|error| error.with_receipt(receipt))
        };
        let subject = self.subject("DescribeKey");
        self.caller.call(subject, deadline, send, accept).await
    }

    /// Fetches the public key and compares it with the pinned one.
    async fn export(&self, deadline: Instant) -> Result<()> {
        let send =
            |overrides| protocol::get_public_key(self.caller.client(), &self.key_id, overrides);
        let accept = |answer: PublicKeyAnswer, receipt: Receipt| {
            let same = admission::admit(self.key(), &answer).and_then(|(_, public_key)| {
                match public_key == *self.public_key() {
                    true => Ok(()),
                    false => Err(Error::KeyRefused {
                        fault: KeyFault::AnotherPublicKey,
                        receipt: None,
                    }),
                }
            });
            same.map_err(|error| error.with_receipt(receipt))
        };
        let subject = self.subject("GetPublicKey");
        self.caller.call(subject, deadline, send, accept).await
    }

    async fn dry_run(&self, deadline: Instant) -> (Result<()>, Duration) {
        let start = Instant::now();
        let may_sign = self.may_sign(deadline).await;
        (may_sign, start.elapsed())
    }

    async fn may_sign(&self, deadline: Instant) -> Result<()> {
        let input = match self.public_key().key_type() {
            KeyType::Secp256k1 | KeyType::P256 => KeyInput::EcdsaPrehash(DRY_RUN),
            KeyType::Ed25519 => KeyInput::Ed25519Message(DRY_RUN),
        };
        let asked = ToSign::new(&input)?;
        let send = |overrides| {
            let client = self.caller.client();
            protocol::dry_run(client, &self.key_id, &asked, overrides)
        };
        let accept = |answer: DryRun, _: Receipt| match answer {
            DryRun::Allowed { .. } => Ok(()),
            // What ignores `DryRun` has just signed, so it also may.
            DryRun::Signed(_) => Ok(()),
        };
        let subject = self.subject("Sign");
        self.caller.call(subject, deadline, send, accept).await
    }

    fn compare_arn(&self, description: &Description) -> Result<PinCheck> {
        match is_alias(self.key()) {
            // Which key it leads to is not pinned before the first signature.
            true => Ok(PinCheck::Unproven),
            false => check_key(self.key(), Some(&description.arn)).map(|_| PinCheck::Arn),
        }
    }

    fn subject(&self, operation: &'static str) -> Subject<'_> {
        Subject {
            operation,
            key: &self.key_id,
            arn: self.arn.get().cloned(),
            signs: None,
            is_probe: true,
        }
    }
}

/// What a dry run asks to have signed: 32 bytes, the hash of nothing that is known. Not zeros, since
/// anyone can make an ECDSA signature over a digest of zero under any public key.
const DRY_RUN: &[u8; 32] = b"kms-signer: may this key sign it";

struct Description {
    arn: String,
    state: KeyState,
}

fn is_denied(error: &Error) -> bool {
    let denied = KeyStoreFault::AccessDenied;
    matches!(error, Error::KeyStore { fault, .. } if *fault == denied)
}
