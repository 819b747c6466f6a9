use aws_smithy_async::time::StaticTimeSource;

use super::*;

const NOON: u64 = 1_767_355_200; // 2026-01-02T12:00:00Z

fn seconds(time: SystemTime) -> i64 {
    DateTime::from(time).secs() - i64::try_from(NOON).unwrap()
}

fn attempt(clock: &Clock) -> AttemptClock {
    let noon = StaticTimeSource::from_secs(NOON);
    clock.for_attempt(Some(SharedTimeSource::new(noon)))
}

#[test]
fn a_rejection_sets_the_clock_to_that_of_kms() {
    for (answered, ahead) in [
        ("Fri, 02 Jan 2026 12:10:00 GMT", 600),
        ("Fri, 02 Jan 2026 11:40:00 GMT", -1200),
    ] {
        let clock = Clock::default();
        let first = attempt(&clock);
        assert!(clock.correct(&first, "20260102T120000Z", answered));
        assert_eq!(seconds(attempt(&clock).now()), ahead);
        assert_eq!(seconds(first.now()), 0, "an attempt's clock is its own");

        // A second attempt with the same signing time learns the same difference, not twice as
        // much.
        assert!(clock.correct(&first, "20260102T120000Z", answered));
        assert_eq!(seconds(attempt(&clock).now()), ahead);
    }
}

/// A later rejection corrects what an earlier one taught.
#[test]
fn a_later_rejection_counts_from_the_corrected_time() {
    let clock = Clock::default();
    let hour = "Fri, 02 Jan 2026 13:00:00 GMT";
    assert!(clock.correct(&attempt(&clock), "20260102T120000Z", hour));
    let noon = "Fri, 02 Jan 2026 12:00:00 GMT";
    assert!(clock.correct(&attempt(&clock), "20260102T130000Z", noon));
    assert_eq!(seconds(attempt(&clock).now()), 0);
}

#[test]
fn an_implausible_difference_changes_nothing() {
    let clock = Clock::default();
    for (signed, answered) in [
        // Less than AWS rejects a request for, and more than is believed.
        ("20260102T120000Z", "Fri, 02 Jan 2026 12:00:59 GMT"),
        ("20260102T120000Z", "Sat, 03 Jan 2026 12:00:01 GMT"),
        ("20260102T120000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("20260102T120000Z", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ("20260102T120000Z", "soon"),
        ("20260102T120000Z", ""),
        ("", "Fri, 02 Jan 2026 13:00:00 GMT"),
        ("2026-01-02", "Fri, 02 Jan 2026 13:00:00 GMT"),
        ("2026é102T1200", "Fri, 02 Jan 2026 13:00:00 GMT"),
    ] {
        assert!(
            !clock.correct(&attempt(&clock), signed, answered),
            "{signed} {answered}"
        );
        assert_eq!(seconds(attempt(&clock).now()), 0);
    }
}

/// Any number of rejections together correct by at most a day.
#[test]
fn rejections_do_not_add_up_to_more_than_a_day() {
    let clock = Clock::default();
    let evening = "Fri, 02 Jan 2026 23:00:00 GMT";
    assert!(clock.correct(&attempt(&clock), "20260102T120000Z", evening));
    let next = attempt(&clock);
    let later = "Sat, 03 Jan 2026 13:00:00 GMT";
    assert!(!clock.correct(&next, "20260102T230000Z", later));
    assert_eq!(seconds(attempt(&clock).now()), 11 * 60 * 60);
}

#[test]
fn clones_share_the_difference() {
    let clock = Clock::default();
    let clone = clock.clone();
    let later = "Fri, 02 Jan 2026 12:10:00 GMT";
    assert!(clone.correct(&attempt(&clone), "20260102T120000Z", later));
    assert_eq!(seconds(attempt(&clock).now()), 600);
}
