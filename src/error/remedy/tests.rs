use std::error::Error as _;

use crate::error::{Error, tests::every_error};

#[test]
fn every_error_has_a_remedy_and_its_message_ends_with_it() {
    for (error, _) in every_error() {
        let (remedy, message) = (error.remedy(), error.to_string());
        let failure = message
            .strip_suffix(&*remedy)
            .and_then(|rest| rest.strip_suffix("; "));
        let failure = failure.unwrap_or_else(|| panic!("{message:?} does not end with {remedy:?}"));
        assert!(remedy.len() > 5 && failure.len() > 5, "{message}");
        assert!(!failure.contains(&*remedy), "twice: {message}");
        assert!(!remedy.ends_with('.') && !remedy.contains('\n'), "{remedy}");
        if let Some(source) = error.source() {
            assert!(!message.contains(": source"), "{message}: {source}");
        }
    }
}

const OTHER_WORDS_FOR_RETRY: [&str; 8] = [
    "try again",
    "try it again",
    "try once more",
    "sign it again",
    "sign once more",
    "send again",
    "send it again",
    "repeat",
];

/// An operator reads the remedy and a program the verdict, so the two must agree.
#[test]
fn the_words_agree_with_the_verdict() {
    for (error, _) in every_error() {
        // The provider or the policy writes these remedies.
        if matches!(error, Error::KeyStore { .. } | Error::Refused { .. }) {
            continue;
        }
        let words = error.to_string().to_lowercase();
        let forbids = words.contains("do not retry");
        assert!(!(forbids && error.is_retryable()), "{words}");
        let asks = error.remedy().to_lowercase().replace("do not retry", "");
        let asks = ["retry", "sign again"].map(|phrase| asks.contains(phrase));
        assert_eq!(asks.contains(&true), error.is_retryable(), "{words}");
        // The documentation promises these two words, so no other may say the same.
        for phrase in OTHER_WORDS_FOR_RETRY {
            assert!(!words.contains(phrase), "{words}");
        }
    }
}

/// Operators search for the usual words. `scripts/words` checks the others that we avoid.
#[test]
fn the_words_are_the_usual_ones() {
    for (error, _) in every_error() {
        let words = error.to_string().to_lowercase();
        for unusual in ["refused", "released", "told"] {
            assert!(!words.contains(unusual), "{unusual}: {words}");
        }
    }
}
