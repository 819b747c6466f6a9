//! Corrects the signing time when this machine's clock is wrong.
//!
//! AWS rejects requests signed more than five minutes in the past or the future. From such a
//! rejection, and from no other answer, a client learns by how much the clocks differ.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource, TimeSource};
use aws_smithy_types::{DateTime, date_time::Format};

/// The smallest difference that is corrected, in seconds; AWS accepts smaller ones.
const LEAST: i64 = 60;

/// The largest difference that is believed, in seconds: with more, TLS would often have rejected
/// the certificate.
const MOST: i64 = 24 * 60 * 60;

/// How many seconds KMS's clock is ahead of this machine's. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// The clock for one attempt, on top of the client's own.
    pub(super) fn for_attempt(&self, own: Option<SharedTimeSource>) -> AttemptClock {
        AttemptClock {
            own: own.unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new())),
            ahead: self.ahead.load(Ordering::Relaxed),
            is_hidden: Arc::default(),
        }
    }

    /// Learns from a rejection with the `Date` header `answered`, of a request that `attempt`
    /// signed with the `x-amz-date` header `signed`. Returns whether the difference was stored, so
    /// that another attempt would use another time.
    pub(super) fn correct(&self, attempt: &AttemptClock, signed: &str, answered: &str) -> bool {
        let (Some(signed), Ok(answered)) = (
            parse_amz_date(signed),
            DateTime::from_str(answered, Format::HttpDate),
        ) else {
            return false;
        };
        let difference = answered.secs().saturating_sub(signed.secs());
        let ahead = attempt.ahead.saturating_add(difference);
        if difference.saturating_abs() < LEAST || ahead.saturating_abs() > MOST {
            return false;
        }
        // Stored, not added: several attempts may learn the same difference.
        self.ahead.store(ahead, Ordering::Relaxed);
        true
    }
}

/// The clock of one attempt.
#[derive(Clone, Debug)]
pub(super) struct AttemptClock {
    own: SharedTimeSource,
    ahead: i64,
    is_hidden: Arc<AtomicBool>,
}

impl AttemptClock {
    /// Shows a time one hour ahead until [`show`](Self::show), while the SDK compares the clocks.
    ///
    /// Newer SDKs compare them with every answer, successful ones included, and sign the next
    /// request with the result, so any answer could change the time. They ignore an answer that
    /// seems to have taken more than 15 minutes.
    pub(super) fn hide(&self) {
        self.is_hidden.store(true, Ordering::Relaxed);
    }

    pub(super) fn show(&self) {
        self.is_hidden.store(false, Ordering::Relaxed);
    }
}

impl TimeSource for AttemptClock {
    fn now(&self) -> SystemTime {
        let hidden = match self.is_hidden.load(Ordering::Relaxed) {
            true => Duration::from_secs(60 * 60),
            false => Duration::ZERO,
        };
        let now = self.own.now();
        let ahead = Duration::from_secs(self.ahead.unsigned_abs());
        let corrected = match self.ahead >= 0 {
            true => now.checked_add(ahead),
            false => now.checked_sub(ahead),
        };
        let corrected = corrected.unwrap_or(now);
        corrected.checked_add(hidden).unwrap_or(corrected)
    }
}

/// `20260102T030405Z` (ISO 8601, basic format).
fn parse_amz_date(date: &str) -> Option<DateTime> {
    let part = |from: usize, to: usize| date.get(from..to);
    let extended = format!(
        "{}-{}-{}:{}:{}",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 11)?,
        part(11, 13)?,
        part(13, 16)?,
    );
    DateTime::from_str(&extended, Format::DateTime).ok()
}

#[cfg(test)]
mod tests;
