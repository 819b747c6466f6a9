use super::*;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Lets the probe go when the pause is over, and returns its ticket.
fn probe(backoff: &mut Backoff, now: &mut Instant) -> Ticket {
    *now = backoff.paused_until(*now).expect("no pause");
    let ticket = backoff.admit(*now);
    assert!(ticket.is_probe);
    ticket
}

#[track_caller]
fn assert_pause(pause: Option<Duration>, least: Duration) {
    let pause = pause.expect("no pause began");
    assert!(pause >= least, "{pause:?} is shorter than {least:?}");
    assert!(
        pause <= least * 5 / 4,
        "{pause:?} is longer than {least:?} and a quarter"
    );
}

#[test]
fn pauses_double_up_to_a_second_and_begin_anew_after_a_success() {
    let mut now = Instant::now();
    let mut backoff = Backoff::new();
    for _ in 0..2 {
        let mut ticket = backoff.admit(now);
        assert!(!ticket.is_probe);
        for expected in [50, 100, 200, 400, 800, 1_000, 1_000, 1_000] {
            let pause = backoff.throttled(&ticket, None, now);
            assert_pause(pause, ms(expected));
            assert_eq!(backoff.paused_until(now), Some(now + pause.unwrap()));
            ticket = probe(&mut backoff, &mut now);
        }
        backoff.succeeded(&ticket);
        assert_eq!(backoff.paused_until(now), None);
    }
}

#[test]
fn a_burst_of_throttled_answers_is_one_event() {
    let mut now = Instant::now();
    let mut backoff = Backoff::new();
    let burst: Vec<Ticket> = (0..64).map(|_| backoff.admit(now)).collect();
    let mut pauses = burst.iter().filter_map(|ticket| {
        now += ms(1);
        backoff.throttled(ticket, None, now)
    });
    assert_pause(pauses.next(), ms(50));
    assert_eq!(pauses.next(), None);
    assert_eq!(backoff.pauses, 1);
}

#[test]
fn what_was_sent_before_the_pause_does_not_end_it() {
    let now = Instant::now();
    let mut backoff = Backoff::new();
    let [first, second] = [backoff.admit(now), backoff.admit(now)];
    backoff.throttled(&first, None, now);
    let held = backoff.paused_until(now);
    backoff.succeeded(&second);
    assert!(held.is_some());
    assert_eq!(backoff.paused_until(now), held);
}

#[test]
fn the_key_store_is_obeyed_within_bounds() {
    let now = Instant::now();
    for (asked, expected) in [
        (0, 50),
        (50, 50),
        (700, 700),
        (5_000, 5_000),
        (60_000, 5_000),
    ] {
        let mut backoff = Backoff::new();
        let ticket = backoff.admit(now);
        assert_pause(
            backoff.throttled(&ticket, Some(ms(asked)), now),
            ms(expected),
        );
    }
}

/// Of answers to one burst the longest pause that one asks for holds.
#[test]
fn a_late_answer_can_ask_for_a_longer_pause_but_not_for_a_shorter_one() {
    let now = Instant::now();
    let mut backoff = Backoff::new();
    let burst: [Ticket; 3] = std::array::from_fn(|_| backoff.admit(now));
    assert_pause(backoff.throttled(&burst[0], Some(ms(500)), now), ms(500));
    assert_eq!(backoff.throttled(&burst[1], Some(ms(100)), now), None);
    assert_pause(
        backoff.throttled(&burst[2], Some(ms(2_000)), now),
        ms(2_000),
    );
    assert!(backoff.paused_until(now) >= Some(now + ms(2_000)));
    assert_eq!(backoff.next_pause, ms(100));
}

#[test]
fn a_late_answer_begins_no_pause_once_the_key_store_takes_requests() {
    let mut now = Instant::now();
    let mut backoff = Backoff::new();
    let [first, late] = [backoff.admit(now), backoff.admit(now)];
    backoff.throttled(&first, None, now);
    let ticket = probe(&mut backoff, &mut now);
    backoff.succeeded(&ticket);
    assert_eq!(backoff.throttled(&late, Some(ms(1_000)), now), None);
    assert_eq!(backoff.paused_until(now), None);
}

#[test]
fn one_goes_alone_and_the_next_one_when_it_says_nothing() {
    let mut now = Instant::now();
    let mut backoff = Backoff::new();
    let ticket = backoff.admit(now);
    backoff.throttled(&ticket, None, now);

    let first = probe(&mut backoff, &mut now);
    assert_eq!(backoff.paused_until(now), Some(now + PROBE_TIMEOUT));
    now += ms(1);
    backoff.undecided(&first, now);
    assert_eq!(backoff.paused_until(now), None, "the probe was not freed");

    let second = backoff.admit(now);
    assert!(second.is_probe);
    // No answer within its time.
    let third = probe(&mut backoff, &mut now);
    backoff.throttled(&third, None, now);
    let held = backoff.paused_until(now);
    assert!(held.is_some());
    // It was sent before this pause began.
    backoff.undecided(&second, now);
    backoff.succeeded(&second);
    assert_eq!(backoff.paused_until(now), held);
}

#[test]
fn jitter_adds_up_to_a_quarter_and_differs() {
    let pauses: Vec<Duration> = (0..100).map(|_| jittered(ms(1_000))).collect();
    for pause in &pauses {
        assert_pause(Some(*pause), ms(1_000));
    }
    assert!(pauses.iter().any(|pause| *pause != pauses[0]));
}
