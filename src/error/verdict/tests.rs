use std::collections::BTreeSet;

use super::*;
use crate::error::tests::every_error;

use Verdict::{Alarm, Final, Later, Local, Retryable, Throttled};

#[test]
fn each_error_has_its_verdict() {
    for (error, verdict) in every_error() {
        assert_eq!(error.verdict(), verdict, "{error:?}");
        let answers = [
            error.is_retryable(),
            error.may_succeed_elsewhere(),
            error.is_throttled(),
            error.is_alarm(),
        ];
        let expected = match verdict {
            Retryable => [true, true, false, false],
            Throttled => [true, true, true, false],
            Later => [true, false, false, false],
            Local => [false, true, false, false],
            Final => [false, false, false, false],
            Alarm => [false, false, false, true],
        };
        assert_eq!(answers, expected, "{error:?}");
        assert!(
            error.retry_after().is_none() || error.is_retryable(),
            "{error:?}"
        );
    }
}

/// The names in the first column of a table of `docs/failures.md`.
fn names_under(heading: &str) -> BTreeSet<&'static str> {
    let page = include_str!("../../../docs/failures.md");
    let (_, section) = page.split_once(heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.collect()
}

/// The operator's tables sort errors by their verdicts.
#[test]
fn the_page_for_operators_agrees_with_the_verdict() {
    for (heading, verdicts) in [
        ("\n## Retry: ", &[Retryable, Throttled, Later][..]),
        ("\n## Alarm: ", &[Alarm]),
    ] {
        let listed = every_error().into_iter();
        let listed = listed.filter(|(_, verdict)| verdicts.contains(verdict));
        let names: BTreeSet<&str> = listed.map(|(error, _)| error.name()).collect();
        assert_eq!(names_under(heading), names, "{heading}");
    }
    assert_eq!(
        names_under("\n## The audit log"),
        BTreeSet::from(["audit_failed"])
    );
}
