//! The log and the metrics of the server.

use dittofs_shared::crd::{DittoServerSpec, LogFormat};
use dittofs_shared::settings::log_level_name;
use serde::Serialize;

use crate::desired::pod::files;
use crate::instance::Instance;

#[derive(Serialize)]
pub struct Logging<'a> {
    level: &'a str,
    format: &'a str,
    output: &'a str,
}

#[derive(Serialize)]
pub struct Metrics<'a> {
    enabled: bool,
    host: &'a str,
    port: i32,
    path: &'a str,
    auth: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_file: Option<String>,
}

pub fn logging(spec: &DittoServerSpec) -> Logging<'_> {
    Logging {
        level: log_level_name(spec.logging.level),
        format: match spec.logging.format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        },
        output: &spec.logging.output,
    }
}

/// Path of the metrics that only the sidecar reads.
const LOCAL_PATH: &str = "/metrics";

/// On every address of the pod where other pods scrape them, else on the loopback, where the sidecar reads the version.
pub fn metrics(instance: &Instance) -> Option<Metrics<'_>> {
    let local = instance.spec.local_metrics_port().map(|port| Metrics {
        enabled: true,
        host: "127.0.0.1",
        port,
        path: LOCAL_PATH,
        auth: "none",
        token_file: None,
    });
    local.or_else(|| for_others(instance))
}

/// The server is written in Go, which listens on both families for `0.0.0.0`. It would take `::` for a part of the port.
pub fn for_others(instance: &Instance) -> Option<Metrics<'_>> {
    let metrics = instance.spec.metrics()?;
    let token_file = files::METRICS_TOKEN.given(instance);
    Some(Metrics {
        enabled: true,
        host: "0.0.0.0",
        port: metrics.port,
        path: &metrics.path,
        auth: if token_file.is_some() {
            "token"
        } else {
            "none"
        },
        token_file,
    })
}

/// Where the sidecar finds the metrics of the server, unless they ask for a token, or the user changes how they are
/// served.
pub fn metrics_url(instance: &Instance) -> Option<String> {
    let spec = &instance.spec;
    let url = |port, path| format!("http://127.0.0.1:{port}{path}");
    if let Some(port) = spec.local_metrics_port() {
        return Some(url(port, LOCAL_PATH));
    }
    let metrics = spec.metrics()?;
    let is_open = metrics.bearer_token_secret.is_none() && !spec.overrides_metrics();
    is_open.then(|| url(metrics.port, &metrics.path))
}
