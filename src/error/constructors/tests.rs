use super::*;

/// One variant serves every rule: it has name, reason and remedy, and `retry_after` decides the
/// verdict.
#[test]
fn a_refusal_names_its_rule_and_passes_only_with_time() {
    let refused = || {
        Error::refused(
            "quota",
            "value_per_hour",
            "5 ETH of 5 ETH are spent",
            "wait, or raise it",
        )
    };
    let error = refused();
    assert_eq!(
        (error.name(), error.rule()),
        ("refused", Some("value_per_hour"))
    );
    assert_eq!(
        error.to_string(),
        "quota rejected the request (value_per_hour): 5 ETH of 5 ETH are spent; wait, or raise it"
    );
    assert!(!error.is_retryable() && !error.may_succeed_elsewhere() && !error.is_throttled());
    let wait = Duration::from_secs(60);
    let error = refused().with_retry_after(wait);
    assert_eq!(error.retry_after(), Some(wait));
    assert!(error.is_retryable() && !error.is_throttled());
    assert!(!error.may_succeed_elsewhere(), "the rule would be evaded");
    assert_eq!(Error::Cancelled.rule(), None);
}

/// A policy may be remote, so its text is as untrusted as a server's.
#[test]
fn the_words_of_a_rule_are_bounded_and_cannot_forge_a_line() {
    let hostile = "\u{1b}[2J\nERROR forged \u{202e}".repeat(1_000);
    let words = || hostile.clone();
    let error = Error::refused(words(), words(), words(), words());
    let shown = format!("{error} {error:?}");
    assert!(shown.chars().count() < 5_000, "{}", shown.len());
    assert!(error.rule().unwrap().chars().count() <= LONGEST_NAME);
    for c in ['\u{1b}', '\n', '\u{202e}'] {
        assert!(!shown.contains(c), "{c:?}");
    }
    // A constant that needs no change is not copied.
    let Error::Refused { by, .. } = Error::refused("chain limit", "a", "b", "c") else {
        panic!("another variant");
    };
    assert!(matches!(by, Cow::Borrowed("chain limit")));
}

/// What a provider of another crate passes on may be what a server wrote.
#[test]
fn every_text_but_a_source_is_bounded_and_cannot_forge_a_line() {
    let hostile = "\u{1b}[2J\nERROR forged \u{202e}".repeat(1_000);
    let words = || hostile.clone();
    let wait = Duration::from_secs(1);
    let errors = [
        Error::key_store(KeyStoreFault::Other, words(), "source").with_code(words()),
        Error::provider(Verdict::Final, words(), "source").with_code(words()),
        Error::key_moved(words(), words()),
        Error::key_refused(KeyFault::spec(words(), words())),
        Error::key_refused(KeyFault::usage(words(), words())),
        Error::key_refused(KeyFault::algorithm(words(), words())),
        Error::unusable_answer(AnswerFault::missing(words())),
        Error::unusable_answer(AnswerFault::key(words())),
        Error::unusable_answer(AnswerFault::algorithm(words(), words())),
        Error::invalid_config(words(), words()),
        Error::invalid_secret_key(None, words()),
        Error::invalid_payload(words(), "source"),
        Error::timed_out(wait, words()),
    ];
    for error in errors {
        let shown = format!("{error} {error:?}");
        assert!(shown.chars().count() < 5_000, "{}", error.name());
        for c in ['\u{1b}', '\n', '\u{202e}'] {
            assert!(!shown.contains(c), "{c:?} in {}", error.name());
        }
    }
}

#[test]
fn a_provider_of_another_crate_states_every_verdict() {
    let error = |verdict| Error::provider(verdict, "check the HSM", "CKR_DEVICE_ERROR");
    for (verdict, expected) in [
        (Verdict::Retryable, [true, true, false, false]),
        (Verdict::Throttled, [true, true, true, false]),
        (Verdict::Later, [true, false, false, false]),
        (Verdict::Local, [false, true, false, false]),
        (Verdict::Final, [false, false, false, false]),
        (Verdict::Alarm, [false, false, false, true]),
    ] {
        let error = error(verdict).with_code("CKR_DEVICE_ERROR");
        let answers = [
            error.is_retryable(),
            error.may_succeed_elsewhere(),
            error.is_throttled(),
            error.is_alarm(),
        ];
        assert_eq!(answers, expected, "{verdict:?}");
        assert_eq!(error.name(), "provider");
        assert_eq!(
            error.to_string(),
            "the key store failed [CKR_DEVICE_ERROR]; check the HSM"
        );
    }
}

/// A server may send `Retry-After` with anything.
#[test]
fn no_wait_is_given_where_a_retry_does_not_help() {
    let wait = Duration::from_secs(60);
    for (fault, expected) in [
        (KeyStoreFault::Throttled, Some(wait)),
        (KeyStoreFault::Unavailable, Some(wait)),
        (KeyStoreFault::AccessDenied, None),
        (KeyStoreFault::Provider(Verdict::Later), Some(wait)),
        (KeyStoreFault::Provider(Verdict::Local), None),
    ] {
        let error = Error::key_store(fault, "read the source", "source").with_retry_after(wait);
        assert_eq!(error.retry_after(), expected, "{fault:?}");
    }
}

#[test]
fn a_field_that_an_error_does_not_have_is_not_added() {
    let wait = Duration::from_secs(1);
    for error in [Error::Cancelled, Error::queued_too_long(wait)] {
        let error = error.with_code("code").with_retry_after(wait);
        assert_eq!((error.code(), error.retry_after()), (None, None));
    }
    let full = Error::queue_full(1, wait).with_retry_after(wait * 2);
    assert_eq!(full.retry_after(), Some(wait * 2));
}
