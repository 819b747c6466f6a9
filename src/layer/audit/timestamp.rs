//! Points in time as text.

use std::time::{SystemTime, UNIX_EPOCH};

/// RFC 3339 §5.6 in UTC with milliseconds, for example `2026-11-22T10:11:12.345Z`.
///
/// Truncates, and takes a clock that is set before 1970 as 1970.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (
        since_epoch.as_secs() / 86_400,
        since_epoch.as_secs() % 86_400,
    );
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let milli = since_epoch.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Year, month and day in the Gregorian calendar, so many days after 1970-01-01.
///
/// Counts from March, so that the leap day is the last of its year: `civil_from_days` of Howard
/// Hinnant's "chrono-Compatible Low-Level Date Algorithms".
fn civil_date(days_since_epoch: u64) -> (u64, u64, u64) {
    // From 0000-03-01, in eras of 400 years, which are all equally long.
    let days = days_since_epoch + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months from March, and from August, have 153 days.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, years) = match month_from_march {
        0..=9 => (month_from_march + 3, 0),
        _ => (month_from_march - 9, 1),
    };
    (400 * era + year_of_era + years, month, day)
}

#[cfg(test)]
mod tests;
