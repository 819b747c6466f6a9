use std::panic;

use super::*;
use crate::emulator::{
    failure::Latency,
    tests::toy::{
        Operation::{self, List, Sign},
        Toy, ToyService,
    },
};

const SECOND: Duration = Duration::from_secs(1);

struct Fixture {
    toy: ToyService,
    rules: Rules<Toy>,
}

impl Fixture {
    /// A service with two keys, one of which also has another name.
    fn new() -> Self {
        Self {
            toy: ToyService::with(&[("own", "1"), ("alias", "1"), ("other", "2")]),
            rules: Rules::new(Random::from_seed(7)),
        }
    }

    #[track_caller]
    fn inject(&self, rule: FailureRule<Toy>) -> InjectedFailure {
        self.rules.inject(rule)
    }

    fn ask(&self, operation: Option<Operation>, key: &str) -> Plan<Toy> {
        let request = key.to_owned();
        self.rules.decide(&Seen {
            service: &self.toy,
            operation,
            key: self.toy.key_of(&request),
            request: &request,
        })
    }

    /// Whether a rule hits a `Sign` with this key.
    fn sign(&self, key: &str) -> bool {
        self.ask(Some(Sign), key).failure.is_some()
    }

    /// One character for each request: `x` if it is hit, `.` if not.
    fn signs(&self, count: usize) -> String {
        let hit = (0..count).map(|_| self.sign(""));
        hit.map(|is_hit| if is_hit { 'x' } else { '.' }).collect()
    }
}

/// The same, with characters that tell the failures apart.
fn retry_after(plan: &Plan<Toy>) -> Option<Duration> {
    let failure = plan.failure.as_ref();
    failure.and_then(|(failure, _)| failure.retry_after)
}

#[test]
fn hits_are_counted_exactly() {
    let busy = || FailureRule::new(Failure::page(503));
    let failure = || Some(Failure::page(503));
    for (rule, expected) in [
        (busy(), "xxxxxxxx"),
        (busy().after(2), "..xxxxxx"),
        (busy().times(3), "xxx....."),
        (busy().after(2).times(3), "..xxx..."),
        (busy().times(0), "........"),
        (FailureRule::sequence([]), "........"),
        (
            FailureRule::sequence([failure(), None, failure()]),
            "x.x.....",
        ),
        (
            FailureRule::sequence([failure(), None, failure()]).after(2),
            "..x.x...",
        ),
        (
            FailureRule::sequence([failure(), None, failure()]).times(1),
            "x.......",
        ),
        (
            FailureRule::sequence([failure(), None, failure()]).rate(0.0),
            "........",
        ),
        (busy().rate(1.5), "xxxxxxxx"),
        (busy().rate(-1.0), "........"),
        (busy().rate(f64::NAN), "........"),
    ] {
        let fixture = Fixture::new();
        let shown = format!("{rule:?}");
        let injected = fixture.inject(rule);
        assert_eq!(fixture.signs(8), expected, "{shown}");
        let hits = expected.matches('x').count();
        assert_eq!(injected.fired(), hits as u64, "{shown}");
    }
}

#[test]
fn a_rate_is_drawn_again_with_the_seed_and_shifts_no_other() {
    let flaky = || FailureRule::new(Failure::page(503)).rate(0.25);
    let alone = Fixture::new();
    let injected = alone.inject(flaky());
    let hits = alone.signs(1000);
    assert!(
        (200..300).contains(&injected.fired()),
        "{}",
        injected.fired()
    );

    let among = Fixture::new();
    among.inject(flaky()).keep();
    among
        .inject(FailureRule::new(Latency::exponential(SECOND)).rate(0.5))
        .keep();
    among.inject(flaky()).keep();
    let plans = (0..1000).map(|_| among.ask(Some(Sign), ""));
    let first = plans.map(|plan| plan.failure.is_some());
    let both = first.filter(|is_hit| *is_hit).count();
    assert!(
        (350..500).contains(&both),
        "the third rule draws as the first: {both}"
    );

    let again = Fixture::new();
    again.inject(flaky()).keep();
    assert_eq!(again.signs(1000), hits);

    // A rule draws the same values, however many requests it does not see.
    let busy = Fixture::new();
    busy.inject(flaky().on(Sign)).keep();
    let busy_hits: String = (0..1000)
        .map(|_| {
            assert!(busy.ask(Some(List), "").failure.is_none());
            busy.signs(1)
        })
        .collect();
    assert_eq!(busy_hits, hits);
}

#[test]
fn with_a_rate_times_counts_hits() {
    let fixture = Fixture::new();
    let injected = fixture.inject(FailureRule::new(Failure::page(503)).rate(0.5).times(3));
    let hits = fixture.signs(100);
    assert_eq!(hits.matches('x').count(), 3, "{hits}");
    assert_eq!(injected.fired(), 3);
}

#[test]
fn the_first_that_hits_decides_and_the_others_do_not_count() {
    let fixture = Fixture::new();
    let with = |seconds| Failure::page(503).retry_after(seconds * SECOND);
    let first = fixture.inject(FailureRule::sequence([Some(with(1)), None, Some(with(1))]));
    let second = fixture.inject(FailureRule::new(with(2)).times(2));
    let seen: Vec<Option<Duration>> = (0..5)
        .map(|_| retry_after(&fixture.ask(Some(Sign), "")))
        .collect();
    let expected = [1, 2, 1, 2].map(|seconds| Some(seconds * SECOND));
    assert_eq!(seen[..4], expected);
    assert_eq!(seen[4], None);
    assert_eq!((first.fired(), second.fired()), (2, 2));
}

