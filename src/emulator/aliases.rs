//! Aliases: names that point at keys.

use std::time::SystemTime;

use super::{
    error::{Code, KmsError},
    keys::KeyStore,
    operation::Operation,
    page::{self, Page},
};

pub(super) struct Alias {
    pub(super) name: String,
    pub(super) target_key_id: String,
    pub(super) created: SystemTime,
    pub(super) updated: SystemTime,
}

impl KeyStore {
    pub(super) fn alias(&self, name: &str) -> Result<&Alias, KmsError> {
        self.aliases
            .get(name)
            .ok_or_else(|| self.no_such_alias(name))
    }

    pub(super) fn create_alias(&mut self, name: &str, key_id: &str) -> Result<(), KmsError> {
        check_name(Operation::CreateAlias, name)?;
        let target_key_id = self.alias_target(Operation::CreateAlias, key_id)?;
        if self.aliases.contains_key(name) {
            let arn = self.scope.alias_arn(name);
            return Err(KmsError::new(
                Code::AlreadyExists,
                format!("An alias with the name {arn} already exists"),
            ));
        }
        let now = SystemTime::now();
        self.aliases.insert(
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

    /// Points an alias at another key.
    ///
    /// KMS asks for the same usage and for two asymmetric keys, which all keys here fulfil. It
    /// does not ask for the same key spec: an alias may move from secp256k1 to Ed25519.
    pub(super) fn update_alias(&mut self, name: &str, key_id: &str) -> Result<(), KmsError> {
        check_name(Operation::UpdateAlias, name)?;
        let target_key_id = self.alias_target(Operation::UpdateAlias, key_id)?;
        let missing = self.no_such_alias(name);
        let alias = self.aliases.get_mut(name).ok_or(missing)?;
        alias.target_key_id = target_key_id;
        alias.updated = SystemTime::now();
        Ok(())
    }

    pub(super) fn delete_alias(&mut self, name: &str) -> Result<(), KmsError> {
        check_name(Operation::DeleteAlias, name)?;
        match self.aliases.remove(name) {
            Some(_) => Ok(()),
            None => Err(self.no_such_alias(name)),
        }
    }

    /// The aliases of one key, or of all keys.
    pub(super) fn list_aliases(
        &self,
        key_id: Option<&str>,
        limit: usize,
        marker: Option<&str>,
    ) -> Result<Page<'_, Alias>, KmsError> {
        let target = match key_id {
            Some(key_id) => Some(&self.find(Operation::ListAliases, key_id)?.id),
            None => None,
        };
        page::after(&self.aliases, "alias", limit, marker, |alias| {
            target.is_none_or(|id| alias.target_key_id == *id)
        })
    }

    fn alias_target(&self, operation: Operation, key_id: &str) -> Result<String, KmsError> {
        let key = self.find(operation, key_id)?;
        key.require_not_pending_deletion()?;
        Ok(key.id.clone())
    }

    fn no_such_alias(&self, name: &str) -> KmsError {
        let arn = self.scope.alias_arn(name);
        KmsError::new(Code::NotFound, format!("Alias {arn} is not found."))
    }
}

/// What goes beyond the constraints of the API model.
fn check_name(operation: Operation, name: &str) -> Result<(), KmsError> {
    let Some(rest) = name.strip_prefix("alias/") else {
        return Err(KmsError::new(
            Code::Validation,
            "Alias must start with the prefix \"alias/\". Please see \
             https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    };
    // For the others no such alias can exist, and that is what they say.
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
