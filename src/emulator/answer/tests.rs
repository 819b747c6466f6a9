use std::{future::poll_fn, task::Waker};

use tokio::time::{Duration, Instant, timeout};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn body(text: &str) -> AnswerBody {
    AnswerBody::whole(text.as_bytes().to_vec())
}

async fn next(body: &mut AnswerBody) -> Option<Result<Vec<u8>, Abort>> {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap().to_vec()))
}

/// Everything that arrives, and how it ends.
async fn drain(mut body: AnswerBody) -> (Vec<u8>, Option<Abort>) {
    let mut data = Vec::new();
    while let Some(frame) = next(&mut body).await {
        match frame {
            Ok(bytes) => data.extend(bytes),
            Err(abort) => return (data, Some(abort)),
        }
    }
    (data, None)
}

#[tokio::test]
async fn a_whole_body_comes_at_once_and_has_its_length() {
    let answer = body("answer");
    assert_eq!(answer.size_hint().exact(), Some(6));
    assert_eq!(drain(answer).await, (b"answer".to_vec(), None));
    assert!(body("").is_end_stream());
    assert_eq!(drain(body("")).await, (Vec::new(), None));
}

#[tokio::test]
async fn a_truncated_body_announces_more_than_comes() {
    for (text, announced, sent) in [("answer", 6, "ans"), ("a", 1, ""), ("", 1, "")] {
        let answer = body(text).deliver(Delivery::Truncated);
        assert!(!answer.is_end_stream(), "{text:?}");
        assert_eq!(answer.size_hint().exact(), Some(announced), "{text:?}");
        let expected = (sent.as_bytes().to_vec(), Some(Abort::Close));
        assert_eq!(drain(answer).await, expected, "{text:?}");
    }
}

/// When a body fails, hyper discards what it has not written.
#[test]
fn a_truncated_body_waits_a_turn_before_it_fails() {
    let mut answer = body("answer").deliver(Delivery::Truncated);
    let mut context = Context::from_waker(Waker::noop());
    let mut poll = || Pin::new(&mut answer).poll_frame(&mut context);
    assert!(matches!(poll(), Poll::Ready(Some(Ok(_)))));
    assert!(poll().is_pending());
    assert!(matches!(poll(), Poll::Ready(Some(Err(Abort::Close)))));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_never_ends() {
    let mut answer = body("answer").deliver(Delivery::Stalled);
    assert_eq!(next(&mut answer).await, Some(Ok(b"ans".to_vec())));
    assert!(timeout(DAY, next(&mut answer)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_pauses_before_each_byte() {
    let pause = Duration::from_secs(3);
    let mut answer = body("abc").deliver(Delivery::Slow { pause });
    assert_eq!(answer.size_hint().exact(), Some(3));
    let start = Instant::now();
    for (at, byte) in [(1, b"a"), (2, b"b"), (3, b"c")] {
        assert_eq!(next(&mut answer).await, Some(Ok(byte.to_vec())));
        assert_eq!(start.elapsed(), pause * at);
    }
    assert!(answer.is_end_stream());
    assert_eq!(next(&mut answer).await, None);
}

#[tokio::test]
async fn the_connection_learns_of_the_end_of_the_last_body() {
    let connection = Arc::new(Notify::new());
    let mut context = Context::from_waker(Waker::noop());
    let mut is_told = || {
        let notified = std::pin::pin!(connection.notified());
        notified.poll(&mut context).is_ready()
    };
    drop(body("answer").on(&connection));
    assert!(!is_told());
    let last = body("answer").deliver(Delivery::ThenClose).on(&connection);
    assert!(!is_told());
    drop(last);
    assert!(is_told());
}
