//! What HTTP itself says of a failure, whichever key store is behind it. Pure: no network.

use std::time::Duration;

use crate::error::KeyStoreFault;

/// No server may make a caller wait longer than this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// What the status of an answer means that does not say more.
pub(crate) fn fault_of_status(status: u16) -> KeyStoreFault {
    match status {
        408 => KeyStoreFault::Timeout,
        429 => KeyStoreFault::Throttled,
        // 2xx: something that calls itself a success and cannot be read, such as a proxy's page.
        200..=299 | 500..=599 => KeyStoreFault::Unavailable,
        _ => KeyStoreFault::Other,
    }
}

/// What stands for a code where the key store gave none.
pub(crate) fn code_of_status(status: u16) -> String {
    format!("HTTP {status}")
}

/// Whether a code is one of [`code_of_status`], of which there are a thousand at most.
pub(crate) fn is_code_of_status(code: &str) -> bool {
    let status = code.strip_prefix("HTTP ");
    status
        .is_some_and(|status| status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The value of `Retry-After` in whole seconds (RFC 9110 §10.2.3), at most an hour. Dates are ignored.
pub(crate) fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    let is_number = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    // More digits than fit are a long time as well.
    let seconds = is_number.then(|| value.parse().unwrap_or(u64::MAX))?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests;
