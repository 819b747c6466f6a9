//! The provider: a signer whose key is behind a socket.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use kms_signer::{
    Error, PublicKey, RawSignature, Receipt, Result, SignRequest, Signed, Signer, Verifier,
    async_trait, error::KeyStoreFault,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

/// The longest answer that is read, so that a key store cannot fill the memory of a service.
const MAX_ANSWER: u64 = 1024;

/// Signs with the key of one key service.
pub struct SocketSigner {
    service: Service,
    verifier: Verifier,
}

struct Service {
    address: SocketAddr,
    /// The name of the key in receipts.
    name: Arc<str>,
    token: Box<str>,
    timeout: Duration,
}

impl SocketSigner {
    /// Asks the service for its public key once and keeps it: `public_key` makes no call.
    ///
    /// # Errors
    ///
    /// [`Error::KeyStore`] when the service fails, and [`Error::InvalidPublicKey`].
    pub async fn connect(address: SocketAddr, token: &str, timeout: Duration) -> Result<Self> {
        let service = Service {
            address,
            name: format!("tcp://{address}").into(),
            token: token.into(),
            timeout,
        };
        let (spki, _) = service.call("KEY", &[]).await?;
        let public_key = PublicKey::from_spki_der(&spki)?;
        Ok(Self {
            service,
            verifier: Verifier::new(public_key),
        })
    }
}

#[async_trait]
impl Signer for SocketSigner {
    fn public_key(&self) -> &PublicKey {
        self.verifier.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        // Rejects a request that the key cannot sign, before any call.
        let input = request.input_for(self.public_key().key_type())?;
        let (raw, receipt) = self.service.call("SIGN", input.as_bytes()).await?;
        // The only way to make a `Signature`: strict decoding, low s, verification.
        self.verifier
            .release(&input, RawSignature::Der(&raw), receipt)
    }
}

/// Not derived: the token is a secret.
impl fmt::Debug for SocketSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketSigner")
            .field("service", &self.service.name)
            .field("public_key", self.public_key())
            .finish_non_exhaustive()
    }
}

impl Service {
    /// Makes one call and its receipt. Dropping the future closes the connection.
    async fn call(&self, operation: &'static str, input: &[u8]) -> Result<(Vec<u8>, Receipt)> {
        let start = Instant::now();
        let line = format!("{operation} {} {}\n", self.token, hex::encode(input));
        let answer = tokio::time::timeout(self.timeout, self.exchange(line)).await;
        let receipt = Receipt::new(operation, Arc::clone(&self.name)).with_elapsed(start.elapsed());
        let result = match answer {
            Ok(Ok(answer)) => read(&answer),
            Ok(Err(error)) => Err(Failure::new(
                KeyStoreFault::Connection,
                "check the address of the key service and that it runs, then retry",
                error.to_string(),
            )),
            Err(_) => Err(Failure::new(
                KeyStoreFault::Timeout,
                "retry, or allow more time",
                format!("no answer within {:?}", self.timeout),
            )),
        };
        match result {
            Ok(bytes) => Ok((bytes, receipt)),
            Err(failure) => Err(failure.into_error(receipt)),
        }
    }

    async fn exchange(&self, line: String) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        let mut reader = BufReader::new(stream).take(MAX_ANSWER);
        reader.read_line(&mut answer).await?;
        match answer.ends_with('\n') {
            true => Ok(answer),
            // Half a signature is no signature: to take it for one would raise an alarm.
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Reads `OK hex` or `ERROR code milliseconds`.
fn read(answer: &str) -> Result<Vec<u8>, Failure> {
    let words: Vec<&str> = answer.split_whitespace().collect();
    match words[..] {
        ["OK", bytes] => hex::decode(bytes).map_err(|_| not_the_service(answer)),
        // Map each code to a fault: the fault says whether a retry or another region may help.
        ["ERROR", "BUSY", wait] => Err(Failure {
            code: Some("BUSY"),
            retry_after: wait.parse().ok().map(Duration::from_millis),
            ..Failure::new(
                KeyStoreFault::Throttled,
                "retry after a pause, and send fewer requests",
                "too many requests",
            )
        }),
        ["ERROR", "DENIED"] => Err(Failure {
            code: Some("DENIED"),
            ..Failure::new(
                KeyStoreFault::AccessDenied,
                "check the token of this service",
                "the token was not accepted",
            )
        }),
        _ => Err(not_the_service(answer)),
    }
}

/// Shows a server's text in one short line, whatever it contains.
fn not_the_service(answer: &str) -> Failure {
    let shown: String = answer.chars().take(64).collect();
    Failure::new(
        KeyStoreFault::WrongEndpoint,
        "check the address of the key service",
        format!("it answered {shown:?}"),
    )
}

struct Failure {
    fault: KeyStoreFault,
    code: Option<&'static str>,
    retry_after: Option<Duration>,
    remedy: &'static str,
    source: String,
}

impl Failure {
    fn new(fault: KeyStoreFault, remedy: &'static str, source: impl Into<String>) -> Self {
        Self {
            fault,
            code: None,
            retry_after: None,
            remedy,
            source: source.into(),
        }
    }

    fn into_error(self, receipt: Receipt) -> Error {
        let mut error =
            Error::key_store(self.fault, self.remedy, self.source).with_receipt(receipt);
        if let Some(code) = self.code {
            error = error.with_code(code);
        }
        match self.retry_after {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }
}
