//! The body of an answer, of which no more is kept than an answer of KMS can have.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use aws_sdk_kms::error::BoxError;
use aws_smithy_types::body::SdkBody;
use http_body::{Body, Frame};
use hyper::body::{Buf as _, Bytes};

/// The most bytes of an answer that are read. KMS's have less than 2 KB.
pub(super) const MAX_ANSWER: usize = 64 * 1024;

/// A body that comes as one piece or, when it is longer than [`MAX_ANSWER`], as [`TooLong`].
///
/// One piece, because a frame of a single byte holds on to the buffer it was read into: 64 KB of
/// them would take 10 MB.
pub(super) fn limited(body: SdkBody) -> SdkBody {
    SdkBody::from_body_1_x(Limited {
        inner: body,
        read: Some(Vec::new()),
    })
}

/// The body is longer than [`MAX_ANSWER`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer has more than {MAX_ANSWER} bytes")]
pub(super) struct TooLong;

struct Limited {
    inner: SdkBody,
    /// `None` once it was handed on.
    read: Option<Vec<u8>>,
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
            if data.remaining() > MAX_ANSWER - read.len() {
                this.read = None;
                return Poll::Ready(Some(Err(TooLong.into())));
            }
            read.extend_from_slice(&data.copy_to_bytes(data.remaining()));
        }
        let read = this.read.take().map(Bytes::from);
        Poll::Ready(read.map(|read| Ok(Frame::data(read))))
    }
}

#[cfg(test)]
mod tests;
