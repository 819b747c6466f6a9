//! What HTTP itself says about a failure, for any key store. Pure: no network.

use std::time::Duration;

use crate::error::KeyStoreFault;

/// The longest `Retry-After` that is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The fault of an answer that has only its status to go by.
pub(crate) fn fault_of_status(status: u16) -> KeyStoreFault {
    match status {
        408 => KeyStoreFault::Timeout,
        429 => KeyStoreFault::Throttled,
        // 2xx: a success that cannot be read, such as a proxy's page.
        200..=299 | 500..=599 => KeyStoreFault::Unavailable,
        _ => KeyStoreFault::Other,
    }
}

/// The code to report when the key store gave none.
pub(crate) fn code_of_status(status: u16) -> String {
    format!("HTTP {status}")
}

/// Whether [`code_of_status`] made this code. There are at most a thousand of them.
pub(crate) fn is_code_of_status(code: &str) -> bool {
    let status = code.strip_prefix("HTTP ");
    status
        .is_some_and(|status| status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Reads `Retry-After` in whole seconds (RFC 9110 §10.2.3), at most an hour. Ignores dates.
pub(crate) fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    let is_number = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    // A number that does not fit is a long time too.
    let seconds = is_number.then(|| value.parse().unwrap_or(u64::MAX))?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests;
