//! The HTTP server: one listener on loopback, its connections, and their end.

use std::{convert::Infallible, io, net::Ipv4Addr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};

use super::http::Endpoint;

/// A running server. It stops when this value is dropped, with all its connections.
pub(super) struct Server {
    port: u16,
    /// Never sent on: that it is dropped is what ends the accept loop.
    stop: oneshot::Sender<Infallible>,
    accept_loop: JoinHandle<()>,
}

impl Server {
    /// Listens on 127.0.0.1; port 0 stands for any free one.
    pub(super) async fn start(port: u16, endpoint: Arc<Endpoint>) -> io::Result<Self> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = listener.local_addr()?.port();
        let (stop, stopped) = oneshot::channel();
        Ok(Self {
            port,
            stop,
            accept_loop: runtime.spawn(accept_connections(listener, endpoint, stopped)),
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Stops, and returns once the port is free and every connection is closed.
    pub(super) async fn stop(self) {
        let Self {
            stop, accept_loop, ..
        } = self;
        drop(stop);
        // An error would mean that the runtime is going down, and the server with it.
        let _ = accept_loop.await;
    }
}

async fn accept_connections(
    listener: TcpListener,
    endpoint: Arc<Endpoint>,
    mut stopped: oneshot::Receiver<Infallible>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            // Finished connections are taken out, or the set would grow for ever.
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, endpoint.clone()));
                }
                // Such as too many open files: it passes when connections are closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, endpoint: Arc<Endpoint>) {
    // An answer is one small write: waiting to fill a packet would only add delay.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let endpoint = endpoint.clone();
        async move { Ok::<_, Infallible>(endpoint.respond(request).await) }
    });
    // What can fail here is the client's side of the connection, and that ends it.
    let _ = http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
