use tokio::time::advance;

use super::*;

const SETTINGS: Settings = Settings {
    failures: 3,
    open_for: Duration::from_secs(5),
};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The change of the circuit after a failure without a `retry_after`.
fn fail(circuit: &Circuit) -> Option<CircuitState> {
    let admission = circuit.admit().expect("skipped");
    admission.failed(None, &SETTINGS)
}

fn open() -> Circuit {
    let circuit = Circuit::default();
    assert_eq!(fail(&circuit), None);
    assert_eq!(fail(&circuit), None);
    assert_eq!(fail(&circuit), Some(CircuitState::Open));
    circuit
}

#[tokio::test(start_paused = true)]
async fn it_opens_after_failures_in_a_row_only() {
    let circuit = Circuit::default();
    for _ in 0..5 {
        assert_eq!(fail(&circuit), None);
        assert_eq!(fail(&circuit), None);
        assert_eq!(circuit.admit().unwrap().succeeded(), None);
    }
    assert_eq!(circuit.state(), CircuitState::Closed);
    assert_eq!(open().state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn one_request_probes_it_when_the_time_is_over() {
    for _ in 0..2 {
        let circuit = open();
        advance(secs(5) - Duration::from_nanos(1)).await;
        assert!(circuit.admit().is_none());
        assert_eq!(circuit.state(), CircuitState::Open);
        advance(Duration::from_nanos(1)).await;
        assert_eq!(circuit.state(), CircuitState::HalfOpen);
        let probe = circuit.admit().expect("no probe");
        assert_eq!(circuit.state(), CircuitState::HalfOpen);
        assert!(circuit.admit().is_none(), "a second probe");

        // A failure opens it again, for the whole time.
        assert_eq!(probe.failed(None, &SETTINGS), Some(CircuitState::Open));
        advance(secs(4)).await;
        assert!(circuit.admit().is_none());
        advance(secs(1)).await;
        let probe = circuit.admit().expect("no probe");
        assert_eq!(probe.succeeded(), Some(CircuitState::Closed));
        assert_eq!(circuit.state(), CircuitState::Closed);
        assert_eq!(fail(&circuit), None, "the failures of before count on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_is_given_back() {
    let circuit = open();
    advance(secs(5)).await;
    for _ in 0..3 {
        let probe = circuit.admit().expect("the probe was not freed");
        assert!(circuit.admit().is_none());
        drop(probe);
        assert_eq!(circuit.state(), CircuitState::HalfOpen);
    }
}

/// Who is dropped and was no probe gives none back.
#[tokio::test(start_paused = true)]
async fn others_that_are_dropped_do_not_give_it_back() {
    let circuit = Circuit::default();
    let slow = circuit.admit().unwrap();
    for _ in 0..3 {
        fail(&circuit);
    }
    advance(secs(5)).await;
    let _probe = circuit.admit().expect("no probe");
    drop(slow);
    drop(circuit.insist());
    assert!(circuit.admit().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_before_the_change_does_not_count() {
    let circuit = Circuit::default();
    let slow: [Admission<'_>; 3] = std::array::from_fn(|_| circuit.admit().unwrap());
    let later: [Admission<'_>; 3] = std::array::from_fn(|_| circuit.admit().unwrap());
    let [.., last] = slow.map(|slow| slow.failed(None, &SETTINGS));
    assert_eq!(last, Some(CircuitState::Open));
    let [first, second, third] = later;
    assert_eq!(first.succeeded(), None);
    assert_eq!(circuit.state(), CircuitState::Open);

    advance(secs(5)).await;
    let probe = circuit.admit().expect("no probe");
    assert_eq!(second.failed(None, &SETTINGS), None);
    assert_eq!(circuit.state(), CircuitState::HalfOpen);
    probe.succeeded();
    assert_eq!(third.failed(Some(secs(60)), &SETTINGS), None);
    assert_eq!(circuit.state(), CircuitState::Closed);
}

/// Neither of those that were asked before the probe began, nor of those that were asked since.
#[tokio::test(start_paused = true)]
async fn a_probe_decides_whatever_becomes_of_others() {
    for (succeeds, then) in [(true, CircuitState::Closed), (false, CircuitState::Open)] {
        let circuit = open();
        let before = circuit.insist();
        advance(secs(5)).await;
        let probe = circuit.admit().expect("no probe");
        assert_eq!(before.failed(Some(secs(60)), &SETTINGS), None);
        assert_eq!(circuit.insist().failed(None, &SETTINGS), None);
        assert_eq!(circuit.state(), CircuitState::HalfOpen);
        assert!(circuit.admit().is_none(), "a second probe");
        let changed = match succeeds {
            true => probe.succeeded(),
            false => probe.failed(None, &SETTINGS),
        };
        assert_eq!(changed, Some(then));
        assert_eq!(circuit.state(), then);
    }
}

#[tokio::test(start_paused = true)]
async fn it_stays_open_as_long_as_the_failure_asked_within_bounds() {
    for (asked, lasts) in [(1, 5), (5, 5), (20, 20), (60, 60), (3_600, 60)] {
        let circuit = Circuit::default();
        fail(&circuit);
        fail(&circuit);
        let admission = circuit.admit().unwrap();
        admission.failed(Some(secs(asked)), &SETTINGS);
        advance(secs(lasts) - Duration::from_nanos(1)).await;
        assert_eq!(circuit.state(), CircuitState::Open, "{asked}");
        advance(Duration::from_nanos(1)).await;
        assert_eq!(circuit.state(), CircuitState::HalfOpen, "{asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn insisting_closes_an_open_circuit_and_does_not_prolong_it() {
    let circuit = open();
    advance(secs(4)).await;
    let failed = circuit.insist().failed(Some(secs(60)), &SETTINGS);
    assert_eq!(failed, None);
    assert_eq!(circuit.state(), CircuitState::Open);
    advance(secs(1)).await;
    assert_eq!(circuit.state(), CircuitState::HalfOpen);

    let circuit = open();
    assert_eq!(circuit.insist().succeeded(), Some(CircuitState::Closed));
    assert!(circuit.admit().is_some());
}
