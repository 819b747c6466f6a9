//! Checks whether a key could sign now, without signing.

use std::{sync::Arc, time::Duration};

use aws_sdk_kms::types;
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
    error::{KeyFault, KeyStoreFault},
    health::{Health, KeyState, PinCheck, is_of_the_key},
};

impl AwsKmsSigner {
    /// [`Signer::check`](crate::Signer::check).
    pub(super) async fn ask_health(&self) -> Health {
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
            ..Health::default()
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
                    state: state_of(&metadata.state.ok_or_else(|| missing("KeyState"))?),
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
                        false => Err(Error::key_refused(KeyFault::AnotherPublicKey)),
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

    /// Loads the credentials in a background task, for up to the timeout of a call, and sends
    /// nothing.
    ///
    /// Without it, credentials that take longer than a check would never load while a service makes
    /// only checks, as it does before it is ready: the end of each check ends its load. One task at
    /// a time does this for all signers over the client.
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
            let overrides = attempt.overrides(client).interceptor(StopBeforeSending);
            let loaded = protocol::dry_run(client, &signer.key_id, &asked, overrides);
            // The next check shows whether this succeeded.
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
            // The key behind an alias is not pinned before the first signature.
            true => Ok(PinCheck::Unproven),
            false => {
                check_key(self.key(), self.region(), Some(&description.arn)).map(|_| PinCheck::Name)
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

/// Limits how long the background task keeps the signer alive. No source of credentials takes as
/// long.
const LONGEST_LOADING: Duration = Duration::from_secs(5 * 60);

/// The 32 bytes that a dry run asks to sign; no known message hashes to them. They are not zeros,
/// because anyone can make an ECDSA signature over a digest of zero under any public key.
const DRY_RUN: &[u8; 32] = b"kms-signer: may this key sign it";

struct Description {
    arn: String,
    state: KeyState,
}

/// KMS's states in the terms of every key store.
fn state_of(state: &types::KeyState) -> KeyState {
    match state {
        types::KeyState::Creating => KeyState::Creating,
        types::KeyState::Disabled => KeyState::Disabled,
        types::KeyState::Enabled => KeyState::Enabled,
        types::KeyState::PendingDeletion | types::KeyState::PendingReplicaDeletion => {
            KeyState::PendingDeletion
        }
        types::KeyState::PendingImport => KeyState::PendingImport,
        types::KeyState::Unavailable => KeyState::Unavailable,
        types::KeyState::Updating => KeyState::Updating,
        other => KeyState::Other(other.as_str().to_owned()),
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
