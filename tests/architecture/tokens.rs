//! Tokens that the parser does not resolve: those that macros and attributes take.
//!
//! Finds the paths, names and statics among them that are spelt out. A path that begins in this
//! crate and continues with a variable of the macro cannot be followed, and is a finding.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::{AttrStyle, Attribute, Meta, Token, punctuated::Punctuated};

use crate::{
    source::{Lint, Place, ROOT, Written, line},
    visit::{Collector, text},
};

impl Collector<'_, '_> {
    pub(crate) fn tokens(&mut self, tokens: TokenStream, place: Place) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Group(group) => {
                    self.tokens(group.stream(), place);
                    at += 1;
                }
                TokenTree::Ident(ident) if is_path_start(&tokens, at) => {
                    self.static_item(&tokens, at);
                    if place == Place::Macro {
                        self.lint_or_module(&tokens, at);
                    }
                    let is_extern = ends_with_colons(&tokens[..at]);
                    let path = Written {
                        is_extern,
                        names: Vec::new(),
                    };
                    at = self.path(&tokens, at, path, place, line(ident.span()));
                }
                TokenTree::Ident(ident) => {
                    self.identifier(ident);
                    at += 1;
                }
                TokenTree::Literal(literal) if place == Place::Attribute => {
                    self.quoted_path(literal);
                    at += 1;
                }
                TokenTree::Literal(_) | TokenTree::Punct(_) => at += 1,
            }
        }
    }

    /// Reads the path that goes on at `at`, and returns what follows it.
    fn path(
        &mut self,
        tokens: &[TokenTree],
        mut at: usize,
        mut path: Written,
        place: Place,
        line: usize,
    ) -> usize {
        loop {
            match tokens.get(at) {
                Some(TokenTree::Ident(ident)) => {
                    self.identifier(ident);
                    path.names.push(text(ident));
                    at += 1;
                }
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                    for part in inside.split(|token| is_punct(Some(token), ',')) {
                        self.path(part, 0, path.clone(), place, line);
                    }
                    return at + 1;
                }
                Some(TokenTree::Punct(punct)) if punct.as_char() == '<' => {
                    let end = at + closing(&tokens[at..]);
                    let inside = tokens[at + 1..end].iter().cloned().collect();
                    self.tokens(inside, place);
                    at = end + 1;
                }
                Some(TokenTree::Punct(punct)) if punct.as_char() == '$' => {
                    let first = path.names.first().map(String::as_str);
                    if matches!(first, Some("crate" | "self" | "super")) {
                        self.unreadable(line, "a path of this crate with a variable in a macro");
                    }
                    break;
                }
                _ => break,
            }
            match is_colons(tokens, at) {
                true => at += 2,
                false => break,
            }
        }
        if is_punct(tokens.get(at), '!') && matches!(tokens.get(at + 1), Some(TokenTree::Group(_)))
        {
            self.mention(path.clone(), Place::Call, line);
        }
        if !path.names.is_empty() {
            self.mention(path, place, line);
        }
        at
    }

    fn identifier(&mut self, ident: &Ident) {
        let name = self.name(ident);
        self.loader.krate.identifiers.push(name);
    }

    /// `static NAME:` or `static mut NAME:`.
    fn static_item(&mut self, tokens: &[TokenTree], at: usize) {
        let mut rest = tokens[at..].iter().filter_map(|token| match token {
            TokenTree::Ident(ident) => Some(ident),
            _ => None,
        });
        if rest.next().is_some_and(|keyword| keyword == "static")
            && !matches!(tokens.get(at + 1), Some(TokenTree::Punct(punct)) if punct.as_char() != '$')
            && let Some(name) = rest.find(|ident| *ident != "mut")
        {
            let name = self.name(name);
            self.loader.krate.statics.push(name);
        }
    }

    /// `level(lints)`, even outside an attribute, and whatever moves or makes modules.
    fn lint_or_module(&mut self, tokens: &[TokenTree], at: usize) {
        let TokenTree::Ident(ident) = &tokens[at] else {
            return;
        };
        let at_line = line(ident.span());
        match tokens.get(at + 1) {
            Some(TokenTree::Group(group)) if LEVELS.contains(&&*text(ident)) => {
                match syn::parse2(quoted(ident, group)) {
                    Ok(meta) => self.lints_of(&meta, false),
                    Err(_) => self.unreadable(at_line, "a lint that a macro makes"),
                }
            }
            Some(TokenTree::Group(group)) if ident == "cfg_attr" && has_path(group.stream()) => {
                self.unreadable(at_line, MOVED);
            }
            Some(TokenTree::Punct(punct)) if ident == "path" && punct.as_char() == '=' => {
                self.unreadable(at_line, MOVED);
            }
            Some(TokenTree::Ident(_)) if ident == "mod" && is_punct(tokens.get(at + 2), ';') => {
                self.unreadable(at_line, "a module that a macro declares");
            }
            _ => {}
        }
    }

    /// An attribute that moves a module to another file.
    pub(crate) fn module_path(&mut self, meta: &Meta) {
        let moves = match meta {
            Meta::List(list) => list.path.is_ident("cfg_attr") && has_path(list.tokens.clone()),
            other => other.path().is_ident("path"),
        };
        if moves {
            let first = meta.path().segments.first();
            let at_line = first.map_or(1, |segment| line(segment.ident.span()));
            self.unreadable(at_line, MOVED);
        }
    }

    /// A path in quotes, as serde takes them.
    fn quoted_path(&mut self, literal: &proc_macro2::Literal) {
        if let Ok(quoted) = syn::parse_str::<syn::LitStr>(&literal.to_string())
            && let Ok(path) = quoted.parse::<syn::Path>()
        {
            let names = path.segments.iter().map(|one| text(&one.ident)).collect();
            let is_extern = path.leading_colon.is_some();
            let path = Written { is_extern, names };
            self.mention(path, Place::Attribute, line(literal.span()));
        }
    }

    pub(crate) fn lints(&mut self, attribute: &Attribute) {
        let is_inner = matches!(attribute.style, AttrStyle::Inner(_));
        let is_for_crate = is_inner && self.scope == ROOT;
        self.lints_of(&attribute.meta, is_for_crate);
    }

    fn lints_of(&mut self, meta: &Meta, is_for_crate: bool) {
        let Meta::List(list) = meta else { return };
        let parse = Punctuated::<Meta, Token![,]>::parse_terminated;
        if list.path.is_ident("cfg_attr") {
            let mut parts = list.parse_args_with(parse).unwrap().into_iter();
            let condition = parts.next();
            let is_outside_tests = condition.is_some_and(|condition| match condition {
                Meta::List(not) => not.path.is_ident("not") && not.tokens.to_string() == "test",
                _ => false,
            });
            for part in parts {
                self.lints_of(&part, is_for_crate && is_outside_tests);
            }
            return;
        }
        if let Some(level) = list.path.get_ident().map(text)
            && LEVELS.contains(&&*level)
        {
            let Ok(lints) = list.parse_args_with(parse) else {
                return self.unreadable(line(list.path.segments[0].ident.span()), "a lint");
            };
            for lint in lints {
                let names = lint.path().segments.iter().map(|one| text(&one.ident));
                let name = names.collect::<Vec<_>>().join("::");
                self.loader.krate.lints.push(Lint {
                    level: level.clone(),
                    name,
                    is_for_crate,
                    scope: self.scope,
                    line: line(list.path.segments[0].ident.span()),
                });
            }
        }
    }
}

