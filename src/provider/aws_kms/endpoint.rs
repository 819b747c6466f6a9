//! Whether what answers at the endpoint can be KMS at all. Pure: no network.

use std::{error::Error as StdError, io};

use rustls::AlertDescription;

use crate::text::chain;

/// What shows that this is not KMS, and will not be when asked again: a certificate that does not
/// prove it, another TLS than can be spoken, or bytes that are not TLS or HTTP.
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
                // The type of this one is hyper-util's own, and older SDKs keep its words alone, at the
                // end of theirs.
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
    /// A proxy that wants to know who asks (HTTP 407).
    Proxy,
}

fn of_tls(error: &rustls::Error) -> Option<Mismatch> {
    use rustls::Error;
    match error {
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => {
            Some(Mismatch::Certificate)
        }
        Error::InvalidMessage(_) | Error::PeerIncompatible(_) => Some(Mismatch::Tls),
        // The other side ran into trouble of its own, or saw bytes that broke on the way.
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

/// `source` of an `io::Error` skips what it wraps, so its own way in has to be taken. Connectors
/// wrap one `io::Error` into the next.
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
