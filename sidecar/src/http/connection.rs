//! One connection to the REST API, with or without TLS.

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

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
    /// Set until the first response: until then an error may be due to TLS.
    handshake: Option<Handshake>,
}

/// A request without a response.
pub(super) struct Unanswered {
    /// The request, if no part of it was sent.
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
            .map_err(|error| cannot_connect(base, &error))?;
        // Requests are small and wait for their responses, so buffering would only delay them.
        let _ = stream.set_nodelay(true);
        match tls {
            None => Self::start(base, stream, None).await,
            Some(tls) => {
                let (stream, handshake) = tls.connect(base, stream).await?;
                Self::start(base, stream, Some(handshake)).await
            }
        }
    }

    async fn start<S>(
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

    /// Whether it accepts another request. The server closes connections that were idle for long.
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
                // The connection ended before it took the request, and its own error says why.
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
    /// Closes the connection.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn cannot_connect(base: &str, error: &io::Error) -> HttpError {
    let base = base.to_owned();
    match error.kind() {
        ErrorKind::ConnectionRefused => HttpError::ConnectionRefused { base },
        _ => HttpError::Connection {
            base,
            reason: error.to_string(),
        },
    }
}

fn failed(base: &str, handshake: Option<&Handshake>, error: &hyper::Error) -> HttpError {
    if let Some(error) = handshake.and_then(|handshake| handshake.why(error)) {
        return error.into();
    }
    let base = base.to_owned();
    if error.is_parse() {
        return HttpError::NotHttp { base };
    }
    let error: &(dyn StdError + 'static) = error;
    let reason = super::innermost(error).to_string();
    HttpError::Connection { base, reason }
}
