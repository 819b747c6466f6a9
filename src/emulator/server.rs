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

/// A running server. Dropping it closes all connections and ends its thread.
pub(super) struct Server<S: Service> {
    endpoint: Arc<Endpoint<S>>,
    port: u16,
    /// Never sent on: dropping it ends the accept loop.
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl<S: Service> Server<S> {
    /// Listens on 127.0.0.1; port 0 stands for any free one.
    pub(super) async fn start(port: u16, endpoint: Endpoint<S>) -> io::Result<Self> {
        let endpoint = Arc::new(endpoint);
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        // The thread exists before it is known whether the port is free, so that a failure ends it
        // too.
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
            // It does not wait for clients, so this takes at most as long as the request in
            // progress.
            let _ = thread.join();
        }
        self.endpoint.rules().check_kept();
    }
}

/// The body of the server's thread. Reports once on which port it listens, or why it does not.
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
    // If the caller who started the server is gone, `stopped` ends the loop.
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
            // Removes finished connections, or the set would grow without a limit.
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, endpoint.clone()));
                }
                // For example too many open files, which ends when connections are closed.
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
            // The headers are already sent, so the client does not expect it.
            None => Pin::new(&mut connection).graceful_shutdown(),
        }
    };
    // Other errors concern the client's side of the connection.
    let is_reset = ended.is_err_and(|error| {
        let abort = error.source().and_then(|source| source.downcast_ref());
        abort == Some(&Abort::Reset)
    });
    if is_reset {
        // Closing discards unsent data, and the kernel then sends the client an RST.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}
