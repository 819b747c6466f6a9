//! Text from a server, made safe to show.

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

fn harmless(c: char) -> char {
    match c {
        '"' | '\'' | '\\' => c,
        _ if c.escape_debug().eq([c]) => c,
        _ => '?',
    }
}

#[cfg(test)]
mod tests;
