use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One setting is enough: a short `timeout` alone still leaves time for a retry.
#[test]
fn a_timeout_alone_leaves_room_for_retries() {
    for (timeout, attempt) in [
        (ms(10), ms(3)),
        (ms(2_000), ms(600)),
        (ms(9_999), Duration::from_micros(2_999_700)),
        (ms(10_000), ms(3_000)),
        (ms(60_000), ms(3_000)),
        (Duration::MAX, ms(3_000)),
    ] {
        let settings = Settings {
            timeout,
            ..Settings::default()
        };
        settings.validate().unwrap();
        assert_eq!(settings.attempt_timeout(), attempt);
        assert!(settings.attempt_timeout() * 3 < timeout);
    }
    assert_eq!(Settings::default().attempt_timeout(), ms(3_000));
}

#[test]
fn an_attempt_timeout_that_was_set_stays() {
    for (attempt, timeout) in [
        (ms(1), ms(1)),
        (ms(9_000), ms(10_000)),
        (ms(30), Duration::MAX),
    ] {
        let settings = Settings {
            attempt_timeout: Some(attempt),
            timeout,
            ..Settings::default()
        };
        settings.validate().unwrap();
        assert_eq!(settings.attempt_timeout(), attempt);
    }
}

#[test]
fn impossible_timeouts_are_rejected_by_name() {
    let zero = Duration::ZERO;
    let fine = Settings::default;
    for (settings, start) in [
        (
            Settings {
                timeout: zero,
                ..fine()
            },
            "`timeout` is 0",
        ),
        (
            Settings {
                attempt_timeout: Some(zero),
                ..fine()
            },
            "`attempt_timeout` is 0",
        ),
        (
            Settings {
                check_timeout: zero,
                ..fine()
            },
            "`check_timeout` is 0",
        ),
        (
            Settings {
                attempt_timeout: Some(ms(10_001)),
                ..fine()
            },
            "`attempt_timeout` (10.001s) is longer than `timeout` (10s)",
        ),
    ] {
        match settings.validate() {
            Err(Error::InvalidConfig { reason, .. }) => {
                assert!(reason.starts_with(start), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}
