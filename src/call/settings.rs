//! How long calls may take, and what is tried again: what builders let their users choose.

use std::time::Duration;

use super::Retries;
use crate::{Error, Result};

/// The longest timeout of an attempt that is not set.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// What a builder lets the user choose of its calls.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Of one attempt, from when it is sent. Unless it is set, [`Self::attempt_timeout`] derives it.
    pub(crate) attempt_timeout: Option<Duration>,
    /// Of a call, with all its attempts.
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
    /// How long one attempt may take: what was set, or else 3 s, and of a shorter call three tenths, so
    /// that a call has time for three attempts that hang.
    pub(crate) fn attempt_timeout(&self) -> Duration {
        self.attempt_timeout.unwrap_or_else(|| {
            (self.timeout.min(ATTEMPT_TIMEOUT * 10) * 3 / 10).min(ATTEMPT_TIMEOUT)
        })
    }

    /// Whether calls can be made so.
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
                    format!("`{name}` is 0, which no answer meets"),
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
                "set a shorter one, or none to have it derived",
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
