//! The emulator also serves, over sockets, a key store that this crate does not have.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use super::{
    failure::{Failure, FailureRule, Kind},
    http::Endpoint,
    random::Random,
    server::Server,
};

pub(in crate::emulator) mod toy;

use toy::{Operation, ToyService};

/// More than any answer takes. A test that hangs fails after this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// The whole answer, up to the end of the connection.
fn ask(url: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = "POST /sign HTTP/1.1\r\nhost: toy\r\nconnection: close\r\n\
                   content-length: 3\r\n\r\nown";
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn another_key_store_has_server_counts_and_failures() {
    let toy = ToyService::with(&[("own", "1")]);
    let endpoint = Endpoint::new(toy, Random::from_seed(7));
    let server = Server::start(0, endpoint).await.unwrap();
    let (url, endpoint) = (server.url(), server.endpoint());
    let wrong = Failure::new(Kind::WrongAnswer("wrong")).status(503);
    let once = FailureRule::new(wrong).on(Operation::Sign).for_key("own");
    let injected = endpoint.rules().inject(once.times(1).expect(1));
    let first = ask(&url);
    assert!(first.starts_with("HTTP/1.1 503 ") && first.ends_with("wrong"));
    let second = ask(&url);
    assert!(second.starts_with("HTTP/1.1 200 ") && second.ends_with("right"));
    drop(injected);
    assert_eq!(endpoint.calls().of(Operation::Sign), 2);
}
