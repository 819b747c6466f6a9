use std::collections::VecDeque;

use http_body_util::BodyExt as _;

use super::*;
use crate::call::{MAX_ANSWER, TooLong};

/// A body of these frames; any may be an error.
struct Frames(VecDeque<Result<Frame<Bytes>, BoxError>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.0.pop_front())
    }
}

async fn read(
    frames: impl IntoIterator<Item = Result<Frame<Bytes>, BoxError>>,
) -> Result<Bytes, BoxError> {
    let frames = Frames(frames.into_iter().collect());
    let body = limited(SdkBody::from_body_1_x(frames));
    Ok(body.collect().await?.to_bytes())
}

fn data(length: usize) -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::data(vec![7; length].into()))
}

#[tokio::test]
async fn a_body_of_up_to_the_limit_comes_whole() {
    for lengths in [
        vec![],
        vec![0],
        vec![1, 2, 3],
        vec![MAX_ANSWER],
        vec![MAX_ANSWER - 1, 1, 0],
    ] {
        let whole = read(lengths.iter().map(|length| data(*length))).await;
        assert_eq!(whole.unwrap().len(), lengths.iter().sum::<usize>());
    }
}

#[tokio::test]
async fn a_longer_body_is_an_error() {
    for lengths in [
        vec![MAX_ANSWER + 1],
        vec![MAX_ANSWER, 1],
        vec![1; MAX_ANSWER + 1],
    ] {
        let error = read(lengths.iter().map(|length| data(*length))).await;
        assert!(error.unwrap_err().is::<TooLong>());
    }
}

#[tokio::test]
async fn an_error_in_between_is_passed_on_and_trailers_are_not() {
    let broken = read([data(3), Err("reset".into()), data(3)]).await;
    assert_eq!(broken.unwrap_err().to_string(), "reset");
    let trailers = Ok(Frame::trailers(http::HeaderMap::new()));
    assert_eq!(read([data(3), trailers]).await.unwrap().len(), 3);
}
