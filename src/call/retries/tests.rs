use super::*;
use crate::error::{AnswerFault, Verdict};

fn failure(fault: KeyStoreFault, retry_after: Option<Duration>) -> Error {
    let error = Error::key_store(fault, "", "test");
    match retry_after {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// Retries with a full budget as large as a client's.
fn full() -> Retries {
    Retries::default().budget(100)
}

/// A client's budget, empty, so that retries can only come from one that was set.
fn of_client() -> &'static Budget {
    Box::leak(Box::new(Budget::new(0)))
}

fn throttled() -> Error {
    failure(KeyStoreFault::Throttled, None)
}

fn lost() -> Error {
    failure(KeyStoreFault::Connection, None)
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// How many retries in a row are allowed, each in its own call.
fn retries_left(retries: &Retries, error: &Error) -> u32 {
    (0..1_000)
        .take_while(|_| {
            retries
                .start(of_client())
                .pause_after(error, later())
                .is_some()
        })
        .count()
        .try_into()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn only_retryable_errors_are_retried_and_at_most_max_retries_times() {
    let retries = full().max_retries(3);
    let mut allowance = retries.start(of_client());
    for _ in 0..3 {
        assert!(allowance.pause_after(&lost(), later()).is_some());
    }
    assert_eq!(allowance.pause_after(&lost(), later()), None);

    let missing = Error::unusable_answer(AnswerFault::missing("KeyId"));
    assert!(
        retries
            .start(of_client())
            .pause_after(&missing, later())
            .is_some()
    );
    for error in [
        failure(KeyStoreFault::AccessDenied, None),
        failure(KeyStoreFault::Credentials, None),
        failure(KeyStoreFault::Other, Some(Duration::from_secs(1))),
        Error::signature_not_verified(),
    ] {
        assert_eq!(
            retries.start(of_client()).pause_after(&error, later()),
            None,
            "{error}"
        );
    }
    for none in [Retries::none(), full().max_retries(0)] {
        assert_eq!(none.start(of_client()).pause_after(&lost(), later()), None);
    }
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_within_their_bounds_and_differ() {
    let retries = full()
        .max_retries(39)
        .initial_backoff(Duration::from_millis(10))
        .max_backoff(Duration::from_millis(100))
        .budget(u32::MAX);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let mut allowance = retries.start(of_client());
        for longest in [10, 20, 40, 80, 100, 100].into_iter().chain([100; 33]) {
            let pause = allowance.pause_after(&lost(), later()).unwrap();
            assert!(
                pause <= Duration::from_millis(longest),
                "{pause:?} {longest}"
            );
            seen.insert(pause);
        }
    }
    assert!(
        seen.len() > 1_000,
        "{} different pauses of 1,950",
        seen.len()
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_unless_it_ends_after_the_deadline() {
    let retries = full();
    let asked = Duration::from_secs(2);
    let error = failure(KeyStoreFault::Throttled, Some(asked));
    let in_time = Instant::now() + Duration::from_secs(3);
    assert_eq!(
        retries.start(of_client()).pause_after(&error, in_time),
        Some(asked)
    );
    let too_early = Instant::now() + asked;
    assert_eq!(
        retries.start(of_client()).pause_after(&error, too_early),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn a_pause_past_the_deadline_costs_nothing() {
    let retries = full().budget(10);
    for _ in 0..100 {
        let gone = Instant::now();
        assert_eq!(
            retries.start(of_client()).pause_after(&throttled(), gone),
            None
        );
    }
    assert_eq!(retries_left(&retries, &throttled()), 1);
}

#[tokio::test(start_paused = true)]
async fn the_budget_bounds_retries_by_what_they_cost() {
    assert_eq!(retries_left(&full(), &throttled()), 10);
    let by_its_provider = failure(KeyStoreFault::Provider(Verdict::Throttled), None);
    assert_eq!(retries_left(&full(), &by_its_provider), 10);
    let unavailable = failure(KeyStoreFault::Unavailable, None);
    assert_eq!(retries_left(&full(), &unavailable), 20);
    assert_eq!(retries_left(&full(), &lost()), 100);
    for (tokens, retries) in [(0, 0), (4, 1), (9, 1), (10, 1), (19, 1), (20, 2)] {
        let small = full().budget(tokens);
        assert_eq!(retries_left(&small, &throttled()), retries, "{tokens}");
    }
}

/// A health check makes one attempt; a request makes as many as the client's budget pays for.
#[tokio::test(start_paused = true)]
async fn without_a_budget_of_its_own_the_clients_pays() {
    assert_eq!(full().start_probe().pause_after(&lost(), later()), None);
    assert_eq!(
        Retries::default()
            .start(of_client())
            .pause_after(&lost(), later()),
        None
    );
    let paying = Budget::new(1);
    let retries = Retries::default();
    assert!(
        retries
            .start(&paying)
            .pause_after(&lost(), later())
            .is_some()
    );
    assert_eq!(retries.start(&paying).pause_after(&lost(), later()), None);
}

#[tokio::test(start_paused = true)]
async fn clones_share_the_budget_and_a_new_one_is_full() {
    let retries = full();
    assert_eq!(
        retries_left(&retries.clone().max_retries(8), &throttled()),
        10
    );
    assert_eq!(retries_left(&retries, &lost()), 0);
    assert_eq!(retries_left(&retries.budget(10), &lost()), 10);
}

#[tokio::test(start_paused = true)]
async fn success_and_time_refill_the_budget_to_its_capacity() {
    let retries = full().budget(30);
    let mut paid = retries.start(of_client());
    assert!(paid.pause_after(&throttled(), later()).is_some());
    assert!(paid.pause_after(&throttled(), later()).is_some());
    assert_eq!(retries_left(&retries, &throttled()), 1);
    paid.succeeded();
    assert_eq!(
        retries_left(&retries, &throttled()),
        2,
        "a success returns what its call paid"
    );

    for _ in 0..10 {
        retries.start(of_client()).succeeded();
    }
    assert_eq!(
        retries_left(&retries, &throttled()),
        1,
        "one token for each success"
    );
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(
        retries_left(&retries, &throttled()),
        2,
        "and for each second"
    );
    tokio::time::advance(Duration::from_secs(1_000)).await;
    assert_eq!(
        retries_left(&retries, &throttled()),
        3,
        "up to the capacity"
    );
}

/// No setting makes arithmetic overflow.
#[tokio::test(start_paused = true)]
async fn the_largest_settings_are_harmless() {
    let retries = full()
        .max_retries(u32::MAX)
        .initial_backoff(Duration::MAX)
        .max_backoff(Duration::MAX)
        .budget(u32::MAX);
    let mut allowance = retries.start(of_client());
    let never = Instant::now() + Duration::from_secs(2 * 365 * 24 * 60 * 60);
    for _ in 0..100 {
        let pause = allowance.pause_after(&lost(), never).unwrap();
        assert!(pause <= LONGEST_BACKOFF);
    }
    allowance.succeeded();
}
