//! Public keys as JSON Web Keys (RFC 7517).

use std::borrow::Cow;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, de::IgnoredAny};

use super::{PublicKey, refused};
use crate::{KeyType, Result, error::PublicKeyFault};

/// The longest text that is read: room for a chain of certificates (`x5c`), which is ignored.
const MAX_LEN: usize = 16 * 1024;

/// The members that are read. All others are ignored, as RFC 7517 §4 asks.
#[derive(Deserialize)]
struct Jwk<'a> {
    #[serde(borrow)]
    kty: Cow<'a, str>,
    #[serde(borrow)]
    crv: Option<Cow<'a, str>>,
    #[serde(borrow)]
    x: Option<Cow<'a, str>>,
    #[serde(borrow)]
    y: Option<Cow<'a, str>>,
    #[serde(borrow)]
    alg: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "use")]
    usage: Option<Cow<'a, str>>,
    key_ops: Option<Vec<String>>,
    /// The secret part of every type that is read.
    d: Option<IgnoredAny>,
}

impl PublicKey {
    /// Reads a JSON Web Key (RFC 7517), feature `jwk`.
    ///
    /// | key | members |
    /// |---|---|
    /// | secp256k1 (RFC 8812 §3.1) | `kty` `EC`, `crv` `secp256k1`, `x`, `y` |
    /// | P-256 (RFC 7518 §6.2) | `kty` `EC`, `crv` `P-256`, `x`, `y` |
    /// | Ed25519 (RFC 8037 §2) | `kty` `OKP`, `crv` `Ed25519`, `x` |
    ///
    /// `x` and `y` are 32 bytes each, big-endian for EC, in base64url without padding. `alg`, `use`
    /// and `key_ops` are optional; if present, they must allow signatures. A key with its secret
    /// part `d` is an error. Other members are ignored.
    ///
    /// ```
    /// use kms_signer::{KeyType, PublicKey};
    ///
    /// // RFC 8037 §A.2.
    /// let key = PublicKey::from_jwk(
    ///     r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    /// )?;
    /// assert_eq!(key.key_type(), KeyType::Ed25519);
    /// # Ok::<(), kms_signer::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPublicKey`](crate::Error::InvalidPublicKey).
    pub fn from_jwk(json: &str) -> Result<Self> {
        if json.len() > MAX_LEN {
            return Err(refused(PublicKeyFault::TooLong));
        }
        let is_object = json.trim_start().starts_with('{');
        let jwk: Option<Jwk<'_>> = is_object.then(|| serde_json::from_str(json).ok()).flatten();
        let jwk = jwk.ok_or_else(|| refused(PublicKeyFault::Jwk))?;
        if jwk.d.is_some() {
            return Err(refused(PublicKeyFault::JwkSecret));
        }
        let key_type = jwk.key_type()?;
        if !jwk.allows_signatures(key_type) {
            return Err(refused(PublicKeyFault::JwkUsage));
        }
        let x = coordinate(jwk.x.as_deref())?;
        match (key_type, &jwk.y) {
            (KeyType::Ed25519, None) => Self::from_bytes(key_type, &x),
            (KeyType::Ed25519, Some(_)) => Err(refused(PublicKeyFault::Jwk)),
            (KeyType::Secp256k1 | KeyType::P256, y) => {
                let y = coordinate(y.as_deref())?;
                Self::from_bytes(key_type, &[&[4][..], &x, &y].concat())
            }
        }
    }

    /// Writes a JSON Web Key with the members of the table in [`from_jwk`](Self::from_jwk) and no
    /// others, feature `jwk`.
    ///
    /// The members are in the order of RFC 7638 §3, without spaces: the SHA-256 hash of this text
    /// is the key's thumbprint.
    pub fn to_jwk(&self) -> String {
        let bytes = self.to_bytes();
        let crv = match self.key_type() {
            KeyType::Secp256k1 => "secp256k1",
            KeyType::P256 => "P-256",
            KeyType::Ed25519 => "Ed25519",
        };
        let encode = Base64UrlUnpadded::encode_string;
        match bytes
            .strip_prefix(&[4])
            .and_then(|x_and_y| x_and_y.split_at_checked(32))
        {
            Some((x, y)) if self.key_type() != KeyType::Ed25519 => {
                let (x, y) = (encode(x), encode(y));
                format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            _ => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{}"}}"#, encode(&bytes)),
        }
    }
}

impl Jwk<'_> {
    fn key_type(&self) -> Result<KeyType> {
        match (&*self.kty, self.crv.as_deref()) {
            ("EC", Some("secp256k1")) => Ok(KeyType::Secp256k1),
            ("EC", Some("P-256")) => Ok(KeyType::P256),
            ("OKP", Some("Ed25519")) => Ok(KeyType::Ed25519),
            ("EC" | "OKP", Some(_)) => Err(refused(PublicKeyFault::UnsupportedCurve)),
            ("EC" | "OKP", None) => Err(refused(PublicKeyFault::Jwk)),
            _ => Err(refused(PublicKeyFault::UnsupportedAlgorithm)),
        }
    }

    /// RFC 7517 §4.2 to §4.4. The names are those of RFC 7518 §3.1, RFC 8812 §3.2, RFC 8037 §3.1 and
    /// RFC 9864 §2.2.
    fn allows_signatures(&self, key_type: KeyType) -> bool {
        let algorithms: &[&str] = match key_type {
            KeyType::Secp256k1 => &["ES256K"],
            KeyType::P256 => &["ES256"],
            KeyType::Ed25519 => &["EdDSA", "Ed25519"],
        };
        let operations = self.key_ops.as_deref();
        (self.alg.as_deref()).is_none_or(|alg| algorithms.contains(&alg))
            && self.usage.as_deref().is_none_or(|usage| usage == "sig")
            // A key store that describes its own key lists `sign` too.
            && operations.is_none_or(|all| all.iter().any(|one| one == "verify" || one == "sign"))
    }
}

fn coordinate(text: Option<&str>) -> Result<[u8; 32]> {
    let text = text.ok_or_else(|| refused(PublicKeyFault::Jwk))?;
    let mut bytes = [0; 32];
    match Base64UrlUnpadded::decode(text, &mut bytes) {
        Ok(decoded) if decoded.len() == 32 => Ok(bytes),
        _ => Err(refused(PublicKeyFault::JwkCoordinate)),
    }
}

#[cfg(test)]
mod tests;
