use super::*;

/// A provider of another crate may pass on what its server wrote.
#[test]
fn the_texts_of_a_receipt_are_bounded_and_cannot_forge_a_line() {
    let hostile = "\u{1b}[2J\nERROR forged \u{202e}".repeat(1_000);
    let receipt = Receipt::new(hostile.clone(), hostile.as_str())
        .with_pinned_key(Some(hostile.as_str().into()))
        .with_region(Some(hostile.as_str().into()))
        .with_request_id(Some(hostile.clone()));
    let again = receipt.clone().with_key(hostile.as_str());
    assert_eq!(again, receipt);
    let shown = format!("{receipt} {receipt:?}");
    assert!(shown.chars().count() < 5_000, "{}", shown.len());
    for c in ['\u{1b}', '\n', '\u{202e}'] {
        assert!(!shown.contains(c), "{c:?}");
    }
}

/// They are made for each attempt, so what needs no change is not copied.
#[test]
fn a_key_that_needs_no_change_stays_shared() {
    let key: Arc<str> = "arn:aws:kms:eu-west-1:111122223333:key/1".into();
    let receipt = Receipt::new("Sign", Arc::clone(&key)).with_pinned_key(Some(Arc::clone(&key)));
    assert!(Arc::ptr_eq(&receipt.key, &key));
    assert!(matches!(receipt.operation, Cow::Borrowed("Sign")));
    assert_eq!(Arc::strong_count(&key), 3);
}
