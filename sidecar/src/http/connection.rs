//! One connection to the REST API, plain or with TLS.

use super::HttpError;
use crate::tls::{Handshake, Tls};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A connection that is open.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
    /// Until the first answer: it may be TLS that is at fault.
    handshake: Option<Handshake>,
}

/// A request that got no answer.
pub(super) struct Unanswered {
    /// The request, if none of it has been sent.
    pub request: Option<Request<Full<Bytes>>>,
    pub error: HttpError,
}

impl Connection {
    /// Connects to host and port. `base` is the address for messages.
    pub async fn open(
        base: &str,
        (host, port): (&str, u16),
        tls: Option<&Tls>,
    ) -> Result<Self, HttpError> {
        let stream = TcpStream::connect((host, port))
            .await
            .map_err(|error| no_connection(base, &error))?;
        // Requests are small and wait for their answers: nothing is gained by collecting bytes.
        let _ = stream.set_nodelay(true);
        match tls {
            None => Self::begin(base, stream, None).await,
            Some(tls) => {
                let (stream, handshake) = tls.connect(base, stream).await?;
                Self::begin(base, stream, Some(handshake)).await
            }
        }
    }

    async fn begin<S>(
        base: &str,
        stream: S,
        handshake: Option<Handshake>,
    ) -> Result<Self, HttpError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = Builder::new()
            .max_buf_size(64 * 1024)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(base, None, &error))?;
        Ok(Self {
            sender,
            driver: tokio::spawn(connection),
            handshake,
        })
    }

    /// Whether it can take another request. A server closes a connection that has been idle for long.
    pub async fn is_usable(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    pub async fn send(
        &mut self,
        base: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Unanswered> {
        match self.sender.try_send_request(request).await {
            Ok(response) => {
                self.handshake = None;
                Ok(response)
            }
            Err(mut unsent) => {
                let request = unsent.take_message();
                let error = unsent.into_error();
                // Then the connection had ended before it saw the request, and knows better why.
                let ended = if error.is_canceled() {
                    (&mut self.driver).await.ok().and_then(Result::err)
                } else {
                    None
                };
                let error = failed(base, self.handshake.as_ref(), &ended.unwrap_or(error));
                Err(Unanswered { request, error })
            }
        }
    }
}

impl Drop for Connection {
    /// Nobody waits for an answer any more.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn no_connection(base: &str, error: &io::Error) -> HttpError {
    match error.kind() {
        ErrorKind::ConnectionRefused => HttpError::ConnectionRefused(base.to_owned()),
        _ => HttpError::Connection(base.to_owned(), error.to_string()),
    }
}

pub(super) fn failed(base: &str, handshake: Option<&Handshake>, error: &hyper::Error) -> HttpError {
    if let Some(error) = handshake.and_then(|handshake| handshake.why(error)) {
        return error.into();
    }
    if error.is_parse() {
        return HttpError::NotHttp(base.to_owned());
    }
    let error: &(dyn StdError + 'static) = error;
    HttpError::Connection(base.to_owned(), super::innermost(error).to_string())
}
