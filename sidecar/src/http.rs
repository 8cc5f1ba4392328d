//! The HTTP client of the REST API: one reused connection, and a deadline and a size limit for every call.

mod answer;
mod connection;
mod error;
#[cfg(test)]
mod tests;

pub use error::HttpError;

use crate::tls::Tls;
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
/// The most bytes of a response body.
const MAX_BYTES: usize = 1024 * 1024;
/// What a server written in Go, as DittoFS is, answers to plain HTTP on a TLS port.
const EXPECTS_TLS: &[u8] = b"Client sent an HTTP request to an HTTPS server";

/// The REST API.
#[derive(Debug)]
pub struct Http {
    /// The address, for messages.
    base: String,
    host: String,
    port: u16,
    authority: String,
    /// The prefix of every path.
    prefix: String,
    tls: Option<Tls>,
    /// The open connection while no call uses it.
    idle: Mutex<Option<Connection>>,
    deadline: Duration,
}

/// A response of the REST API.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// The complete body.
    pub body: Bytes,
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
            idle: Mutex::default(),
            deadline: DEADLINE,
        }
    }

    /// The port of the address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Uses TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Replaces the deadline of a call.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sends a `GET` with a token.
    pub async fn get(&self, path: &str, token: &HeaderValue) -> Result<Answer, HttpError> {
        self.send(Method::GET, path, Some(token), None).await
    }

    /// Sends a `POST` with a JSON body.
    pub async fn post(
        &self,
        path: &str,
        token: Option<&HeaderValue>,
        body: &serde_json::Value,
    ) -> Result<Answer, HttpError> {
        self.send(Method::POST, path, token, Some(body)).await
    }

    /// Sends a request, with a JSON body if there is one.
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
            .map_err(|error| HttpError::Address {
                base: self.base.clone(),
                error,
            })?;
        tokio::time::timeout(self.deadline, self.exchange(path, request))
            .await
            .unwrap_or_else(|_| {
                Err(HttpError::Deadline {
                    base: self.base.clone(),
                    path: path.to_owned(),
                    deadline: self.deadline,
                })
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
        if self.tls.is_none() && status == StatusCode::BAD_REQUEST && body.starts_with(EXPECTS_TLS)
        {
            let base = self.base.clone();
            return Err(HttpError::ExpectsTls { base });
        }
        end.map_err(|error| {
            let base = self.base.clone();
            if error.is::<LengthLimitError>() {
                let path = path.to_owned();
                HttpError::TooLarge { base, path }
            } else {
                let reason = innermost(error.as_ref()).to_string();
                HttpError::Connection { base, reason }
            }
        })?;
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        Ok(Answer {
            status,
            body: body.into(),
        })
    }

    /// Sends on the idle connection if it can be used, and on a new one otherwise.
    async fn deliver(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Connection, Response<Incoming>), HttpError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut connection) = idle
            && connection.is_usable().await
        {
            match connection.send(&self.base, request).await {
                Ok(response) => return Ok((connection, response)),
                // The server closed it just now, before the request was sent.
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

/// The body as far as it can be read: a server may say why before it closes the connection early.
async fn read(body: Incoming) -> (Vec<u8>, Result<(), Box<dyn StdError + Send + Sync>>) {
    let mut body = Limited::new(body, MAX_BYTES);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend(frame.into_data().unwrap_or_default()),
            Err(error) => return (bytes, Err(error)),
        }
    }
    (bytes, Ok(()))
}
