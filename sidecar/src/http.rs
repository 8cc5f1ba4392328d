//! One kept connection to the REST API, with a deadline and a size limit on every call.

mod answer;
mod connection;
#[cfg(test)]
mod tests;

use crate::outcome::Failure;
use crate::tls::{Tls, TlsError};
use connection::{Connection, Unanswered};
use dittofs_runtime::api_error::innermost;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use std::error::Error as StdError;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a call may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// Most bytes of an answer.
const MOST_BYTES: usize = 1024 * 1024;
/// What a server written in Go, as DittoFS is, says on a port for TLS to one who does not speak it.
const SPEAKS_TLS: &[u8] = b"Client sent an HTTP request to an HTTPS server";

/// The REST API.
#[derive(Debug)]
pub struct Http {
    /// The address, for messages.
    base: String,
    host: String,
    port: u16,
    authority: String,
    /// What every path begins with.
    prefix: String,
    tls: Option<Tls>,
    /// The connection, while nobody uses it.
    kept: Mutex<Option<Connection>>,
    deadline: Duration,
}

/// An answer of the REST API.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Body, read to its end.
    pub body: Bytes,
}

/// Why there is no answer. The texts are the same every time, whatever moved in between.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No request can be made of the address and the path.
    #[error("{0} is no address of a REST API: {1}")]
    Address(String, hyper::http::Error),
    /// Nothing listens there.
    #[error("nothing listens on {0} (connection refused)")]
    ConnectionRefused(String),
    /// The connection could not be made, or broke.
    #[error("the connection to {0} failed: {1}")]
    Connection(String, String),
    /// Time ran out.
    #[error("{0} gave no answer to {1} within {n} s", n = .2.as_secs())]
    Deadline(String, String, Duration),
    /// The answer is none of HTTP.
    #[error("{0} answers with something that is no HTTP: is that the REST API of DittoFS?")]
    NotHttp(String),
    /// The server wants TLS.
    #[error(
        "{0} speaks TLS, and the sidecar plain HTTP: give the sidecar an address that begins with https://, or the server no certificate"
    )]
    SpeaksTls(String),
    /// There is no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The body is too large.
    #[error("the answer of {0} to {1} is larger than {n} bytes", n = MOST_BYTES)]
    TooLarge(String, String),
}

impl Http {
    /// The REST API at an address such as `http://127.0.0.1:8080`.
    pub fn new(base: &Uri) -> Self {
        let default = if base.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        Self {
            base: base.to_string().trim_end_matches('/').to_owned(),
            // An IPv6 address has brackets in a URL, and nowhere else.
            host: base
                .host()
                .unwrap_or_default()
                .trim_matches(['[', ']'])
                .to_owned(),
            port: base.port_u16().unwrap_or(default),
            authority: base
                .authority()
                .map(ToString::to_string)
                .unwrap_or_default(),
            prefix: base.path().trim_end_matches('/').to_owned(),
            tls: None,
            kept: Mutex::default(),
            deadline: DEADLINE,
        }
    }

    /// With TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Another deadline.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// `GET` with a token.
    pub async fn get(&self, path: &str, token: &HeaderValue) -> Result<Answer, HttpError> {
        self.send(Method::GET, path, Some(token), None).await
    }

    /// `POST` of a JSON body.
    pub async fn post(
        &self,
        path: &str,
        token: Option<&HeaderValue>,
        body: &serde_json::Value,
    ) -> Result<Answer, HttpError> {
        self.send(Method::POST, path, token, Some(body)).await
    }

    /// Any request, with a JSON body if there is one.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&HeaderValue>,
        body: Option<&serde_json::Value>,
    ) -> Result<Answer, HttpError> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(HOST, &self.authority);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|error| HttpError::Address(self.base.clone(), error))?;
        tokio::time::timeout(self.deadline, self.exchange(path, request))
            .await
            .unwrap_or_else(|_| {
                Err(HttpError::Deadline(
                    self.base.clone(),
                    path.to_owned(),
                    self.deadline,
                ))
            })
    }

    async fn exchange(
        &self,
        path: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, HttpError> {
        let (connection, response) = self.deliver(request).await?;
        let status = response.status();
        let (body, end) = read(response.into_body()).await;
        if self.tls.is_none() && status == StatusCode::BAD_REQUEST && body.starts_with(SPEAKS_TLS) {
            return Err(HttpError::SpeaksTls(self.base.clone()));
        }
        end.map_err(|error| {
            if error.is::<LengthLimitError>() {
                HttpError::TooLarge(self.base.clone(), path.to_owned())
            } else {
                HttpError::Connection(self.base.clone(), innermost(error.as_ref()).to_string())
            }
        })?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        Ok(Answer {
            status,
            body: body.into(),
        })
    }

    /// Sends on the kept connection, or on a new one where there is none that takes the request.
    async fn deliver(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Connection, Response<Incoming>), HttpError> {
        let kept = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut connection) = kept
            && connection.is_usable().await
        {
            match connection.send(&self.base, request).await {
                Ok(response) => return Ok((connection, response)),
                // The server ended it at this very moment, and has seen nothing of the request.
                Err(Unanswered {
                    request: Some(unsent),
                    ..
                }) => request = unsent,
                Err(unanswered) => return Err(unanswered.error),
            }
        }
        let host = (self.host.as_str(), self.port);
        let mut connection = Connection::open(&self.base, host, self.tls.as_ref()).await?;
        match connection.send(&self.base, request).await {
            Ok(response) => Ok((connection, response)),
            Err(unanswered) => Err(unanswered.error),
        }
    }
}

/// A body as far as it can be read: a server that closes in anger says why before it does.
async fn read(body: Incoming) -> (Vec<u8>, Result<(), Box<dyn StdError + Send + Sync>>) {
    let mut body = Limited::new(body, MOST_BYTES);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend(frame.into_data().unwrap_or_default()),
            Err(error) => return (bytes, Err(error)),
        }
    }
    (bytes, Ok(()))
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        let message = error.to_string();
        match error {
            HttpError::Tls(error) => error.into(),
            HttpError::TooLarge(..) | HttpError::NotHttp(_) | HttpError::SpeaksTls(_) => {
                Self::invalid(message)
            }
            _ => Self::unreachable(message),
        }
    }
}
