//! Aliases: names that point at keys.

use std::time::SystemTime;

use super::{
    constraints::Violations,
    error::{Code, KmsError},
    identifier::Accepts,
    keys::KeyStore,
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
        check_name(name)?;
        let target_key_id = self.alias_target("CreateAlias", key_id)?;
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
        check_name(name)?;
        let target_key_id = self.alias_target("UpdateAlias", key_id)?;
        let missing = self.no_such_alias(name);
        let alias = self.aliases.get_mut(name).ok_or(missing)?;
        alias.target_key_id = target_key_id;
        alias.updated = SystemTime::now();
        Ok(())
    }

    pub(super) fn delete_alias(&mut self, name: &str) -> Result<(), KmsError> {
        check_name(name)?;
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
            Some(key_id) => Some(&self.find("ListAliases", Accepts::Keys, key_id)?.id),
            None => None,
        };
        page::after(&self.aliases, "alias", limit, marker, |alias| {
            target.is_none_or(|id| alias.target_key_id == *id)
        })
    }

    fn alias_target(&self, operation: &str, key_id: &str) -> Result<String, KmsError> {
        let key = self.find(operation, Accepts::Keys, key_id)?;
        key.require_not_pending_deletion()?;
        Ok(key.id.clone())
    }

    fn no_such_alias(&self, name: &str) -> KmsError {
        let arn = self.scope.alias_arn(name);
        KmsError::new(Code::NotFound, format!("Alias {arn} is not found."))
    }
}

fn check_name(name: &str) -> Result<(), KmsError> {
    // Again for requests, whose members were checked together, and once for calls in process.
    let mut violations = Violations::default();
    violations.alias_name(Some(name.to_owned()));
    violations.finish()?;
    let Some(rest) = name.strip_prefix("alias/") else {
        return Err(KmsError::new(
            Code::Validation,
            "Alias must start with the prefix \"alias/\". Please see \
             https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    };
    if rest.is_empty() {
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