#[test]
fn an_operation_and_a_key_narrow_a_rule() {
    let fixture = Fixture::new();
    for name in ["own", "alias"] {
        let injected = fixture.inject(FailureRule::new(Failure::reset()).on(Sign).for_key(name));
        for given in ["own", "alias"] {
            assert!(
                fixture.sign(given),
                "a rule for {name}, a request for {given}"
            );
        }
        assert!(!fixture.sign("other"));
        assert!(!fixture.sign("none"));
        assert!(fixture.ask(Some(List), "own").failure.is_none());
        assert!(fixture.ask(None, "own").failure.is_none());
        assert_eq!(injected.fired(), 2);
    }

    let follows = fixture.inject(FailureRule::new(Failure::reset()).for_key("alias"));
    *fixture.toy.keys.lock().unwrap() = vec![("own", "1"), ("alias", "2"), ("other", "2")];
    assert!(fixture.sign("other") && !fixture.sign("own"));
    assert_eq!(follows.fired(), 1);
    *fixture.toy.keys.lock().unwrap() = vec![("own", "1"), ("other", "2")];
    assert!(!fixture.sign("other") && !fixture.sign(""));
}

#[test]
fn latencies_and_changes_add_up_and_ask_the_next_rule() {
    let fixture = Fixture::new();
    let waits = [1, 2].map(|seconds| {
        let latency = Latency::fixed(seconds * SECOND);
        fixture.inject(FailureRule::new(latency))
    });
    let _disabled = fixture.inject(FailureRule::new(Failure::new(Kind::Change("disabled"))));
    let _reset = fixture.inject(FailureRule::new(Failure::reset()));
    let never = fixture.inject(FailureRule::new(Latency::fixed(SECOND)));
    let plan = fixture.ask(Some(Sign), "own");
    assert_eq!(plan.delay, 3 * SECOND);
    assert_eq!(plan.changes, ["disabled"]);
    assert!(plan.failure.is_some());
    assert_eq!(waits.map(|wait| wait.fired()), [1, 1]);
    assert_eq!(never.fired(), 0);
}

#[test]
fn a_rule_lasts_as_long_as_its_handle_unless_it_is_kept() {
    let fixture = Fixture::new();
    let [first, second, third] = [1, 2, 3].map(|seconds| {
        let failure = Failure::page(503).retry_after(seconds * SECOND);
        fixture.inject(FailureRule::new(failure))
    });
    let who = || retry_after(&fixture.ask(None, "")).map(|time| time.as_secs());
    assert_eq!(who(), Some(1));
    drop(first);
    assert_eq!(who(), Some(2));
    assert_eq!((second.fired(), third.fired()), (1, 0));
    third.keep();
    drop(second);
    assert_eq!(who(), Some(3));
    assert_eq!(who(), Some(3));
}

#[test]
fn rules_that_are_over_take_no_room() {
    let fixture = Fixture::new();
    for _ in 0..100 {
        let reset = Failure::reset;
        fixture.inject(FailureRule::new(reset()).times(1)).keep();
        let second = FailureRule::sequence([None, Some(reset())]);
        fixture.inject(second).keep();
    }
    assert_eq!(fixture.signs(300).matches('x').count(), 200);
    assert!(fixture.rules.is_empty());
    for _ in 0..100 {
        drop(fixture.inject(FailureRule::new(Failure::reset()).expect(0)));
    }
    let state = fixture.rules.lock();
    assert!(state.active.len() <= 1 && state.expected.len() <= 1);
}

#[test]
fn the_next_failure_of_a_sequence_waits_for_a_match() {
    let fixture = Fixture::new();
    let injected = fixture.inject(FailureRule::sequence([
        Some(Failure::new(Kind::WrongAnswer("wrong"))),
        Some(Failure::reset()),
    ]));
    assert!(!fixture.sign("none"));
    assert!(fixture.sign("own"));
    assert!(fixture.sign("none"));
    assert_eq!(injected.fired(), 2);
}

#[test]
fn kept_failures_are_checked_at_the_end() {
    let fixture = Fixture::new();
    let twice = FailureRule::new(Failure::reset()).times(2).expect(2);
    fixture.inject(twice).keep();
    drop(fixture.inject(FailureRule::new(Failure::reset()).expect(0)));
    fixture.signs(3);
    // Its handle checks this one.
    let own = fixture.inject(FailureRule::new(Failure::reset()).expect(1));
    fixture.rules.check_kept();
    assert!(fixture.sign(""));
    drop(own);

    let fixture = Fixture::new();
    let once = FailureRule::new(Failure::reset()).expect(1);
    fixture.inject(once).keep();
    let checked = panic::catch_unwind(panic::AssertUnwindSafe(|| fixture.rules.check_kept()));
    assert!(checked.is_err());
}

#[test]
fn a_rule_for_a_key_that_is_missing_names_it() {
    let fixture = Fixture::new();
    let misspelt = fixture.inject(FailureRule::new(Failure::reset()).for_key("onw").expect(1));
    assert!(!fixture.sign("own"));
    let panic = panic::catch_unwind(panic::AssertUnwindSafe(|| drop(misspelt))).unwrap_err();
    let message = panic.downcast::<String>().unwrap();
    assert!(message.contains("has no key `onw`"), "{message}");
}
