//! How long calls may take, and what is tried again: what builders let their users choose.

use std::time::Duration;

use super::Retries;

/// What a builder lets the user choose of its calls.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) attempt_timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) check_timeout: Duration,
    pub(crate) retries: Retries,
    pub(crate) trace_payload: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(3),
            deadline: Duration::from_secs(10),
            check_timeout: Duration::from_secs(1),
            retries: Retries::default(),
            trace_payload: false,
        }
    }
}
