//! A client for the Kubernetes API.

use hyper::Request;
use hyper::header::{HeaderValue, USER_AGENT};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{ClientBuilder, ConfigExt as _};
use kube::config::InferConfigError;
use kube::{Client, Config};
use std::error::Error as _;
use std::time::Duration;
use tower::BoxError;
use tower::filter::FilterLayer;
use tower::util::MapErrLayer;

use crate::api_error::ApiError;

/// How long it may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection at rest is probed after this time, and so often until it is given up. The API server notices nothing of
/// that: the kernel of its machine answers.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const PROBES: u32 = 2;
/// What was sent must be acknowledged within this time.
const ACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Connections at rest that are kept, and for how long: each takes tens of KiB, and a burst uses dozens again and again. Longer
/// than between two renewals of a Lease, which would need a handshake each time.
const MOST_IDLE: usize = 64;
const IDLE: Duration = Duration::from_secs(10);

/// Why there is no client for the Kubernetes API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Neither a kubeconfig nor a ServiceAccount can be read.
    #[error(
        "no configuration for the Kubernetes API: in a pod, mount the token of its ServiceAccount ({service_account}); elsewhere, set KUBECONFIG ({kubeconfig})"
    )]
    NotConfigured {
        /// Why the ServiceAccount cannot be used.
        service_account: String,
        /// Why no kubeconfig can be used.
        kubeconfig: String,
    },
    /// What was found cannot be used.
    #[error("the configuration for the Kubernetes API is not usable: {0}")]
    Unusable(String),
}

/// A client that is configured as `kubectl` is, or by the ServiceAccount of the pod. The audit log of the API server
/// shows `program` and its version.
///
/// The client fails early instead of retrying for minutes: every caller has its own retries.
///
/// # Errors
/// No configuration was found, or it is not usable. Nothing is connected yet.
pub async fn connect(program: &str) -> Result<Client, ClientError> {
    connect_gated(program, || true).await
}

/// As [`connect`]. `may_write` is asked when a request that changes something is about to be sent: unless it says yes, the
/// request fails with [`Closed`].
///
/// # Errors
/// As [`connect`].
pub async fn connect_gated<G>(program: &str, may_write: G) -> Result<Client, ClientError>
where
    G: Fn() -> bool + Clone + Send + 'static,
{
    let config = Config::infer()
        .await
        .map_err(|error| not_configured(&error))?;
    client(adjusted(config, program)?, may_write)
        .map_err(|error| ClientError::Unusable(ApiError(&error).to_string()))
}

/// Why a request that would have changed something was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not sent: this operator no longer holds its Lease")]
pub struct Closed;

/// Lets pass what only reads, and everything while the gate is open.
fn gated<B>(request: Request<B>, may_write: &impl Fn() -> bool) -> Result<Request<B>, Closed> {
    if request.method().is_safe() || may_write() {
        return Ok(request);
    }
    Err(Closed)
}

/// As `kube` makes a client, over connections that notice when the other end is gone.
fn client<G>(config: Config, may_write: G) -> kube::Result<Client>
where
    G: Fn() -> bool + Clone + Send + 'static,
{
    let gate = FilterLayer::new(move |request| gated(request, &may_write));
    if config.proxy_url.is_some() {
        let layered = ClientBuilder::try_from(config)?;
        return Ok(layered.with_layer(&gate).build());
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(config.connect_timeout);
    tcp.set_keepalive(Some(KEEP_ALIVE));
    tcp.set_keepalive_interval(Some(KEEP_ALIVE));
    tcp.set_keepalive_retries(Some(PROBES));
    tcp.set_tcp_user_timeout(Some(ACKNOWLEDGED));
    let tls = config.rustls_https_connector_with_connector(tcp)?;
    let connections = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MOST_IDLE)
        .build(tls);
    let layered = ClientBuilder::new(connections, &config.default_namespace)
        .with_layer(&gate)
        .with_layer(&MapErrLayer::new(BoxError::from))
        .with_layer(&config.extra_headers_layer()?);
    let path = config.base_uri_layer();
    Ok(match config.auth_layer()? {
        Some(account) => layered.with_layer(&account).with_layer(&path).build(),
        None => layered.with_layer(&path).build(),
    })
}

/// The text of `kube` nests one reason within the other.
fn not_configured(error: &InferConfigError) -> ClientError {
    let service_account = Config::incluster().err();
    ClientError::NotConfigured {
        service_account: service_account.map_or_else(String::new, |error| error.to_string()),
        kubeconfig: error.source().map_or_else(String::new, ToString::to_string),
    }
}

fn adjusted(mut config: Config, program: &str) -> Result<Config, ClientError> {
    let agent = format!("{program}/{}", env!("CARGO_PKG_VERSION"));
    let agent = HeaderValue::from_str(&agent)
        .map_err(|error| ClientError::Unusable(format!("user agent {agent:?}: {error}")))?;
    config.headers.push((USER_AGENT, agent));
    // It would retry 15 times with delays of up to 1000 s, and no caller would know.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_closed_gate_only_reading_is_possible() {
        for (method, reads) in [
            ("GET", true),
            ("HEAD", true),
            ("POST", false),
            ("PUT", false),
            ("PATCH", false),
            ("DELETE", false),
        ] {
            let request = || Request::builder().method(method).body(()).unwrap();
            let passes = |open| gated(request(), &|| open).is_ok();
            assert_eq!(passes(false), reads, "{method}");
            assert!(passes(true), "{method}");
        }
    }

    #[test]
    fn a_client_has_a_name_and_fails_early() {
        let config = Config::new("http://127.0.0.1:1".parse().unwrap());
        let config = adjusted(config, "dittofs-operator").unwrap();
        assert!(!config.default_retry);
        assert_eq!(config.connect_timeout, Some(CONNECT_TIMEOUT));
        let (name, agent) = &config.headers[0];
        assert_eq!(name, USER_AGENT);
        assert!(agent.to_str().unwrap().starts_with("dittofs-operator/"));
        let config = Config::new("http://127.0.0.1:1".parse().unwrap());
        assert!(adjusted(config, "a\nb").is_err());
    }
}
