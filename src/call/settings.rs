//! The settings of calls that every builder offers: timeouts, retries, tracing.

use std::time::Duration;

use super::Retries;
use crate::{Error, Result};

/// The longest attempt timeout that is derived.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// The settings of a provider's calls.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// For one attempt, from when it is sent. If unset, [`Self::attempt_timeout`] derives it.
    pub(crate) attempt_timeout: Option<Duration>,
    /// For a call with all its attempts.
    pub(crate) timeout: Duration,
    pub(crate) check_timeout: Duration,
    pub(crate) retries: Retries,
    pub(crate) trace_preimage: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            attempt_timeout: None,
            timeout: Duration::from_secs(10),
            check_timeout: Duration::from_secs(1),
            retries: Retries::default(),
            trace_preimage: false,
        }
    }
}

impl Settings {
    /// How long one attempt may take: the setting, or by default three tenths of `timeout` and at
    /// most 3 s, so that a call has time for three attempts that hang.
    pub(crate) fn attempt_timeout(&self) -> Duration {
        self.attempt_timeout.unwrap_or_else(|| {
            (self.timeout.min(ATTEMPT_TIMEOUT * 10) * 3 / 10).min(ATTEMPT_TIMEOUT)
        })
    }

    /// Checks that no timeout is zero and that an attempt fits into its call.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`], with the name of the setting.
    pub(crate) fn validate(&self) -> Result<()> {
        let attempt_timeout = self.attempt_timeout;
        for (name, timeout) in [
            ("timeout", Some(self.timeout)),
            ("attempt_timeout", attempt_timeout),
            ("check_timeout", Some(self.check_timeout)),
        ] {
            if timeout.is_some_and(|timeout| timeout.is_zero()) {
                return Err(Error::invalid_config(
                    format!("`{name}` is 0, so every call would time out"),
                    "set a longer one",
                ));
            }
        }
        match attempt_timeout {
            Some(attempt) if attempt > self.timeout => Err(Error::invalid_config(
                format!(
                    "`attempt_timeout` ({attempt:?}) is longer than `timeout` ({:?}), the time of \
                     all attempts",
                    self.timeout
                ),
                "set a shorter `attempt_timeout`, or leave it out: it is then derived from `timeout`",
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
