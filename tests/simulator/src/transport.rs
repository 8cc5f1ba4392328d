//! Connections below HTTP: accepted, plain or with TLS, and ended in an orderly way.

use std::time::Duration;

use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use crate::{sent::Sent, stop::Stopped};

/// How long a client may take to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// What a TLS client begins with.
const TLS_RECORD: u8 = 0x16;
/// What the real server's language says to a client that begins otherwise.
const NO_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// The connection ends without an answer.
#[derive(Debug, Error)]
#[error("the connection is dropped without an answer, as a fault rule demands")]
pub(crate) struct Dropped;

/// What becomes of a request.
pub(crate) type Responded = Result<Response<Sent>, Dropped>;

/// Where clients come in.
pub(crate) struct Entrance {
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    /// The wish to stop.
    pub(crate) stopping: Stopped,
    /// How long requests in flight are waited for then.
    pub(crate) drain_limit: Duration,
}

impl Entrance {
    /// Serves until it is told to stop, then waits for requests in flight.
    pub(crate) async fn serve<F, R>(self, respond: F)
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Responded> + Send + 'static,
    {
        let Self {
            listener,
            tls,
            stopping,
            drain_limit,
        } = self;
        let mut connections = JoinSet::new();
        let mut stop = stopping.clone();
        loop {
            tokio::select! {
                () = stop.requested() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let (tls, stop) = (tls.clone(), stopping.clone());
                        connections.spawn(enter(stream, tls, stop, respond.clone()));
                    }
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(listener);
        let all = async { while connections.join_next().await.is_some() {} };
        if timeout(drain_limit, all).await.is_err() {
            warn!(
                connections = connections.len(),
                "requests cut off: the drain took too long"
            );
            connections.shutdown().await;
        }
    }
}

async fn enter<F, R>(mut stream: TcpStream, tls: Option<TlsAcceptor>, mut stop: Stopped, respond: F)
where
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = Responded>,
{
    let Some(tls) = tls else {
        return converse(stream, stop, respond).await;
    };
    let shake = async {
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first[0] == TLS_RECORD {
            return tls.accept(stream).await.map(Some);
        }
        stream.write_all(NO_TLS).await?;
        Ok(None)
    };
    let shaken = tokio::select! {
        shaken = timeout(HANDSHAKE, shake) => shaken,
        () = stop.requested() => return,
    };
    match shaken {
        Ok(Ok(Some(stream))) => converse(stream, stop, respond).await,
        Ok(Ok(None)) => debug!("a client spoke HTTP without TLS"),
        Ok(Err(error)) => debug!(%error, "no TLS could be agreed on"),
        Err(_) => debug!("a client took too long to agree on TLS"),
    }
}

async fn converse<S, F, R>(stream: S, mut stop: Stopped, respond: F)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = Responded>,
{
    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(respond));
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.requested() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
}
