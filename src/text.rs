//! Text that comes from a server, made safe to show.

/// Returns `text` with at most `most` characters, none of which can disguise or break a line.
///
/// What `Debug` would escape becomes `?`, quotes and backslashes excepted. The standard library keeps
/// that list with its tables of Unicode: everything that is not printable (Cc, Cf, Co, Cn, Zl, Zp,
/// and Zs but the space), so controls, line separators, bidirectional marks and overrides, zero-width
/// characters and tags; and what joins onto the character before it. So `Debug` of the result is at
/// most twice as long. Text that was cut ends in `…`.
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
