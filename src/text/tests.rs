use proptest::prelude::*;

use super::*;

fn all() -> impl Iterator<Item = char> {
    '\0'..=char::MAX
}

/// Unicode 16, categories Cc, Cf, Zl and Zp, by their ranges in `UnicodeData.txt`.
#[test]
fn what_breaks_disguises_or_reorders_a_line_is_replaced() {
    let ranges = [
        '\0'..='\u{1f}',
        '\u{7f}'..='\u{9f}',
        '\u{ad}'..='\u{ad}',
        '\u{600}'..='\u{605}',
        // Arabic letter mark.
        '\u{61c}'..='\u{61c}',
        '\u{6dd}'..='\u{6dd}',
        '\u{70f}'..='\u{70f}',
        '\u{890}'..='\u{891}',
        '\u{8e2}'..='\u{8e2}',
        '\u{180e}'..='\u{180e}',
        // Zero width space, non-joiner, joiner, left-to-right and right-to-left mark.
        '\u{200b}'..='\u{200f}',
        // Line and paragraph separator, embeddings and overrides.
        '\u{2028}'..='\u{202e}',
        // Word joiner, isolates.
        '\u{2060}'..='\u{2064}',
        '\u{2066}'..='\u{206f}',
        '\u{feff}'..='\u{feff}',
        '\u{fff9}'..='\u{fffb}',
        '\u{110bd}'..='\u{110bd}',
        '\u{110cd}'..='\u{110cd}',
        '\u{13430}'..='\u{1343f}',
        '\u{1bca0}'..='\u{1bca3}',
        '\u{1d173}'..='\u{1d17a}',
        // Language tag, and invisible letters.
        '\u{e0001}'..='\u{e0001}',
        '\u{e0020}'..='\u{e007f}',
    ];
    for c in ranges.into_iter().flatten() {
        assert_eq!(clean(&c.to_string(), 9), "?", "{c:?}");
    }
    for c in all().filter(|c| c.is_control()) {
        assert_eq!(clean(&c.to_string(), 9), "?", "{c:?}");
    }
    // Variation selectors, an accent onto the character before, and a space that is none.
    for c in ['\u{fe0f}', '\u{e0100}', '\u{301}', '\u{a0}', '\u{3000}'] {
        assert_eq!(clean(&c.to_string(), 9), "?", "{c:?}");
    }
}

#[test]
fn what_can_be_read_is_kept() {
    for text in [
        "",
        "arn:aws:kms:us-east-1:111122223333:key/1",
        r#"it's "quoted" \ {"a":1} <b>"#,
        "Schlüssel 鍵 ключ 🔑",
    ] {
        assert_eq!(clean(text, 256), text);
    }
    for c in (' '..='~').chain(all().filter(|c| c.is_alphanumeric() && c.is_ascii())) {
        assert_eq!(clean(&c.to_string(), 9), c.to_string());
    }
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    assert_eq!(clean("abcd", 4), "abcd");
    assert_eq!(clean("abcde", 4), "abc…");
    assert_eq!(clean("äöüß", 2), "ä…");
    assert_eq!(clean("abc", 0), "");
}

proptest! {
    #[test]
    fn any_text_comes_out_bounded_and_printable(text: String, most in 0usize..600) {
        let cleaned = clean(&text, most);
        prop_assert!(cleaned.chars().count() <= most);
        prop_assert_eq!(&clean(&cleaned, most), &cleaned, "not stable");
        let shown = format!("{cleaned:?}");
        prop_assert!(shown.chars().count() <= 2 * most + 2, "{}", shown);
        prop_assert!(!cleaned.contains(|c: char| c.is_control()));
    }
}

#[test]
fn a_constant_is_copied_only_when_it_must_change() {
    for (text, expected, is_kept) in [
        ("abcd", "abcd", true),
        ("abcde", "abc…", false),
        ("a\nb", "a?b", false),
    ] {
        let cleaned = cleaned(text, 4);
        assert_eq!(cleaned, expected);
        assert_eq!(matches!(cleaned, Cow::Borrowed(_)), is_kept, "{text:?}");
    }
}

#[test]
fn the_words_of_a_chain_are_one_bounded_sentence() {
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Link(String, #[source] Option<Box<Link>>);

    let inner = Link("bad base64: \n\u{1b}[31m".into(), None);
    assert_eq!(
        words(&Link("unreadable".into(), Some(Box::new(inner)))),
        "unreadable: bad base64: ??[31m"
    );
    let mut long = Link("x".repeat(100_000), None);
    for _ in 0..100 {
        long = Link("x".repeat(1_000), Some(Box::new(long)));
    }
    assert_eq!(words(&long).chars().count(), MAX_SENTENCE);
}
