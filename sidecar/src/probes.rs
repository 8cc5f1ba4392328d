//! Answers liveness and readiness.
//!
//! * `/livez`: whether the loop goes round. It depends on nothing else: not on DittoFS, not on the API server.
//! * `/readyz`: whether the last poll of the server was good. Templates of today do not ask it; pods that were made with an
//!   earlier one do, and may get a later sidecar with the next restart of that container.

use crate::backoff;
use crate::clock::Clock;
use crate::outcome::Outcome;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// A round may always take this long: a login and the repair of the user are several calls.
const LEAST_PATIENCE: Duration = Duration::from_mins(1);
/// How long a connection may live. A probe is one short request.
const CONNECTION: Duration = Duration::from_secs(5);
/// Most connections at once. The port is open to the network of the cluster.
const MOST_CONNECTIONS: usize = 64;

/// When the loop last went round, and what it met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// On the steady clock.
    at: Duration,
    /// How long it rests now.
    wait: Duration,
    /// Why the server is not ready, if it is not.
    trouble: Option<String>,
}

impl Default for Heartbeat {
    /// Before the first round.
    fn default() -> Self {
        Self {
            at: Duration::ZERO,
            wait: Duration::ZERO,
            trouble: Some("the server has not been asked yet".to_owned()),
        }
    }
}

impl Heartbeat {
    /// After a round.
    pub fn after(outcome: &Outcome, at: Duration, wait: Duration) -> Self {
        let trouble = match outcome {
            Outcome::Seen(_) => None,
            Outcome::Failed(failure) => Some(failure.to_string()),
        };
        Self { at, wait, trouble }
    }

    /// Whether the loop goes round; why not, if it does not.
    pub fn alive(&self, now: Duration) -> Result<(), String> {
        let silent = now.saturating_sub(self.at);
        if silent <= LEAST_PATIENCE.max(self.wait * 3) {
            return Ok(());
        }
        Err(format!("the last round ended {} s ago", silent.as_secs()))
    }

    /// Whether the last poll was good; why not, if it was not.
    pub fn ready(&self) -> Result<(), String> {
        self.trouble.clone().map_or(Ok(()), Err)
    }
}

/// Answers for ever.
pub async fn serve(
    listen: SocketAddr,
    heartbeat: watch::Receiver<Heartbeat>,
    clock: impl Clock,
) -> Infallible {
    let listener = bind(listen).await;
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            // Nobody closes the semaphore.
            return std::future::pending().await;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (heartbeat, clock) = (heartbeat.clone(), clock.clone());
                tokio::spawn(async move {
                    converse(stream, heartbeat, clock).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: that passes.
                tracing::debug!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn bind(listen: SocketAddr) -> TcpListener {
    let mut backoff = backoff::Backoff::new(Duration::from_secs(1));
    loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => return listener,
            Err(error) => {
                tracing::warn!(%listen, %error, "cannot answer probes there; trying again");
            }
        }
        tokio::time::sleep(backoff.next().unwrap_or(backoff::MOST)).await;
    }
}

async fn converse(stream: TcpStream, heartbeat: watch::Receiver<Heartbeat>, clock: impl Clock) {
    let service = service_fn(|request: Request<Incoming>| {
        let verdict = judge(
            request.method(),
            request.uri().path(),
            &heartbeat.borrow(),
            clock().steady,
        );
        std::future::ready(Ok::<_, Infallible>(response(verdict)))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_buf_size(8192)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever goes wrong here is the other side's business.
    let _ = tokio::time::timeout(CONNECTION, connection).await;
}

fn judge(
    method: &Method,
    path: &str,
    heartbeat: &Heartbeat,
    now: Duration,
) -> (StatusCode, String) {
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, "only GET".to_owned());
    }
    let verdict = match path {
        "/livez" => heartbeat.alive(now),
        "/readyz" => heartbeat.ready(),
        _ => return (StatusCode::NOT_FOUND, "only /livez and /readyz".to_owned()),
    };
    match verdict {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

fn response((status, text): (StatusCode, String)) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text + "\n")));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::http::Http;
    use crate::outcome::Failure;
    use hyper::header::HeaderValue;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_loop_that_rests_long_is_given_time() {
        let good = Outcome::Seen(vec![]);
        let heartbeat = Heartbeat::after(&good, SECOND * 100, SECOND / 2);
        assert_eq!(heartbeat.alive(SECOND * 160), Ok(()));
        assert!(heartbeat.alive(SECOND * 161).is_err());
        let slow = Heartbeat::after(&good, SECOND * 100, SECOND * 30);
        assert_eq!(slow.alive(SECOND * 190), Ok(()));
        assert!(slow.alive(SECOND * 191).is_err());
    }

    #[test]
    fn each_path_has_its_answer() {
        let bad = Outcome::Failed(Failure::unreachable("nothing listens"));
        let heartbeat = Heartbeat::after(&bad, Duration::ZERO, SECOND);
        let status = |method: Method, path| judge(&method, path, &heartbeat, SECOND).0.as_u16();
        assert_eq!(status(Method::GET, "/livez"), 200);
        assert_eq!(status(Method::GET, "/readyz"), 503);
        assert_eq!(status(Method::GET, "/metrics"), 404);
        assert_eq!(status(Method::POST, "/livez"), 405);
        assert_eq!(
            judge(&Method::GET, "/readyz", &heartbeat, SECOND).1,
            "nothing listens"
        );
    }

    #[tokio::test]
    async fn probes_are_answered_over_tcp() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let (sender, heartbeat) = watch::channel(Heartbeat::default());
        let server = tokio::spawn(serve(address, heartbeat, clock::system()));
        let http = Http::new(&format!("http://{address}").parse().unwrap());
        let token = HeaderValue::from_static("none");
        let first = loop {
            match http.get("/readyz", &token).await {
                Ok(answer) => break answer,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        assert_eq!(first.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(&first.body[..], b"the server has not been asked yet\n");
        sender.send_replace(Heartbeat::after(&Outcome::Seen(vec![]), SECOND, SECOND));
        assert_eq!(
            http.get("/readyz", &token).await.unwrap().status,
            StatusCode::OK
        );
        assert_eq!(
            http.get("/livez", &token).await.unwrap().status,
            StatusCode::OK
        );
        server.abort();
    }
}
