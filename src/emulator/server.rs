//! The HTTP server: a thread with one listener on loopback, its connections, and their end.

use std::{
    convert::Infallible, error::Error as _, io, net::Ipv4Addr, pin::Pin, sync::Arc, thread,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::{Notify, oneshot},
    task::JoinSet,
};

use super::{answer::Abort, http::Endpoint, service::Service};

/// A running server. Dropping it ends its thread, with all connections.
pub(super) struct Server<S: Service> {
    endpoint: Arc<Endpoint<S>>,
    port: u16,
    /// Never sent on: that it is dropped is what ends the accept loop.
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl<S: Service> Server<S> {
    /// Listens on 127.0.0.1; port 0 stands for any free one.
    pub(super) async fn start(port: u16, endpoint: Endpoint<S>) -> io::Result<Self> {
        let endpoint = Arc::new(endpoint);
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        // Made before it is known whether the port is free, so that a failure ends the thread too.
        let mut server = Self {
            endpoint: endpoint.clone(),
            port,
            stop: Some(stop),
            thread: Some(
                thread::Builder::new()
                    .name("emulator".to_owned())
                    .spawn(move || run(port, endpoint, ready, stopped))?,
            ),
        };
        server.port = is_ready.await.map_err(io::Error::other)??;
        Ok(server)
    }

    /// Its URL, for example `http://127.0.0.1:40123`.
    pub(super) fn url(&self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    pub(super) fn endpoint(&self) -> &Arc<Endpoint<S>> {
        &self.endpoint
    }
}

impl<S: Service> Drop for Server<S> {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It waits for no client, so this takes no longer than the request under way.
            let _ = thread.join();
        }
        self.endpoint.rules().check_kept();
    }
}

/// The life of the server's thread. Says once whether, and at which port, it listens.
fn run<S: Service>(
    port: u16,
    endpoint: Arc<Endpoint<S>>,
    ready: oneshot::Sender<io::Result<u16>>,
    stopped: oneshot::Receiver<Infallible>,
) {
    let listen = || {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port)))?;
        let port = listener.local_addr()?.port();
        Ok((runtime, listener, port))
    };
    // The caller who started the server may be gone, and then `stopped` says so.
    match listen() {
        Ok((runtime, listener, port)) => {
            let _ = ready.send(Ok(port));
            runtime.block_on(accept_connections(listener, endpoint, stopped));
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    }
}

async fn accept_connections<S: Service>(
    listener: TcpListener,
    endpoint: Arc<Endpoint<S>>,
    mut stopped: oneshot::Receiver<Infallible>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            // Finished connections are taken out, or the set would grow without a limit.
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
}

async fn serve<S: Service>(stream: TcpStream, endpoint: Arc<Endpoint<S>>) {
    // An answer is one small write: waiting to fill a packet would only add delay.
    let _ = stream.set_nodelay(true);
    let hang_up = Arc::new(Notify::new());
    let service = service_fn(|request| {
        let (endpoint, hang_up) = (endpoint.clone(), hang_up.clone());
        async move {
            let response = endpoint.respond(request).await?;
            Ok::<_, Abort>(response.map(|body| body.on(&hang_up)))
        }
    });
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    let ended = loop {
        let ended = tokio::select! {
            biased;
            ended = &mut connection => Some(ended),
            () = hang_up.notified() => None,
        };
        match ended {
            Some(ended) => break ended,
            // The headers have gone out, so the client does not expect it.
            None => Pin::new(&mut connection).graceful_shutdown(),
        }
    };
    // What else can fail here is the client's side of the connection.
    let is_reset = ended.is_err_and(|error| {
        let abort = error.source().and_then(|source| source.downcast_ref());
        abort == Some(&Abort::Reset)
    });
    if is_reset {
        // Closed with unsent data thrown away, for which the kernel sends the client an RST.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}
