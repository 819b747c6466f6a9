//! Names of keys in KMS: one grammar for the user's configuration and KMS's answers.

use super::protocol::missing;
use crate::{Error, Result, error::AnswerFault};

/// The name of a key or an alias (AWS API: Sign, `KeyId`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyId<'a> {
    text: &'a str,
    scope: Option<Scope<'a>>,
    resource: Resource<'a>,
}

/// The part of an ARN before the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scope<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resource<'a> {
    Key(&'a str),
    Alias(&'a str),
}

impl<'a> KeyId<'a> {
    /// Reads a key id, a key ARN, an alias name or an alias ARN.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let first = parts.next()?;
        let (scope, resource) = match (first, parts.next()) {
            ("arn", Some(partition)) => {
                let (service, region) = (parts.next()?, parts.next()?);
                let (account, resource) = (parts.next()?, parts.next()?);
                let is_valid = is_lowercase_name(partition)
                    && service == "kms"
                    && is_lowercase_name(region)
                    && account.len() == 12
                    && account.bytes().all(|byte| byte.is_ascii_digit());
                let scope = is_valid.then_some(Scope {
                    partition,
                    region,
                    account,
                })?;
                let resource = match resource.strip_prefix("key/") {
                    Some(id) => key(id)?,
                    None => alias(resource)?,
                };
                (Some(scope), resource)
            }
            (name, None) => (None, alias(name).or_else(|| key(name))?),
            _ => return None,
        };
        Some(Self {
            text,
            scope,
            resource,
        })
    }

    /// The region of an ARN.
    pub(super) fn region(&self) -> Option<&'a str> {
        self.scope.map(|scope| scope.region)
    }

    pub(super) fn is_alias(&self) -> bool {
        matches!(self.resource, Resource::Alias(_))
    }

    pub(super) fn is_key_arn(&self) -> bool {
        self.scope.is_some() && !self.is_alias()
    }

    /// Whether `answered`, the key in an answer, may be the key that this name stands for.
    ///
    /// An ARN must be equal, a key id must be that of the ARN. An alias may point to any key, an
    /// alias ARN only to one in its own account and region. KMS answers with the key's ARN, some
    /// emulators with its bare id.
    fn may_be(&self, answered: &KeyId<'_>) -> bool {
        let same_scope = match (self.scope, answered.scope) {
            (Some(own), Some(other)) => own == other,
            _ => true,
        };
        same_scope
            && match (self.resource, answered.resource) {
                (Resource::Key(own), Resource::Key(other)) => own == other,
                (Resource::Alias(_), Resource::Key(_)) => true,
                (_, Resource::Alias(_)) => false,
            }
    }
}

pub(super) fn is_alias(text: &str) -> bool {
    KeyId::parse(text).is_some_and(|key_id| key_id.is_alias())
}

/// Compares the key in an answer with the requested or pinned one, for a client of this region.
///
/// Returns the name to pin: a key ARN or a key id, and never an id if the ARN is known already.
///
/// # Errors
///
/// [`Error::KeyMoved`] when it is another key, [`Error::UnusableAnswer`] when the answer names no
/// key.
pub(super) fn check_key(
    asked: &str,
    region: Option<&str>,
    answered: Option<&str>,
) -> Result<String> {
    let answered = answered.ok_or_else(|| missing("KeyId"))?;
    let key = KeyId::parse(answered).filter(|key| !key.is_alias());
    let key = key.ok_or_else(|| Error::unusable_answer(AnswerFault::key(answered)))?;
    match KeyId::parse(asked) {
        Some(asked) if !asked.may_be(&key) => {}
        // A bare id or alias name belongs to the client's region.
        Some(asked) if asked.scope.is_none() && is_elsewhere(region, &key) => {}
        Some(asked) if asked.is_key_arn() => return Ok(asked.text.to_owned()),
        Some(_) => return Ok(key.text.to_owned()),
        None => {}
    }
    Err(Error::key_moved(asked, answered))
}

fn is_elsewhere(region: Option<&str>, key: &KeyId<'_>) -> bool {
    matches!((region, key.region()), (Some(own), Some(other)) if own != other)
}

/// Accepts UUIDs, `mrk-` with 32 hexadecimal digits, and the ids of emulators.
fn key(id: &str) -> Option<Resource<'_>> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_id = (1..=128).contains(&id.len()) && id.bytes().all(is_valid);
    is_id.then_some(Resource::Key(id))
}

/// AWS API: CreateAlias, `AliasName`.
fn alias(name: &str) -> Option<Resource<'_>> {
    let rest = name.strip_prefix("alias/")?;
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
    let is_name = !rest.is_empty() && name.len() <= 256 && rest.bytes().all(is_valid);
    is_name.then_some(Resource::Alias(name))
}

/// A partition or a region.
fn is_lowercase_name(text: &str) -> bool {
    let is_valid = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(is_valid)
}

#[cfg(test)]
mod tests;
