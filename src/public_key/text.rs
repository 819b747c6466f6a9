//! Public keys as text: base64 and PEM around the DER SubjectPublicKeyInfo.

use base64ct::{Base64, Encoding as _};

use super::{PublicKey, refused};
use crate::{Result, error::PublicKeyFault};

/// The longest text that is read. A P-256 key in PEM has 178 characters.
const MAX_LEN: usize = 1024;

/// The characters of a line (RFC 7468 §2).
const LINE_LEN: usize = 64;
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo in base64 (RFC 4648 §4), as `aws kms get-public-key` prints
    /// it: padded and on one line. Spaces and line ends around it are skipped.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPublicKey`](crate::Error::InvalidPublicKey) when the text is not base64, or
    /// when [`from_spki_der`](Self::from_spki_der) rejects its bytes.
    pub fn from_spki_base64(text: &str) -> Result<Self> {
        let der = Base64::decode_vec(bounded(text)?);
        Self::from_spki_der(&der.map_err(|_| refused(PublicKeyFault::Base64))?)
    }

    /// Writes the base64 that [`from_spki_base64`](Self::from_spki_base64) reads: 120 characters for
    /// secp256k1, 124 for P-256, 60 for Ed25519.
    pub fn to_spki_base64(&self) -> String {
        Base64::encode_string(&self.to_spki_der())
    }

    /// Reads a PEM `PUBLIC KEY` (RFC 7468 §13), as OpenSSL and Google Cloud KMS write it.
    ///
    /// The text is that one block, with lines of 64 characters that end in LF or CRLF. Spaces and
    /// line ends around it are skipped; anything else, such as a second block, is an error.
    ///
    /// ```
    /// use kms_signer::{KeyType, PublicKey};
    ///
    /// // RFC 8410 §10.1.
    /// let key = PublicKey::from_spki_pem(
    ///     "-----BEGIN PUBLIC KEY-----\n\
    ///      MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
    ///      -----END PUBLIC KEY-----\n",
    /// )?;
    /// assert_eq!(key.key_type(), KeyType::Ed25519);
    /// # Ok::<(), kms_signer::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPublicKey`](crate::Error::InvalidPublicKey) when the text is not such a
    /// block, or when [`from_spki_der`](Self::from_spki_der) rejects its bytes.
    pub fn from_spki_pem(text: &str) -> Result<Self> {
        let text = bounded(text)?;
        let inside = text
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.strip_suffix(END))
            .ok_or_else(|| refused(PublicKeyFault::Pem))?;
        let encoded: String = inside.lines().collect();
        let der = Base64::decode_vec(&encoded).map_err(|_| refused(PublicKeyFault::Pem))?;
        let key = Self::from_spki_der(&der)?;
        // One key, one text, except for line ends.
        match text.lines().eq(key.to_spki_pem().lines()) {
            true => Ok(key),
            false => Err(refused(PublicKeyFault::Pem)),
        }
    }

    /// Writes the PEM that [`from_spki_pem`](Self::from_spki_pem) reads. Each line ends in LF.
    pub fn to_spki_pem(&self) -> String {
        let encoded = self.to_spki_base64();
        let mut pem = format!("{BEGIN}\n");
        for (at, character) in encoded.chars().enumerate() {
            if at > 0 && at % LINE_LEN == 0 {
                pem.push('\n');
            }
            pem.push(character);
        }
        pem + "\n" + END + "\n"
    }
}

/// The text without the spaces and line ends around it, unless it is too long to be a key.
fn bounded(text: &str) -> Result<&str> {
    match text.len() {
        0..=MAX_LEN => Ok(text.trim_matches([' ', '\t', '\r', '\n'])),
        _ => Err(refused(PublicKeyFault::TooLong)),
    }
}

#[cfg(test)]
mod tests;
