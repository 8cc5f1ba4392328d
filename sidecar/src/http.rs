//! One kept connection to the REST API, with a deadline and a size limit on every call.

use crate::outcome::Failure;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::{Client, Error as ClientError, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// How bytes get to the server. TLS to localhost would be another type here, and nothing else.
type Connector = HttpConnector;

/// How long a call may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// Most bytes of an answer.
const MOST_BYTES: usize = 1024 * 1024;

/// The REST API.
#[derive(Debug)]
pub struct Http {
    base: String,
    client: Client<Connector, Full<Bytes>>,
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
    /// The body is too large.
    #[error("the answer of {0} to {1} is larger than {n} bytes", n = MOST_BYTES)]
    TooLarge(String, String),
}

impl Http {
    /// The REST API at an address such as `http://127.0.0.1:8080`.
    pub fn new(base: &Uri) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(1)
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(64 * 1024)
            .build(Connector::new());
        Self {
            base: base.to_string().trim_end_matches('/').to_owned(),
            client,
            deadline: DEADLINE,
        }
    }

    /// Another deadline.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// `GET` with a token.
    pub async fn get(&self, path: &str, token: &HeaderValue) -> Result<Answer, HttpError> {
        self.call(Method::GET, path, Some(token), Bytes::new())
            .await
    }

    /// `POST` of a JSON body.
    pub async fn post(
        &self,
        path: &str,
        token: Option<&HeaderValue>,
        body: &serde_json::Value,
    ) -> Result<Answer, HttpError> {
        let body = Bytes::from(body.to_string());
        self.call(Method::POST, path, token, body).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&HeaderValue>,
        body: Bytes,
    ) -> Result<Answer, HttpError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token);
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(body))
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
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| self.no_answer(&error))?;
        let status = response.status();
        match Limited::new(response.into_body(), MOST_BYTES)
            .collect()
            .await
        {
            Ok(body) => Ok(Answer {
                status,
                body: body.to_bytes(),
            }),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(HttpError::TooLarge(self.base.clone(), path.to_owned()))
            }
            Err(error) => Err(HttpError::Connection(
                self.base.clone(),
                innermost(error.as_ref()).to_string(),
            )),
        }
    }

    fn no_answer(&self, error: &ClientError) -> HttpError {
        let cause = innermost(error);
        let refused = cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == ErrorKind::ConnectionRefused);
        if refused {
            HttpError::ConnectionRefused(self.base.clone())
        } else {
            HttpError::Connection(self.base.clone(), cause.to_string())
        }
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        let message = error.to_string();
        match error {
            HttpError::TooLarge(..) => Self::invalid(message),
            _ => Self::unreachable(message),
        }
    }
}

/// The error at the bottom: the outer ones say only that something below went wrong.
pub(crate) fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}
