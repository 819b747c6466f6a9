use std::time::Duration;

use super::*;

fn at(millis: u64) -> String {
    rfc3339(UNIX_EPOCH + Duration::from_millis(millis))
}

/// The seconds are what `date --utc --date=… +%s` gives.
#[test]
fn points_in_time_are_written_as_rfc_3339_asks() {
    for (millis, expected) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_000_000_000_000, "2001-09-09T01:46:40.000Z"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
        (1_795_342_272_345, "2026-11-22T10:11:12.345Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_001, "9999-12-31T23:59:59.001Z"),
    ] {
        assert_eq!(at(millis), expected);
    }
}

#[test]
fn a_clock_before_1970_is_taken_as_1970() {
    let before = UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(rfc3339(before), "1970-01-01T00:00:00.000Z");
}

/// Against a calendar that goes on day by day.
#[test]
fn every_day_of_nine_centuries_has_its_date() {
    let (mut year, mut month, mut day) = (1970, 1, 1);
    for days in 0..900 * 366 {
        assert_eq!(civil_date(days), (year, month, day));
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        day += 1;
        if day > length {
            (month, day) = (month + 1, 1);
        }
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
    assert!(year > 2870);
}
