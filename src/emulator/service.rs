//! What the neutral part has to know of a key store that is emulated.

use std::{fmt::Debug, hash::Hash};

use hyper::{Response, http::request::Parts};

use super::{answer::AnswerBody, body::BodyError, random::Random};

/// A key store that has an emulator, such as [`AwsKms`](super::aws_kms::AwsKms).
///
/// It is the parameter of [`Failure`](super::Failure) and [`FailureRule`](super::FailureRule), so
/// that no emulator is given another one's failures.
pub trait Emulated: Clone + Debug + Send + Sync + 'static {
    /// An operation of its API.
    type Operation: Copy + Debug + Eq + Hash + Send + Sync;

    /// What can happen to a key just before a request is handled.
    #[doc(hidden)]
    type Change: Clone + Debug + Send + Sync;

    /// What it can answer in place of the right answer.
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

    /// What a request asks for; `None` when that is nothing emulated.
    fn operation(head: &Parts) -> Option<Operation<Self>>;

    /// Reads a request, and checks who sent it.
    fn receive(&self, head: &Parts, body: Result<Vec<u8>, BodyError>) -> Self::Request;

    /// The one name of the key that the request is for, if there is such a key.
    fn key_of(&self, request: &Self::Request) -> Option<String>;

    /// The one name of a key that a rule names in any way the API takes.
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

    /// Answers a request wrongly, and handles it or not, as the wrong answer says.
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
