//! Whether a key could sign now, found out without signing.

use std::{fmt, sync::Arc, time::Duration};

use aws_sdk_kms::types::KeyState;
use tokio::time::{Instant, timeout_at};

use super::{
    AwsKmsSigner, admission,
    attempt::{Attempt, StopBeforeSending},
    key_id::{check_key, is_alias},
    protocol::{self, DryRun, KeyAnswer, PublicKeyAnswer, ToSign, missing},
};
use crate::{
    Error, KeyInput, KeyType, Receipt, Result, Signer as _,
    call::{Sent, Subject, in_future},
    error::{AnswerFault, KeyFault, KeyStoreFault},
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
    /// Neither may be read, or no ARN is known yet to compare. The next signature shows it; one of
    /// another key is never returned.
    Unproven,
}

impl Health {
    /// Whether the next request is likely to be signed: the dry run succeeded, and nothing that KMS
    /// says of the key speaks against it.
    ///
    /// What could not be found out does not count: a `DescribeKey` or `GetPublicKey` that is not
    /// allowed, throttled or late says nothing of the key. A key in the state `Updating` signs.
    pub fn is_ready(&self) -> bool {
        let speaks_against = [self.state.as_ref().err(), self.pin.as_ref().err()];
        let state_allows = match &self.state {
            Ok(state) => matches!(state, KeyState::Enabled | KeyState::Updating),
            Err(_) => true,
        };
        state_allows
            && self.may_sign.is_ok()
            && !speaks_against.into_iter().flatten().any(is_of_the_key)
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
    /// Makes three calls at the same time, each once: `DescribeKey`, `GetPublicKey`, and `Sign` with
    /// `DryRun`. Returns within 1 s, or within
    /// [`check_timeout`](super::AwsKmsSignerBuilder::check_timeout); a call that has no answer by
    /// then is an error in the [`Health`]. Only `kms:Sign` is needed. With `kms:DescribeKey` the
    /// state is known too, and with `kms:GetPublicKey` the public key is compared; without it the
    /// ARN that `DescribeKey` gives is. The calls count against the account's quota, so check every
    /// few seconds rather than before each signature. For a wallet of several layers or regions,
    /// keep a clone of each `AwsKmsSigner`.
    ///
    /// A server that does not know `DryRun` signs a constant of this crate. That signature has to
    /// pass the checks of any other one, and is thrown away.
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
        let deadline = in_future(self.caller.settings().check_timeout);
        let (described, exported, (may_sign, latency)) = tokio::join!(
            self.describe(deadline),
            self.export(deadline),
            self.dry_run(deadline)
        );
        if is_waiting_for_credentials(&may_sign) {
            self.go_on_loading_credentials();
        }
        let pin = match (exported, &described) {
            (Ok(()), _) => Ok(PinCheck::PublicKey),
            (Err(error), _) if is_of_the_key(&error) => Err(error),
            (Err(_), Ok(description)) => self.compare_arn(description),
            (Err(error), Err(_)) if is_denied(&error) => Ok(PinCheck::Unproven),
            (Err(error), Err(_)) => Err(error),
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
            let same =
                admission::admit(self.key(), self.region(), &answer).and_then(|(_, public_key)| {
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
        let input = self.dry_run_input();
        let asked = ToSign::new(&input)?;
        let send = |overrides| {
            let client = self.caller.client();
            protocol::dry_run(client, &self.key_id, &asked, overrides)
        };
        let accept = |answer: DryRun, receipt: Receipt| match answer {
            DryRun::Allowed { .. } => Ok(()),
            DryRun::Signed(answer) => self.verify(&answer, &input, &asked, receipt).map(drop),
        };
        let subject = self.subject("Sign");
        self.caller.call(subject, deadline, send, accept).await
    }

    /// Loads the credentials in a task of its own, for as long as a call may take, and sends nothing.
    ///
    /// Ending the check ended that, so that where nothing but checks are made, as before a service
    /// is ready, credentials that take longer than a check would never be there.
    /// However many checks ask for it, one task does it for all signers over the client.
    fn go_on_loading_credentials(&self) {
        let Some(loading) = self.caller.state().begin_loading() else {
            return;
        };
        let signer = self.clone();
        tokio::spawn(async move {
            let _until_the_end = loading;
            let Ok(asked) = ToSign::new(&signer.dry_run_input()) else {
                return;
            };
            let client = signer.caller.client();
            let timeout = signer.caller.settings().timeout.min(LONGEST_LOADING);
            let attempt = Attempt::new(
                client,
                signer.caller.state().clock(),
                Arc::new(Sent::default()),
            );
            let overrides = attempt
                .overrides(client, timeout)
                .interceptor(StopBeforeSending);
            let loaded = protocol::dry_run(client, &signer.key_id, &asked, overrides);
            // Whether it went well is for the next check to find out.
            let _ = timeout_at(in_future(timeout), loaded).await;
        });
    }

    fn dry_run_input(&self) -> KeyInput<'static> {
        match self.public_key().key_type() {
            KeyType::Secp256k1 | KeyType::P256 => KeyInput::EcdsaPrehash(DRY_RUN),
            KeyType::Ed25519 => KeyInput::Ed25519Message(DRY_RUN),
        }
    }

    fn compare_arn(&self, description: &Description) -> Result<PinCheck> {
        match is_alias(self.key()) {
            // Which key it leads to is not pinned before the first signature.
            true => Ok(PinCheck::Unproven),
            false => {
                check_key(self.key(), self.region(), Some(&description.arn)).map(|_| PinCheck::Arn)
            }
        }
    }

    fn subject(&self, operation: &'static str) -> Subject<'_> {
        Subject {
            operation,
            key: &self.key_id,
            pinned_key: self.arn.get().cloned(),
            signs: None,
            is_probe: true,
        }
    }
}

/// No source of credentials takes as long, and the task that waits for them holds the signer.
const LONGEST_LOADING: Duration = Duration::from_secs(5 * 60);

/// What a dry run asks to have signed: 32 bytes, the hash of nothing that is known. Not zeros, since
/// anyone can make an ECDSA signature over a digest of zero under any public key.
const DRY_RUN: &[u8; 32] = b"kms-signer: may this key sign it";

struct Description {
    arn: String,
    state: KeyState,
}

/// Whether KMS says something of the key itself, and not only that it cannot or will not say.
fn is_of_the_key(error: &Error) -> bool {
    match error {
        Error::KeyStore { fault, .. } => matches!(
            fault,
            KeyStoreFault::NotFound
                | KeyStoreFault::Disabled
                | KeyStoreFault::InvalidState
                | KeyStoreFault::InvalidUsage
        ),
        Error::KeyMoved { .. } | Error::KeyRefused { .. } => true,
        // What is incomplete or too long says nothing of the key.
        Error::UnusableAnswer { fault, .. } => matches!(
            fault,
            AnswerFault::Key { .. } | AnswerFault::Algorithm { .. }
        ),
        _ => false,
    }
}

/// Whether time ran out before anything was sent.
fn is_waiting_for_credentials(may_sign: &Result<()>) -> bool {
    let timeout = KeyStoreFault::Timeout;
    match may_sign {
        Err(Error::KeyStore { fault, receipt, .. }) if *fault == timeout => receipt
            .as_ref()
            .is_some_and(|receipt| receipt.attempts() == 0),
        _ => false,
    }
}

fn is_denied(error: &Error) -> bool {
    let denied = KeyStoreFault::AccessDenied;
    matches!(error, Error::KeyStore { fault, .. } if *fault == denied)
}
