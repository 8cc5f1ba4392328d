//! What Kubernetes and Prometheus ask: `/livez`, `/readyz`, `/metrics`.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

use crate::metrics::Metrics;

/// Longest time for a request to arrive.
const HEADER_DEADLINE: Duration = Duration::from_secs(5);

/// What the answers are made of.
#[derive(Debug)]
pub struct Probes {
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Set when this process stands by or leads with complete copies.
    pub ready: AtomicBool,
}

impl Probes {
    /// Answers for ever.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(Arc::clone(&self).answer_all(stream));
                }
                Err(error) => {
                    tracing::warn!(%error, "a probe could not connect");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn answer_all(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(|request: Request<Incoming>| {
            let response = self.answer(request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(response) }
        });
        let mut server = http1::Builder::new();
        server
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_DEADLINE);
        // A client that hangs up in the middle is nobody's concern.
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if method != Method::GET {
            return text(
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET is answered\n".to_owned(),
            );
        }
        match path {
            // That this is answered at all shows that the process turns: all of it runs on the same threads.
            "/livez" => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" if self.ready.load(Ordering::Relaxed) => {
                text(StatusCode::OK, "ok\n".to_owned())
            }
            "/readyz" => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the copies are not complete yet\n".to_owned(),
            ),
            "/metrics" => self.figures(),
            _ => text(
                StatusCode::NOT_FOUND,
                "there are /livez, /readyz and /metrics\n".to_owned(),
            ),
        }
    }

    fn figures(&self) -> Response<Full<Bytes>> {
        let Ok(figures) = self.metrics.encode() else {
            return text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the figures cannot be written\n".to_owned(),
            );
        };
        let mut response = text(StatusCode::OK, figures);
        let open_metrics =
            HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, open_metrics);
        response
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_its_answer() {
        let probes = Probes {
            metrics: Arc::default(),
            ready: AtomicBool::new(false),
        };
        let get = |path| probes.answer(&Method::GET, path).status();
        assert_eq!(get("/livez"), StatusCode::OK);
        assert_eq!(get("/readyz"), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(get("/metrics"), StatusCode::OK);
        assert_eq!(get("/"), StatusCode::NOT_FOUND);
        probes.ready.store(true, Ordering::Relaxed);
        assert_eq!(get("/readyz"), StatusCode::OK);
        let posted = probes.answer(&Method::POST, "/livez").status();
        assert_eq!(posted, StatusCode::METHOD_NOT_ALLOWED);
    }
}
