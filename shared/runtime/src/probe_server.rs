//! The HTTP server for `/livez`, `/readyz` and `/metrics`.
//!
//! # Guarantees
//! The port is open to the network of the cluster, so no client can tie up the program: connections are few, short, and
//! carry one small request each.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub use hyper::StatusCode;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// Largest head of a request, and size of the buffers. The least that `hyper` accepts.
const BUFFER: usize = 8192;

/// What clients may take.
#[derive(Clone, Copy)]
struct Limits {
    /// Most connections at a time. More wait in the kernel.
    connections: usize,
    /// Longest life of a connection: a probe is one short request.
    deadline: Duration,
}

const LIMITS: Limits = Limits {
    connections: 64,
    deadline: Duration::from_secs(5),
};

/// What is answered to `GET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Body.
    pub body: String,
    content_type: Option<HeaderValue>,
}

impl Answer {
    /// A check has passed.
    pub fn ok() -> Self {
        Self::line(StatusCode::OK, "ok")
    }

    /// A check has failed.
    pub fn unavailable(why: &str) -> Self {
        Self::line(StatusCode::SERVICE_UNAVAILABLE, why)
    }

    /// Nothing is served there. `hint` names what is.
    pub fn not_found(hint: &str) -> Self {
        Self::line(StatusCode::NOT_FOUND, hint)
    }

    /// Metrics in the format of OpenMetrics, or why there are none.
    pub fn metrics<E: ToString>(encoded: Result<String, E>) -> Self {
        match encoded {
            Ok(body) => Self {
                status: StatusCode::OK,
                body,
                content_type: Some(OPEN_METRICS),
            },
            Err(error) => {
                let why = format!("metrics cannot be encoded: {}", error.to_string());
                Self::line(StatusCode::INTERNAL_SERVER_ERROR, &why)
            }
        }
    }

    fn line(status: StatusCode, text: &str) -> Self {
        Self {
            status,
            body: format!("{text}\n"),
            content_type: None,
        }
    }
}

/// Serves without end. `answer` is given the path of every `GET` and `HEAD`.
pub async fn serve<A>(listener: TcpListener, answer: A) -> Infallible
where
    A: Fn(&str) -> Answer + Send + Sync + 'static,
{
    serve_within(LIMITS, listener, Arc::new(answer)).await
}

async fn serve_within<A>(limits: Limits, listener: TcpListener, answer: Arc<A>) -> Infallible
where
    A: Fn(&str) -> Answer + Send + Sync + 'static,
{
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut failing = false;
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            // The semaphore is never closed.
            return std::future::pending().await;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                failing = false;
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    converse(stream, limits.deadline, &*answer).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: that passes. Logged once, not ten times a second.
                if !failing {
                    tracing::warn!(%error, "cannot accept connections for probes; retrying");
                }
                failing = true;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, deadline: Duration, answer: &impl Fn(&str) -> Answer) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = match *request.method() {
            Method::GET | Method::HEAD => answer(request.uri().path()),
            _ => Answer::line(StatusCode::METHOD_NOT_ALLOWED, "use GET"),
        };
        std::future::ready(Ok::<_, Infallible>(response(answer)))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    // A client that hangs up, or sends no HTTP, has itself to blame.
    let _ = tokio::time::timeout(deadline, connection).await;
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    if let Some(content_type) = answer.content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

#[cfg(test)]
mod tests;
