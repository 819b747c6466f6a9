//! The key store of this example: a key behind a socket. You already have your own key store.
//!
//! Each connection carries one request, `KEY token` or `SIGN token digest`, and one answer, `OK
//! hex` or `ERROR code`.

use std::{
    future, io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context as _;
use k256::ecdsa::{Signature, SigningKey, signature::hazmat::PrehashSigner as _};
use kms_signer::{KeyType, PublicKey};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What goes wrong with every request to sign.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    None,
    /// The service rejects the token.
    Denied,
    /// The service asks to retry later.
    Busy,
    /// The service does not answer.
    Silent,
    /// Its answer ends in the middle.
    Cut,
}

/// A running key service. It stops when it is dropped.
pub struct KeyService {
    address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

struct State {
    key: SigningKey,
    token: String,
    trouble: Mutex<Trouble>,
    signed: Arc<AtomicU64>,
}

impl KeyService {
    pub async fn start(token: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let state = Arc::new(State {
            key: SigningKey::from_slice(&[7; 32]).context("no key")?,
            token: token.to_owned(),
            trouble: Mutex::new(Trouble::None),
            signed: Arc::default(),
        });
        Ok(Self {
            address: listener.local_addr()?,
            state: Arc::clone(&state),
            server: tokio::spawn(serve(listener, state)),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn set_trouble(&self, trouble: Trouble) {
        if let Ok(mut now) = self.state.trouble.lock() {
            *now = trouble;
        }
    }

    /// Counts the requests to sign.
    pub fn counter(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let signed = Arc::clone(&self.state.signed);
        move || signed.load(Ordering::SeqCst)
    }
}

impl Drop for KeyService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        // A client that disconnects ends only its own connection.
        tokio::spawn(async move { respond(stream, &state).await.ok() });
    }
}

async fn respond(mut stream: TcpStream, state: &State) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new((&mut stream).take(1024))
        .read_line(&mut line)
        .await?;
    let answer = match state.answer(&line) {
        Some(answer) => answer,
        None => future::pending().await,
    };
    stream.write_all(answer.as_bytes()).await
}

impl State {
    fn answer(&self, line: &str) -> Option<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let trouble = self.trouble.lock().map_or(Trouble::None, |now| *now);
        Some(match words[..] {
            [_, token, ..] if token != self.token => "ERROR DENIED\n".into(),
            ["KEY", _] => {
                let point = self.key.verifying_key().to_sec1_bytes();
                let key = PublicKey::from_bytes(KeyType::Secp256k1, &point).ok()?;
                format!("OK {}\n", hex::encode(key.to_spki_der()))
            }
            ["SIGN", _, digest] => {
                self.signed.fetch_add(1, Ordering::SeqCst);
                match trouble {
                    Trouble::None => self.sign(digest).unwrap_or("ERROR INPUT\n".into()),
                    Trouble::Denied => "ERROR DENIED\n".into(),
                    Trouble::Busy => "ERROR BUSY 250\n".into(),
                    Trouble::Silent => return None,
                    Trouble::Cut => {
                        let mut answer = self.sign(digest)?;
                        answer.truncate(40);
                        answer
                    }
                }
            }
            _ => "ERROR REQUEST\n".into(),
        })
    }

    fn sign(&self, digest: &str) -> Option<String> {
        let digest = hex::decode(digest).ok()?;
        let signature: Signature = self.key.sign_prehash(&digest).ok()?;
        Some(format!("OK {}\n", hex::encode(signature.to_der())))
    }
}
