//! A KMS behind TLS that forwards requests to an emulator, unless a test leaves them unanswered.

use std::{
    future::{Future, pending},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kms::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kms_signer::emulator::aws_kms::KmsEmulator;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::tcp::Server;

/// The protocol that ALPN negotiates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    One,
    Two,
}

/// A self-signed certificate.
pub struct Identity {
    pub pem: String,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Identity {
    pub fn new(host: &str) -> Self {
        let certified = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
        Self {
            pem: certified.cert.pem(),
            certificate: certified.cert.der().clone(),
            key: certified.signing_key.serialize_der(),
        }
    }

    pub fn acceptor(&self, http: Http) -> TlsAcceptor {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .unwrap();
        config.alpn_protocols = match http {
            Http::One => vec![b"http/1.1".to_vec()],
            Http::Two => vec![b"h2".to_vec()],
        };
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Serves one connection. `answers` gets the number of each request on it, from 0; if it returns
/// false, the request gets no answer.
pub async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    emulator: SocketAddr,
    answers: impl Fn(usize) -> bool + Clone + Send + 'static,
) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let requests = Arc::new(AtomicUsize::new(0));
    let service = service_fn(move |request| {
        let answers = answers(requests.fetch_add(1, Ordering::SeqCst));
        async move {
            match answers {
                true => forward(request, emulator).await,
                false => pending().await,
            }
        }
    });
    let stream = TokioIo::new(stream);
    // Both end with an error when the client disconnects, as they should.
    let _ = match is_http2 {
        true => {
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            http.serve_connection(stream, service).await
        }
        false => {
            let http = hyper::server::conn::http1::Builder::new();
            http.serve_connection(stream, service).await
        }
    };
}

async fn forward(
    request: Request<Incoming>,
    emulator: SocketAddr,
) -> hyper::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut forwarded = Request::post("/").header("host", emulator.to_string());
    for name in [
        "authorization",
        "content-type",
        "x-amz-date",
        "x-amz-target",
    ] {
        forwarded = forwarded.header(name, &head.headers[name]);
    }
    let stream = TcpStream::connect(emulator).await.unwrap();
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await?;
    tokio::spawn(connection);
    let request = forwarded.body(Full::new(body)).unwrap();
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Response::from_parts(head, Full::new(body)))
}

/// A configuration of the SDK with its own HTTP client, which trusts only `pem`.
pub fn config(server: &Server, pem: &str) -> SdkConfig {
    let context = TlsContext::builder()
        .with_trust_store(TrustStore::empty().with_pem_certificate(pem))
        .build()
        .unwrap();
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context)
        .build_https();
    let credentials = Credentials::for_tests();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(format!("https://localhost:{}", server.port()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(client)
        .build()
}

/// A server in front of `emulator`. `answers` gets the numbers of the connection and of the request
/// on it.
pub async fn server(
    emulator: &KmsEmulator,
    identity: &Identity,
    http: Http,
    answers: impl Fn(usize, usize) -> bool + Clone + Send + 'static,
) -> Server {
    let acceptor = identity.acceptor(http);
    let url = emulator.endpoint_url();
    let address: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    Server::start(move |connection, stream| -> Serving {
        let answers = answers.clone();
        let acceptor = acceptor.clone();
        Box::pin(serve(stream, acceptor, address, move |request| {
            answers(connection, request)
        }))
    })
    .await
}

type Serving = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
