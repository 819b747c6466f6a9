//! The body of a request, of limited size.

use std::pin::pin;

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes};

use crate::error::BoxError;

/// Why a request has no body.
#[derive(Debug)]
pub(super) enum BodyError {
    TooLong,
    /// The connection broke, for this reason.
    Broken(String),
}

/// Reads a body to its end, even if it is too long or the request is rejected for another reason.
/// Otherwise hyper would close the connection on the unread rest, and a client that is still
/// sending would never see the answer.
pub(super) async fn read<B>(body: B, most: usize) -> Result<Vec<u8>, BodyError>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    let mut is_too_long = false;
    while let Some(frame) = body.frame().await {
        let data = frame
            .map_err(|error| BodyError::Broken(error.into().to_string()))?
            .into_data()
            .unwrap_or_default();
        is_too_long |= bytes.len() + data.len() > most;
        if !is_too_long {
            bytes.extend_from_slice(&data);
        }
    }
    match is_too_long {
        true => Err(BodyError::TooLong),
        false => Ok(bytes),
    }
}
