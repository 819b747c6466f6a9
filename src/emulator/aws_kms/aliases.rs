//! Aliases: names that point at keys.

use std::{collections::BTreeMap, time::SystemTime};

use super::{
    error::{Code, KmsError},
    identifier::Scope,
    operation::Operation,
    page::{self, Page},
};

pub(super) struct Alias {
    pub(super) name: String,
    pub(super) target_key_id: String,
    pub(super) created: SystemTime,
    pub(super) updated: SystemTime,
}

/// The aliases of one account and region, by name.
#[derive(Default)]
pub(super) struct Aliases(BTreeMap<String, Alias>);

impl Aliases {
    pub(super) fn get(&self, scope: &Scope, name: &str) -> Result<&Alias, KmsError> {
        self.0.get(name).ok_or_else(|| no_such_alias(scope, name))
    }

    pub(super) fn create(
        &mut self,
        scope: &Scope,
        name: &str,
        target_key_id: String,
    ) -> Result<(), KmsError> {
        if self.0.contains_key(name) {
            let arn = scope.alias_arn(name);
            return Err(KmsError::new(
                Code::AlreadyExists,
                format!("An alias with the name {arn} already exists"),
            ));
        }
        let now = SystemTime::now();
        self.0.insert(
            name.to_owned(),
            Alias {
                name: name.to_owned(),
                target_key_id,
                created: now,
                updated: now,
            },
        );
        Ok(())
    }

    pub(super) fn update(
        &mut self,
        scope: &Scope,
        name: &str,
        target_key_id: String,
    ) -> Result<(), KmsError> {
        let alias = self.0.get_mut(name);
        let alias = alias.ok_or_else(|| no_such_alias(scope, name))?;
        alias.target_key_id = target_key_id;
        alias.updated = SystemTime::now();
        Ok(())
    }

    pub(super) fn delete(&mut self, scope: &Scope, name: &str) -> Result<(), KmsError> {
        match self.0.remove(name) {
            Some(_) => Ok(()),
            None => Err(no_such_alias(scope, name)),
        }
    }

    /// For a key that is being deleted.
    pub(super) fn remove_all_of(&mut self, key_id: &str) {
        self.0.retain(|_, alias| alias.target_key_id != key_id);
    }

    /// The aliases of one key, or of all keys.
    pub(super) fn list(
        &self,
        target: Option<&str>,
        limit: usize,
        marker: Option<&str>,
    ) -> Result<Page<'_, Alias>, KmsError> {
        page::after(&self.0, "alias", limit, marker, |alias| {
            target.is_none_or(|id| alias.target_key_id == id)
        })
    }
}

fn no_such_alias(scope: &Scope, name: &str) -> KmsError {
    let arn = scope.alias_arn(name);
    KmsError::new(Code::NotFound, format!("Alias {arn} is not found."))
}

/// The rules beyond the constraints of the API model.
pub(super) fn check_name(operation: Operation, name: &str) -> Result<(), KmsError> {
    let Some(rest) = name.strip_prefix("alias/") else {
        return Err(KmsError::new(
            Code::Validation,
            "Alias must start with the prefix \"alias/\". Please see \
             https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    };
    // Other operations report that there is no such alias, since it cannot exist.
    if rest.is_empty() && operation == Operation::CreateAlias {
        return Err(KmsError::new(
            Code::InvalidAliasName,
            "Alias must have a name after the prefix \"alias/\"",
        ));
    }
    if rest.contains(':') {
        return Err(KmsError::new(
            Code::Validation,
            format!("{name} contains invalid characters for an alias"),
        ));
    }
    if rest.starts_with("aws/") {
        return Err(KmsError::new(
            Code::NotAuthorized,
            "The prefix \"alias/aws/\" is reserved for AWS managed keys",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
