//! A key store for tests, which the neutral part serves like any other.

use std::sync::Mutex;

use hyper::{Response, StatusCode, http::request::Parts};

use crate::emulator::{
    answer::AnswerBody,
    body::BodyError,
    random::Random,
    service::{Emulated, Service},
};

#[derive(Clone, Debug)]
pub(in crate::emulator) enum Toy {}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::emulator) enum Operation {
    Sign,
    List,
}

impl Emulated for Toy {
    type Operation = Operation;
    type Change = &'static str;
    type WrongAnswer = &'static str;
}

/// `POST /sign` or `POST /list`, with the name of a key as the body.
#[derive(Default)]
pub(in crate::emulator) struct ToyService {
    /// Names, and the key behind each.
    pub(in crate::emulator) keys: Mutex<Vec<(&'static str, &'static str)>>,
    /// What the service handled, changed and read.
    pub(in crate::emulator) log: Mutex<Vec<String>>,
}

impl ToyService {
    pub(in crate::emulator) fn with(keys: &[(&'static str, &'static str)]) -> Self {
        let toy = Self::default();
        *toy.keys.lock().unwrap() = keys.to_vec();
        toy
    }

    fn note(&self, what: String) {
        self.log.lock().unwrap().push(what);
    }
}

impl Service for ToyService {
    type Store = Toy;
    type Request = String;

    const MAX_BODY_BYTES: usize = 16;

    fn operation(head: &Parts) -> Option<Operation> {
        match head.uri.path() {
            "/sign" => Some(Operation::Sign),
            "/list" => Some(Operation::List),
            _ => None,
        }
    }

    fn receive(&self, head: &Parts, body: Result<Vec<u8>, BodyError>) -> String {
        let body = body.map(|body| String::from_utf8(body).unwrap());
        self.note(format!("{} {body:?}", head.uri.path()));
        body.unwrap_or_default()
    }

    fn key_of(&self, request: &String) -> Option<String> {
        self.resolve(request)
    }

    fn resolve(&self, key_id: &str) -> Option<String> {
        let keys = self.keys.lock().unwrap();
        let found = keys.iter().find(|(name, _)| *name == key_id);
        found.map(|(_, key)| (*key).to_owned())
    }

    fn can_change(&self, _: &&'static str, _: &String, key: Option<&str>) -> bool {
        key.is_some()
    }

    fn can_answer(&self, _: &&'static str, _: &String, key: Option<&str>) -> bool {
        key.is_some()
    }

    fn change(&self, change: &&'static str, key: Option<&str>) {
        self.note(format!("{change} {key:?}"));
    }

    fn answer(&self, request: String) -> Response<AnswerBody> {
        self.note(format!("handled {request}"));
        Response::new(AnswerBody::whole("right"))
    }

    fn answer_wrongly(
        &self,
        wrong: &&'static str,
        _: String,
        _: Option<&str>,
        _: &mut Random,
    ) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::whole(*wrong));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response
    }
}
