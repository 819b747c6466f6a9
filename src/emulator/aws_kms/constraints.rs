//! The constraints of the API model on request members, and KMS's messages for breaking them.

use std::{fmt::Display, ops::RangeInclusive};

use super::error::{Code, KmsError};

/// The length of `KeyId` and `TargetKeyId`, in characters.
pub(super) const KEY_ID_LENGTH: RangeInclusive<usize> = 1..=2048;

/// The constraints that one request breaks: KMS reports all of them at once.
#[derive(Default)]
pub(super) struct Violations(Vec<String>);

impl Violations {
    /// A member that must be present. If it is not, this returns a placeholder, which
    /// [`finish`](Self::finish) never lets through.
    pub(super) fn required<T: Default>(&mut self, member: &str, value: Option<T>) -> T {
        value.unwrap_or_else(|| {
            self.add(format!(
                "Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ));
            T::default()
        })
    }

    pub(super) fn key_id(&mut self, member: &str, value: Option<String>) -> String {
        if let Some(value) = &value {
            self.length(member, value, KEY_ID_LENGTH);
        }
        self.required(member, value)
    }

    pub(super) fn length(&mut self, member: &str, value: &str, allowed: RangeInclusive<usize>) {
        let subject = format!("Value '{value}' at '{member}'");
        self.size(&subject, "length", value.chars().count(), allowed);
    }

    /// A member whose value may be secret, so the message does not repeat it.
    pub(super) fn bytes(&mut self, member: &str, value: &[u8], allowed: RangeInclusive<usize>) {
        self.size(
            &format!("Value at '{member}'"),
            "length",
            value.len(),
            allowed,
        );
    }

    pub(super) fn value(&mut self, member: &str, value: i64, allowed: RangeInclusive<i64>) {
        let subject = format!("Value '{value}' at '{member}'");
        self.size(&subject, "value", value, allowed);
    }

    fn size<T: Display + PartialOrd>(
        &mut self,
        subject: &str,
        what: &str,
        actual: T,
        allowed: RangeInclusive<T>,
    ) {
        let (bound, limit) = if actual < *allowed.start() {
            ("greater", allowed.start())
        } else if actual > *allowed.end() {
            ("less", allowed.end())
        } else {
            return;
        };
        self.add(format!(
            "{subject} failed to satisfy constraint: \
             Member must have {what} {bound} than or equal to {limit}"
        ));
    }

    pub(super) fn one_of(&mut self, member: &str, value: &str, allowed: &[&str]) {
        if !allowed.contains(&value) {
            self.add(format!(
                "Value '{value}' at '{member}' failed to satisfy constraint: \
                 Member must satisfy enum value set: [{}]",
                allowed.join(", ")
            ));
        }
    }

    pub(super) fn alias_name(&mut self, value: Option<String>) -> String {
        if let Some(name) = &value {
            self.length("aliasName", name, 1..=256);
            let is_allowed =
                |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '_' | '-');
            if !name.chars().all(is_allowed) {
                self.add(format!(
                    "Value '{name}' at 'aliasName' failed to satisfy constraint: \
                     Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
                ));
            }
        }
        self.required("aliasName", value)
    }

    fn add(&mut self, violation: String) {
        self.0.push(violation);
    }

    pub(super) fn finish(self) -> Result<(), KmsError> {
        let Self(violations) = self;
        let heading = match violations.len() {
            0 => return Ok(()),
            1 => "1 validation error".to_owned(),
            count => format!("{count} validation errors"),
        };
        let violations = violations.join("; ");
        Err(KmsError::new(
            Code::Validation,
            format!("{heading} detected: {violations}"),
        ))
    }
}
