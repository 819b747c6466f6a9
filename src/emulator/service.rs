//! What the neutral part has to know about an emulated key store.

use std::{fmt::Debug, hash::Hash};

use hyper::{Response, http::request::Parts};

use super::{answer::AnswerBody, body::BodyError, random::Random};

/// A key store that has an emulator, such as [`AwsKms`](super::aws_kms::AwsKms).
///
/// It is the parameter of [`Failure`](super::Failure) and [`FailureRule`](super::FailureRule), so
/// that an emulator accepts only the failures of its own key store.
pub trait Emulated: Clone + Debug + Send + Sync + 'static {
    /// An operation of its API.
    type Operation: Copy + Debug + Eq + Hash + Send + Sync;

    /// A change to a key or an alias just before a request is handled.
    #[doc(hidden)]
    type Change: Clone + Debug + Send + Sync;

    /// A wrong answer, sent in place of the right one.
    #[doc(hidden)]
    type WrongAnswer: Clone + Debug + Send + Sync;
}

/// The work of an emulated key store: its keys, and its answers to requests.
pub(super) trait Service: Send + Sync + 'static {
    type Store: Emulated;
    /// What a request asks for, or why it is rejected.
    type Request: Send;

    /// Longer than any request of its API.
    const MAX_BODY_BYTES: usize;

    /// The operation that a request asks for; `None` if it is not emulated.
    fn operation(head: &Parts) -> Option<Operation<Self>>;

    /// Reads a request and checks who sent it.
    fn receive(&self, head: &Parts, body: Result<Vec<u8>, BodyError>) -> Self::Request;

    /// The canonical name of the key that the request is for, if that key exists.
    fn key_of(&self, request: &Self::Request) -> Option<String>;

    /// The canonical name of the key that a rule names, in any form that the API accepts.
    fn resolve(&self, key_id: &str) -> Option<String>;

    /// Whether the request gets far enough for this change.
    fn can_change(&self, change: &Change<Self>, request: &Self::Request, key: Option<&str>)
    -> bool;

    /// Whether this can be the answer to the request.
    fn can_answer(
        &self,
        wrong: &WrongAnswer<Self>,
        request: &Self::Request,
        key: Option<&str>,
    ) -> bool;

    fn change(&self, change: &Change<Self>, key: Option<&str>);

    /// Handles a request, and answers it.
    fn answer(&self, request: Self::Request) -> Response<AnswerBody>;

    /// Answers a request wrongly, and handles it if the wrong answer requires that.
    fn answer_wrongly(
        &self,
        wrong: &WrongAnswer<Self>,
        request: Self::Request,
        key: Option<&str>,
        random: &mut Random,
    ) -> Response<AnswerBody>;
}

pub(super) type Operation<S> = <<S as Service>::Store as Emulated>::Operation;
pub(super) type Change<S> = <<S as Service>::Store as Emulated>::Change;
pub(super) type WrongAnswer<S> = <<S as Service>::Store as Emulated>::WrongAnswer;
