use super::*;
use crate::{Receipt, error::Verdict};

fn failed(fault: KeyStoreFault, attempts: u32) -> Error {
    let receipt = Receipt::new("Sign", "key").with_attempts(attempts);
    Error::key_store(fault, "try the other key", "toy").with_receipt(receipt)
}

fn refused(fault: KeyStoreFault) -> Health {
    Health {
        state: Err(failed(fault, 1)),
        pin: Err(failed(fault, 1)),
        may_sign: Err(failed(fault, 1)),
        ..Health::default()
    }
}

#[test]
fn a_signer_with_nothing_to_ask_is_ready() {
    let health = Health::default();
    assert!(health.is_ready() && health.is_reachable());
    assert_eq!(health.errors().count(), 0);
    assert_eq!(
        health.to_string(),
        "key state: not reported\npublic key: not compared\nsigning: allowed"
    );
}

#[test]
fn only_errors_about_the_key_and_the_right_to_sign_count() {
    for (fault, is_ready) in [
        (KeyStoreFault::AccessDenied, true),
        (KeyStoreFault::Throttled, true),
        (KeyStoreFault::Timeout, true),
        (KeyStoreFault::Disabled, false),
        (KeyStoreFault::NotFound, false),
    ] {
        let unknown_state = Health {
            state: Err(failed(fault, 1)),
            ..Health::default()
        };
        assert_eq!(unknown_state.is_ready(), is_ready, "{fault:?}");
        let unknown_pin = Health {
            pin: Err(failed(fault, 1)),
            ..Health::default()
        };
        assert_eq!(unknown_pin.is_ready(), is_ready, "{fault:?}");
        let may_not_sign = Health {
            may_sign: Err(failed(fault, 1)),
            ..Health::default()
        };
        assert!(!may_not_sign.is_ready(), "{fault:?}");
    }
}

/// Of a provider of another crate too, with its own verdict.
#[test]
fn a_key_that_raised_an_alarm_is_not_ready() {
    let alarms = [
        || Error::key_moved("pinned", "other"),
        || Error::signed_by_another_key(),
        || Error::provider(Verdict::Alarm, "read the source", "another CKA_ID"),
    ];
    for alarm in alarms {
        let health = Health {
            pin: Err(alarm()),
            ..Health::default()
        };
        assert!(!health.is_ready(), "{health}");
    }
}

#[test]
fn states_say_whether_a_key_signs() {
    let signing = [KeyState::NotReported, KeyState::Enabled, KeyState::Updating];
    let other = [
        KeyState::Disabled,
        KeyState::PendingDeletion,
        KeyState::Creating,
        KeyState::PendingImport,
        KeyState::Unavailable,
        KeyState::Other("Migrating".into()),
    ];
    for (states, can_sign) in [(&signing[..], true), (&other, false)] {
        for state in states {
            let health = Health {
                state: Ok(state.clone()),
                ..Health::default()
            };
            assert_eq!((state.can_sign(), health.is_ready()), (can_sign, can_sign));
        }
    }
}

#[test]
fn silence_and_unsent_requests_are_not_answers() {
    for (fault, attempts, is_reachable) in [
        (KeyStoreFault::Connection, 1, false),
        (KeyStoreFault::Timeout, 1, false),
        (KeyStoreFault::Credentials, 0, false),
        (KeyStoreFault::Credentials, 1, true),
        (KeyStoreFault::AccessDenied, 1, true),
    ] {
        let health = Health {
            may_sign: Err(failed(fault, attempts)),
            ..Health::default()
        };
        assert_eq!(health.is_reachable(), is_reachable, "{fault:?}");
    }
}

/// As with a failover: one signer that can sign is enough, and the report hides no error of the
/// others.
#[test]
fn a_ready_alternative_is_enough_and_hides_no_error() {
    let mut health = refused(KeyStoreFault::Connection);
    assert!(!health.is_ready() && !health.is_reachable());
    health.alternatives.push(refused(KeyStoreFault::Disabled));
    assert!(!health.is_ready() && health.is_reachable());
    let mut inner = refused(KeyStoreFault::NotFound);
    inner.alternatives.push(Health::default());
    health.alternatives.push(inner);
    assert!(health.is_ready());
    let kinds: Vec<_> = health.errors().map(Error::name).collect();
    let of_each = ["connection", "disabled", "not_found"];
    assert_eq!(kinds, of_each.map(|kind| [kind; 3]).concat());
    let shown = health.to_string();
    assert_eq!(shown.matches("\nalternative 1:\nkey state: ").count(), 2);
    assert_eq!(shown.matches("\nalternative 2:\nkey state: ").count(), 1);
}
