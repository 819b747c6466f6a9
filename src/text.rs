//! Text from a server or a policy, made safe to show.

// Without a remote provider no server says anything.
#![cfg_attr(not(feature = "_remote"), allow(dead_code))]

use std::{borrow::Cow, error::Error as StdError, sync::Arc};

/// The most characters of a name that are kept: a key, an algorithm, a code, a request id. The
/// longest ones of key stores have about a hundred.
pub(crate) const MAX_NAME: usize = 256;

/// The most characters of a sentence that are kept. A denial by AWS IAM names two ARNs before its
/// reason, and has up to 400.
pub(crate) const MAX_SENTENCE: usize = 512;

/// Returns `text` cut to `most` characters, with `?` for each that could disguise or break a line.
///
/// It replaces everything that `Debug` would escape, except quotes and backslashes. That list comes
/// from the standard library's Unicode tables: characters that are not printable (Cc, Cf, Co, Cn,
/// Zl, Zp, and Zs except the space), so controls, line separators, bidirectional marks and
/// overrides, zero-width characters and tags; and marks that combine with the character before.
/// `Debug` of the result is therefore at most twice as long. A text that was cut ends in `…`.
pub(crate) fn clean(text: &str, most: usize) -> String {
    let mut rest = text.chars();
    let mut cleaned: String = rest.by_ref().take(most).map(harmless).collect();
    if rest.next().is_some() && cleaned.pop().is_some() {
        cleaned.push('…');
    }
    cleaned
}

/// The same for a text that may be a constant: one that needs no change is returned as it is.
pub(crate) fn cleaned(text: impl Into<Cow<'static, str>>, most: usize) -> Cow<'static, str> {
    let text = text.into();
    match is_clean(&text, most) {
        true => text,
        false => clean(&text, most).into(),
    }
}

/// The same for a text that is shared.
pub(crate) fn shared(text: impl Into<Arc<str>>, most: usize) -> Arc<str> {
    let text = text.into();
    match is_clean(&text, most) {
        true => text,
        false => clean(&text, most).into(),
    }
}

fn is_clean(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_none() && text.chars().all(|c| harmless(c) == c)
}

/// A name in an answer. What is empty is missing.
pub(crate) fn name(text: Option<&str>) -> Option<String> {
    let text = text.filter(|text| !text.is_empty())?;
    Some(clean(text, MAX_NAME))
}

/// What an error and its sources say, as one sentence.
///
/// Not the errors themselves: those of the SDK hold the answer, body and all, and those of TLS and of
/// decoders quote what the other side sent.
pub(crate) fn words(error: &(dyn StdError + 'static)) -> String {
    let all: Vec<String> = chain(error)
        .map(|link| clean(&link.to_string(), MAX_SENTENCE))
        .collect();
    clean(&all.join(": "), MAX_SENTENCE)
}

/// The error and its sources; bounded, since such a chain may in principle be circular.
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
    .take(16)
}

fn harmless(c: char) -> char {
    match c {
        ' '..='~' => c,
        _ if c.escape_debug().eq([c]) => c,
        _ => '?',
    }
}

#[cfg(test)]
mod tests;
