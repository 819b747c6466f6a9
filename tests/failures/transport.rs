//! An HTTP client for a runtime with a virtual clock.
//!
//! A real exchange with the emulator takes no virtual time: it runs on another runtime, and tokio's
//! clock stops while it waits for that. Delays and hangs happen here instead, in virtual time, so
//! that a late call is late by the same milliseconds on any machine.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::body::SdkBody;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use tokio::{runtime::Handle, task::spawn_blocking, time::sleep};

use super::observed::Observed;

/// How an answer arrives.
#[derive(Clone, Copy, Debug, Default)]
pub enum Transit {
    /// The answer arrives at once, as the emulator sent it.
    #[default]
    Arrives,
    /// The answer never arrives.
    Never,
    /// Only half of the body arrives.
    Half,
    /// The answer arrives after this time.
    Late(Duration),
    /// The body arrives with this pause before each byte.
    ByteByByte(Duration),
}

#[derive(Clone, Debug)]
pub struct Transport {
    client: SharedHttpClient,
    /// The runtime with a real clock.
    io: Handle,
    transit: Arc<Mutex<Transit>>,
}

impl Transport {
    pub fn new(io: Handle) -> Self {
        let tls = Provider::Rustls(CryptoMode::AwsLc);
        Self {
            client: Builder::new().tls_provider(tls).build_https(),
            io,
            transit: Arc::default(),
        }
    }

    /// Sets how answers arrive from now on.
    pub fn set(&self, transit: Transit) {
        *self.transit.lock().unwrap() = transit;
    }
}

impl HttpClient for Transport {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            connector: self.client.http_connector(settings, components),
            transport: self.clone(),
        })
    }
}

#[derive(Clone, Debug)]
struct Connector {
    connector: SharedHttpConnector,
    transport: Transport,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        Observed::count_attempt();
        let transit = *self.transport.transit.lock().unwrap();
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            match transit {
                Transit::Arrives => this.exchange(request).await,
                Transit::Never => std::future::pending().await,
                Transit::Late(pause) => {
                    sleep(pause).await;
                    this.exchange(request).await
                }
                Transit::Half => Ok(this.exchange(request).await?.map(half)),
                Transit::ByteByByte(pause) => {
                    let answer = this.exchange(request).await?;
                    Ok(answer.map(|body| byte_by_byte(body, pause)))
                }
            }
        })
    }
}

impl Connector {
    /// Sends the request and waits for the whole answer. The virtual clock stops in the meantime.
    async fn exchange(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let io = self.transport.io.clone();
        let exchange = async move {
            let answer = self.connector.call(request).await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let body = match answer.into_body().collect().await {
                Ok(whole) => SdkBody::from(whole.to_bytes()),
                Err(error) => broken(error),
            };
            let mut whole = HttpResponse::new(status, body);
            *whole.headers_mut() = headers;
            Ok(whole)
        };
        spawn_blocking(move || io.block_on(exchange)).await.unwrap()
    }
}

/// A body that ends with an error, as when a connection breaks.
fn broken(error: BoxError) -> SdkBody {
    let frames = [Err::<Frame<Bytes>, _>(error)];
    SdkBody::from_body_1_x(StreamBody::new(stream::iter(frames)))
}

fn half(body: SdkBody) -> SdkBody {
    let bytes = body.bytes().unwrap_or_default();
    let first = Bytes::copy_from_slice(&bytes[..bytes.len() / 2]);
    let frames = stream::unfold(Some(first), async |first| match first {
        Some(first) => Some((Ok::<_, BoxError>(Frame::data(first)), None)),
        None => std::future::pending().await,
    });
    SdkBody::from_body_1_x(StreamBody::new(frames))
}

fn byte_by_byte(body: SdkBody, pause: Duration) -> SdkBody {
    let bytes = body.bytes().unwrap_or_default().to_vec();
    let frames = stream::unfold(bytes.into_iter(), move |mut left| async move {
        let byte = left.next()?;
        sleep(pause).await;
        let frame = Frame::data(Bytes::from(vec![byte]));
        Some((Ok::<_, BoxError>(frame), left))
    });
    SdkBody::from_body_1_x(StreamBody::new(frames))
}
