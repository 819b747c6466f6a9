//! Limits the body of an answer to more than any answer of KMS has.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use aws_sdk_kms::error::BoxError;
use aws_smithy_types::body::SdkBody;
use http_body::{Body, Frame};
use hyper::body::{Buf as _, Bytes};

use crate::call::Buffer;

/// Collects a body into one piece, or fails with [`TooLong`](crate::call::TooLong) if it is longer
/// than [`MAX_ANSWER`](crate::call::MAX_ANSWER).
pub(super) fn limited(body: SdkBody) -> SdkBody {
    SdkBody::from_body_1_x(Limited {
        inner: body,
        read: Some(Buffer::default()),
    })
}

struct Limited {
    inner: SdkBody,
    /// `None` after the body or an error was returned.
    read: Option<Buffer>,
}

impl Body for Limited {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Some(read) = &mut this.read else {
            return Poll::Ready(None);
        };
        while let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(context)) {
            // KMS sends no trailers.
            let Ok(mut data) = frame?.into_data() else {
                continue;
            };
            if let Err(too_long) = read.push(&data.copy_to_bytes(data.remaining())) {
                this.read = None;
                return Poll::Ready(Some(Err(too_long.into())));
            }
        }
        let read = this.read.take().map(|read| Bytes::from(read.into_bytes()));
        Poll::Ready(read.map(|read| Ok(Frame::data(read))))
    }
}

#[cfg(test)]
mod tests;
