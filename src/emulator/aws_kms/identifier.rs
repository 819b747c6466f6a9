//! Key ids, alias names and their ARNs: which key a request means.

use super::{
    error::{Code, KmsError},
    operation::Operation,
};

/// The account and region that the emulator stands for.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    region: String,
    account_id: String,
}

/// What a `KeyId` or `TargetKeyId` names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Identifier<'a> {
    /// A well-formed key id.
    Key(&'a str),
    /// An alias name, with its prefix `alias/`.
    Alias(&'a str),
}

impl Scope {
    /// `None` when the parts do not make a well-formed ARN.
    pub(super) fn new(region: &str, account_id: &str) -> Option<Self> {
        let region_is_valid = !region.is_empty()
            && region
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let account_is_valid =
            account_id.len() == 12 && account_id.bytes().all(|byte| byte.is_ascii_digit());
        (region_is_valid && account_is_valid).then(|| Self {
            region: region.to_owned(),
            account_id: account_id.to_owned(),
        })
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    pub(super) fn account_id(&self) -> &str {
        &self.account_id
    }

    pub(super) fn key_arn(&self, id: &str) -> String {
        self.arn(&format!("key/{id}"))
    }

    pub(super) fn alias_arn(&self, name: &str) -> String {
        self.arn(name)
    }

    /// The caller, as far as the emulator knows.
    pub(super) fn root_arn(&self) -> String {
        format!("arn:{}:iam::{}:root", self.partition(), self.account_id)
    }

    /// Whether both are of the same account and partition.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.account_id == other.account_id && self.partition() == other.partition()
    }

    fn arn(&self, resource: &str) -> String {
        let partition = self.partition();
        let Self { region, account_id } = self;
        format!("arn:{partition}:kms:{region}:{account_id}:{resource}")
    }

    fn partition(&self) -> &'static str {
        match self.region.split('-').next() {
            Some("cn") => "aws-cn",
            _ if self.region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// Reads the `KeyId` or `TargetKeyId` of a request for `operation`.
    pub(super) fn identify<'a>(
        &self,
        operation: Operation,
        key_id: &'a str,
    ) -> Result<Identifier<'a>, KmsError> {
        let resource = match key_id.starts_with("arn:") {
            true => self.resource_of(operation, key_id)?,
            false => key_id,
        };
        let is_arn = resource.len() != key_id.len();
        if resource.starts_with("alias/") {
            return match operation {
                Operation::DescribeKey
                | Operation::GetPublicKey
                | Operation::Sign
                | Operation::Verify => Ok(Identifier::Alias(resource)),
                Operation::CreateAlias | Operation::UpdateAlias => Err(KmsError::new(
                    Code::Validation,
                    "Aliases must refer to keys. Not aliases",
                )),
                _ => Err(KmsError::new(
                    Code::InvalidArn,
                    "Key Aliases are not supported for this operation.",
                )),
            };
        }
        let id = match (is_arn, resource.strip_prefix("key/")) {
            (true, Some(id)) => id,
            (true, None) => return Err(invalid_arn(operation, key_id)),
            (false, _) => resource,
        };
        match is_key_id(id) {
            true => Ok(Identifier::Key(id)),
            false => Err(invalid_key_id(id)),
        }
    }

    /// The part of an ARN after the account, if the ARN is of this account and region.
    fn resource_of<'a>(&self, operation: Operation, arn: &'a str) -> Result<&'a str, KmsError> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [_, partition, "kms", region, account_id, resource] = parts.as_slice() else {
            return Err(invalid_arn(operation, arn));
        };
        if *partition != self.partition() {
            return Err(invalid_arn(operation, arn));
        }
        if *region != self.region {
            return Err(KmsError::new(
                Code::NotFound,
                format!("Invalid arn {region}"),
            ));
        }
        if *account_id != self.account_id {
            return Err(KmsError::new(
                Code::AccessDenied,
                format!(
                    "User: {} is not authorized to perform: kms:{operation} on resource: {arn} \
                     because no resource-based policy allows the kms:{operation} action",
                    self.root_arn(),
                ),
            ));
        }
        Ok(resource)
    }
}

/// A UUID, or the `mrk-` id of a multi-Region key.
fn is_key_id(id: &str) -> bool {
    let is_hex = |text: &str| {
        text.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    match id.strip_prefix("mrk-") {
        Some(digits) => digits.len() == 32 && is_hex(digits),
        None => {
            let groups: Vec<&str> = id.split('-').collect();
            let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
            lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| is_hex(group))
        }
    }
}

/// The API reference lists `InvalidArnException` for some operations only. For ARNs of another
/// region it is known that the others answer with `NotFoundException`.
fn invalid_arn(operation: Operation, arn: &str) -> KmsError {
    let code = match operation {
        Operation::CreateAlias | Operation::Sign | Operation::UpdateAlias | Operation::Verify => {
            Code::NotFound
        }
        _ => Code::InvalidArn,
    };
    KmsError::new(code, format!("Invalid arn {arn}"))
}

fn invalid_key_id(key_id: &str) -> KmsError {
    KmsError::new(Code::NotFound, format!("Invalid keyId '{key_id}'"))
}

#[cfg(test)]
mod tests;
