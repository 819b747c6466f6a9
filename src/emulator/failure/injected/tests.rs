use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

/// Expected to hit two requests for a key.
fn injected(record: Record) -> InjectedFailure {
    let place = Location::caller();
    let injection = Injection::new(place, Some(2), Some("alias/a".to_owned()));
    *injection.record() = record;
    InjectedFailure::new(Arc::new(injection))
}

/// The message with which a drop panics.
fn on_drop(injected: InjectedFailure) -> Option<String> {
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(injected)));
    dropped.err().map(|panic| *panic.downcast().unwrap())
}

fn fired(fired: u64) -> Record {
    Record {
        fired,
        matched: fired + 1,
        key_exists: Some(true),
        ..Record::default()
    }
}

#[test]
fn expectations_are_checked_on_drop() {
    assert_eq!(on_drop(injected(fired(2))), None);
    for number in [0, 1, 3] {
        let message = on_drop(injected(fired(number))).unwrap();
        let matched = number + 1;
        let counts =
            format!("expected to hit 2 requests, and hit {number} of {matched} that matched");
        assert!(message.contains(&counts), "{message}");
        assert!(message.contains(file!()), "{message}");
    }
}

#[test]
fn a_key_that_does_not_exist_is_named() {
    let hint = "; the emulator has no key `alias/a`";
    for (key_exists, is_named) in [(None, false), (Some(true), false), (Some(false), true)] {
        let message = on_drop(injected(Record {
            key_exists,
            ..Record::default()
        }));
        assert_eq!(message.unwrap().ends_with(hint), is_named, "{key_exists:?}");
    }
}

#[test]
fn a_kept_failure_is_not_checked_by_its_handle() {
    let injected = injected(fired(0));
    let injection = injected.0.clone();
    injected.keep();
    assert!(!injection.record().is_removed);
}

#[test]
fn a_thread_that_panics_already_does_not_panic_again() {
    // A second panic would end the process.
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _unmet = injected(fired(0));
        let _unmet_too = injected(fired(1));
        panic!("the first");
    }));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"the first"));
}

#[test]
fn it_shows_how_often_it_fired() {
    assert!(format!("{:?}", injected(fired(2))).contains("fired: 2"));
}
