//! Whether the endpoint can be KMS at all, or is a proxy or another server. Pure: no network.

use std::{error::Error as StdError, io};

use rustls::AlertDescription;

use crate::text::chain;

/// Evidence that the endpoint is not KMS, so that a retry would not help: a certificate that is not
/// valid for it, a TLS handshake that cannot succeed, bytes that are not TLS or HTTP, or a proxy
/// that requires credentials.
pub(super) fn mismatch(error: &(dyn StdError + 'static)) -> Option<Mismatch> {
    chain(error).find_map(|link| {
        let io = link.downcast_ref::<io::Error>();
        let tls = io.and_then(tls_error).or_else(|| link.downcast_ref());
        match tls {
            Some(error) => of_tls(error),
            None => {
                let http = link.downcast_ref::<hyper::Error>();
                if http.is_some_and(hyper::Error::is_parse) {
                    return Some(Mismatch::Http);
                }
                // The type of this error is private to hyper-util, and older SDKs keep only its
                // text, at the end of theirs.
                let words = link.to_string();
                words
                    .ends_with("tunnel error: proxy authorization required")
                    .then_some(Mismatch::Proxy)
            }
        }
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// The certificate is not trusted, not valid now, or for another host.
    Certificate,
    /// No agreement on how to speak TLS, or no TLS at all.
    Tls,
    /// No HTTP.
    Http,
    /// A proxy that requires credentials (HTTP 407).
    Proxy,
}

fn of_tls(error: &rustls::Error) -> Option<Mismatch> {
    use rustls::Error;
    match error {
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => {
            Some(Mismatch::Certificate)
        }
        Error::InvalidMessage(_) | Error::PeerIncompatible(_) => Some(Mismatch::Tls),
        // The other side had an internal error, or received corrupted bytes.
        Error::AlertReceived(
            AlertDescription::BadRecordMac
            | AlertDescription::CloseNotify
            | AlertDescription::DecryptError
            | AlertDescription::InternalError
            | AlertDescription::UserCanceled,
        ) => None,
        Error::AlertReceived(_) => Some(Mismatch::Tls),
        _ => None,
    }
}

/// Uses `get_ref`, because `source` of an `io::Error` skips the error that it wraps. Connectors
/// wrap one `io::Error` in another.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    let mut inner = error.get_ref()?;
    for _ in 0..4 {
        match inner.downcast_ref::<io::Error>() {
            Some(nested) => inner = nested.get_ref()?,
            None => return inner.downcast_ref(),
        }
    }
    None
}
