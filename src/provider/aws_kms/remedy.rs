//! What to do about a failed KMS call, in the terms of AWS. Pure: no network.

use super::{endpoint::Mismatch, key_id::is_alias};
use crate::{Receipt, error::KeyStoreFault};

/// What to do about the `fault` of a request that was sent.
pub(super) fn remedy(fault: KeyStoreFault, code: Option<&str>, receipt: &Receipt) -> String {
    let (operation, key) = (receipt.operation(), receipt.key());
    let region = receipt.region().unwrap_or("the client's region");
    // Policies and most other operations accept no alias.
    let (key_behind, key_argument) = match is_alias(key) {
        false => (key.to_owned(), key.to_owned()),
        true => (
            format!("the ARN of the key behind {key}"),
            format!(
                "$(aws kms describe-key --region {region} --key-id {key} \
                 --query KeyMetadata.KeyId --output text)"
            ),
        ),
    };
    match fault {
        KeyStoreFault::AccessDenied => format!(
            "allow kms:{operation} on {key_behind} in the caller's IAM policy and in the key policy"
        ),
        KeyStoreFault::Credentials => match code {
            Some("ExpiredToken" | "ExpiredTokenException") => {
                "renew the credentials, which have expired".into()
            }
            Some("InvalidSignatureException" | "RequestExpired" | "SignatureDoesNotMatch") => {
                format!(
                    "check that this machine's clock is right, that the secret key belongs to the \
                     access key, and that {region} is the region of the endpoint"
                )
            }
            Some(_) => {
                "check the access key and, for temporary credentials, the session token".into()
            }
            None => {
                "provide AWS credentials: environment, profile, SSO, or the role of the host".into()
            }
        },
        KeyStoreFault::NotFound => format!(
            "check that {key} exists in {region} and in this account; an alias is written alias/NAME"
        ),
        KeyStoreFault::Disabled => {
            format!("enable it: aws kms enable-key --region {region} --key-id {key_argument}")
        }
        KeyStoreFault::InvalidState => format!(
            "check KeyState in `aws kms describe-key --region {region} --key-id {key}`; a pending \
             deletion can be cancelled (aws kms cancel-key-deletion), after which the key has to be \
             enabled"
        ),
        // The key was of the right type when it was admitted or pinned.
        KeyStoreFault::InvalidUsage if operation == "Sign" => format!(
            "the key behind {key} is of another type than the pinned public key: check whether \
             an alias was moved or the wrong public key pinned"
        ),
        KeyStoreFault::InvalidUsage => {
            "create a key with --key-usage SIGN_VERIFY and --key-spec ECC_SECG_P256K1 (Ethereum), \
             ECC_NIST_P256 or ECC_NIST_EDWARDS25519"
                .into()
        }
        KeyStoreFault::InvalidRequest => {
            format!("correct what the source names; the key in the request is {key}")
        }
        KeyStoreFault::Throttled => {
            "retry after a pause, limit the rate (layer::rate_limit), and ask AWS to raise the \
             account's quota for ECC requests"
                .into()
        }
        KeyStoreFault::Unavailable => {
            "retry; if it persists, check for a proxy or a wrong endpoint".into()
        }
        KeyStoreFault::Timeout => {
            "retry; if it persists, check the network and the endpoint".into()
        }
        KeyStoreFault::Connection => {
            format!(
                "check that the KMS endpoint of {region} can be reached from here, and that \
                 HTTPS_PROXY, HTTP_PROXY and NO_PROXY are set correctly, then retry"
            )
        }
        KeyStoreFault::WrongEndpoint => wrong_endpoint(None, receipt),
        KeyStoreFault::Provider(_) | KeyStoreFault::Other => match code {
            Some("HTTP 407") => {
                "give the proxy of HTTPS_PROXY or HTTP_PROXY its credentials".into()
            }
            Some(code) if code.starts_with("HTTP ") => format!(
                "the answer is not from KMS: check the endpoint of {region}, and for a proxy in between"
            ),
            _ => "do not retry before you have read the source".into(),
        },
    }
}

/// What to do when the endpoint is not KMS, depending on the evidence.
pub(super) fn wrong_endpoint(mismatch: Option<Mismatch>, receipt: &Receipt) -> String {
    let region = receipt.region().unwrap_or("the client's region");
    let what = match mismatch {
        Some(Mismatch::Certificate) => {
            "check this machine's clock, and if a proxy inspects TLS add its CA to the trust store"
        }
        Some(Mismatch::Tls) => "check its port, and whether it takes http or https",
        Some(Mismatch::Proxy) => {
            return "give the proxy of HTTPS_PROXY its credentials".into();
        }
        Some(Mismatch::Http) | None => "check its port, and for a proxy in between",
    };
    format!("do not retry; check the endpoint of {region}; {what}")
}

/// For a request that was not sent, because no credentials arrived in time.
pub(super) const NO_CREDENTIALS_IN_TIME: &str = "nothing was sent, because the source of the AWS \
     credentials returned none in time; retry, and if it persists check that source: STS, SSO, the \
     credential process, or the metadata of the host";

/// For a request that was not sent, because the client could not make it.
pub(super) const CLIENT_SETTING: &str =
    "nothing was sent; correct the client's setting that the source names";

/// For a request whose signing time KMS rejected.
pub(super) const WRONG_CLOCK: &str = "set this machine's clock, which differs too much from KMS's";

#[cfg(test)]
mod tests;