const LEVELS: [&str; 5] = ["allow", "deny", "expect", "forbid", "warn"];

const MOVED: &str = "a module with #[path]";

fn quoted(ident: &Ident, group: &proc_macro2::Group) -> TokenStream {
    [
        TokenTree::Ident(ident.clone()),
        TokenTree::Group(group.clone()),
    ]
    .into_iter()
    .collect()
}

/// Whether the name `path` occurs anywhere in it.
fn has_path(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "path",
        TokenTree::Group(group) => has_path(group.stream()),
        _ => false,
    })
}

/// Whether the identifier at `at` begins a path: no field, method, lifetime or variable of a macro.
fn is_path_start(tokens: &[TokenTree], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let Some(TokenTree::Punct(punct)) = before else {
        return true;
    };
    let is_crate = matches!(&tokens[at], TokenTree::Ident(ident) if ident == "crate");
    match punct.as_char() {
        '\'' => false,
        '$' => is_crate,
        // Two dots are a range.
        '.' => at >= 2 && is_punct(tokens.get(at - 2), '.'),
        _ => true,
    }
}

fn is_punct(token: Option<&TokenTree>, expected: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == expected)
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

/// Whether `::` precedes it, with nothing before that a path could continue from.
fn ends_with_colons(tokens: &[TokenTree]) -> bool {
    let Some(colons) = tokens.len().checked_sub(2) else {
        return false;
    };
    let before = colons.checked_sub(1).and_then(|before| tokens.get(before));
    is_colons(tokens, colons)
        && !matches!(before, Some(TokenTree::Ident(_) | TokenTree::Group(_)))
        && !is_punct(before, '>')
}

/// The position of the `>` that closes the `<` at the beginning.
fn closing(tokens: &[TokenTree]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        let is_arrow = at > 0 && is_punct(tokens.get(at - 1), '-');
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' && !is_arrow => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len() - 1
}
