//! Searches text for secrets, in each form in which they could be shown.

use base64ct::{Base64, Encoding as _};

use super::report::{Checked, failed};

/// The shortest secret that is searched for; fewer bytes would be found by chance.
const MIN_LEN: usize = 4;

#[derive(Clone, Default)]
pub(super) struct Secrets {
    forms: Vec<String>,
}

impl Secrets {
    pub(super) fn add(&mut self, secret: &[u8]) {
        if secret.len() < MIN_LEN {
            return;
        }
        let numbers: Vec<String> = secret.iter().map(u8::to_string).collect();
        self.forms
            .extend(std::str::from_utf8(secret).ok().map(str::to_owned));
        self.forms.extend([
            base16ct::lower::encode_string(secret),
            Base64::encode_string(secret),
            numbers.join(", "),
        ]);
    }

    /// Fails without repeating the secret.
    pub(super) fn check(&self, what: &str, text: &str) -> Checked {
        // `{:#?}` writes one number to a line.
        let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let lower = text.to_lowercase();
        let is_shown = |form: &String| text.contains(form) || lower.contains(form);
        match self.forms.iter().any(is_shown) {
            false => Ok(()),
            true => Err(failed(
                format!("{what} without anything secret"),
                "a secret, or what was to be signed",
            )),
        }
    }
}
