//! What a failover is made of.

use std::{fmt, time::Duration};

use super::{
    Failover,
    circuit::{Circuit, Settings},
};
use crate::{Error, PublicKey, Result, Signer};

/// Configures a [`Failover`].
#[derive(Clone, Debug)]
#[must_use]
pub struct FailoverBuilder<S> {
    signers: Vec<S>,
    settings: Settings,
    asks_elsewhere: bool,
}

impl<S: Signer> FailoverBuilder<S> {
    pub(super) fn new(signers: Vec<S>) -> Self {
        Self {
            signers,
            settings: Settings::default(),
            asks_elsewhere: true,
        }
    }

    /// How many retryable failures in a row open the circuit of a signer, so that requests skip it.
    /// 3 by default.
    pub fn failures(mut self, failures: u32) -> Self {
        self.settings.failures = failures;
        self
    }

    /// How long a circuit stays open before one request probes the signer. 5 s by default; with 0
    /// the next request probes it.
    ///
    /// Longer if the signer's last failure asked for more, up to 1 min.
    pub fn open_for(mut self, open_for: Duration) -> Self {
        self.settings.open_for = open_for;
        self
    }

    /// Whether the next signer is asked after an error that is not retryable but
    /// [`may_succeed_elsewhere`](Error::may_succeed_elsewhere): access denied, a key that is not
    /// found, disabled or in a wrong state, a wrong endpoint, or an answer that is too long. `true`
    /// by default; with `false` such an error is returned.
    pub fn ask_elsewhere(mut self, asks: bool) -> Self {
        self.asks_elsewhere = asks;
        self
    }

    /// Puts the layer around the signers, with all circuits closed.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] when there is no signer, when the signers have different public
    /// keys, and when `failures` is 0.
    pub fn build(self) -> Result<Failover<S>> {
        if self.settings.failures == 0 {
            return Err(Error::invalid_config("`failures` is 0", "use at least 1"));
        }
        let public_key = one_key(&self.signers)?;
        Ok(Failover {
            circuits: self.signers.iter().map(|_| Circuit::default()).collect(),
            signers: self.signers,
            settings: self.settings,
            asks_elsewhere: self.asks_elsewhere,
            public_key,
        })
    }
}

/// The public key that all signers have.
fn one_key<S: Signer>(signers: &[S]) -> Result<PublicKey> {
    let Some(first) = signers.first() else {
        return Err(no_signers());
    };
    let public_key = first.public_key();
    let mut keys = signers.iter().map(S::public_key).enumerate();
    match keys.find(|(_, key)| *key != public_key) {
        None => Ok(public_key.clone()),
        Some((index, other)) => Err(Error::invalid_config(
            format!(
                "signer {index} has the public key {} and signer 0 has {}",
                Short(other),
                Short(public_key),
            ),
            "list signers of one key only, such as a multi-Region key and its replicas",
        )),
    }
}

pub(super) fn no_signers() -> Error {
    Error::invalid_config("there is no signer to ask", "list at least one")
}

/// Displays enough of a public key to tell it from another one.
struct Short<'a>(&'a PublicKey);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = base16ct::lower::encode_string(&self.0.to_bytes());
        let last = key.get(key.len().saturating_sub(8)..).unwrap_or_default();
        write!(f, "{} {key:.12}…{last}", self.0.key_type())
    }
}
