use std::{
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Frame;

use super::*;
use crate::emulator::{
    answer::Abort,
    failure::FailureRule,
    tests::toy::{
        Operation::{List, Sign},
        ToyService,
    },
};

fn endpoint() -> Endpoint<ToyService> {
    let toy = ToyService::with(&[("own", "1")]);
    Endpoint::new(toy, Random::from_seed(7))
}

fn request(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    let body = Full::new(Bytes::from_static(body.as_bytes()));
    Request::post(path).body(body).unwrap()
}

fn log(endpoint: &Endpoint<ToyService>) -> Vec<String> {
    std::mem::take(&mut endpoint.service().log.lock().unwrap())
}

async fn answer(endpoint: &Endpoint<ToyService>, path: &str) -> Result<(u16, Bytes), Abort> {
    let response = endpoint.respond(request(path, "own")).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap();
    Ok((status, body.to_bytes()))
}

#[tokio::test]
async fn any_key_store_is_served_and_counted() {
    let endpoint = endpoint();
    assert_eq!(answer(&endpoint, "/sign").await, Ok((200, "right".into())));
    assert!(answer(&endpoint, "/unknown").await.is_ok());
    let calls = endpoint.calls();
    assert_eq!((calls.of(Sign), calls.of(List), calls.total()), (1, 0, 2));
    let _ = endpoint
        .respond(request("/sign", "seventeen letters"))
        .await;
    let expected = [
        "/sign Ok(\"own\")",
        "handled own",
        "/unknown Ok(\"own\")",
        "handled own",
        "/sign Err(TooLong)",
        "handled ",
    ];
    assert_eq!(log(&endpoint), expected);
}

/// A body that is this, and then nothing.
struct Once(Poll<Option<Result<Frame<Bytes>, BoxError>>>);

impl Body for Once {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        std::mem::replace(&mut self.0, Poll::Pending)
    }
}

#[test]
fn calls_are_counted_before_their_bodies_arrive() {
    let endpoint = endpoint();
    let request = request("/sign", "").map(|_| Once(Poll::Pending));
    let mut response = pin!(endpoint.respond(request));
    let mut context = Context::from_waker(Waker::noop());
    assert!(response.as_mut().poll(&mut context).is_pending());
    assert_eq!(endpoint.calls().of(Sign), 1);
}

#[tokio::test]
async fn a_body_that_breaks_is_reported_to_the_key_store() {
    let endpoint = endpoint();
    let broken = Poll::Ready(Some(Err("cut".into())));
    let request = request("/sign", "").map(|_| Once(broken));
    let _ = endpoint.respond(request).await;
    assert_eq!(log(&endpoint)[0], "/sign Err(Broken(\"cut\"))");
}

#[tokio::test]
async fn a_failure_decides_whether_the_request_is_handled() {
    let right = || Ok((200, Bytes::from("right")));
    let other = |status, body: &'static str| Ok((status, Bytes::from(body)));
    let wrong = Failure::new(Kind::WrongAnswer("wrong"));
    let changed = Failure::new(Kind::Change("changed"));
    let tea = Failure::response(418, "text/plain", "tea");
    for (failure, expected, handled) in [
        (Failure::reset(), Err(Abort::Reset), &[][..]),
        (Failure::close(), Err(Abort::Close), &[]),
        (tea, other(418, "tea"), &[]),
        (wrong.clone(), other(400, "wrong"), &[]),
        (wrong.status(200), other(200, "wrong"), &[]),
        (
            Failure::reset_after_processing(),
            Err(Abort::Reset),
            &["handled own"],
        ),
        (Failure::close_after_answer(), right(), &["handled own"]),
        (changed, right(), &["changed Some(\"1\")", "handled own"]),
    ] {
        let endpoint = endpoint();
        let shown = format!("{failure:?}");
        let injected = (endpoint.rules()).inject(FailureRule::new(failure).expect(1));
        assert_eq!(answer(&endpoint, "/sign").await, expected, "{shown}");
        assert_eq!(log(&endpoint)[1..], *handled, "{shown}");
        drop(injected);
        assert_eq!(answer(&endpoint, "/sign").await, right(), "{shown}");
    }
}
