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

/// On every address of the pod, because other pods scrape it. The server is written in Go, which listens on both families
/// for `0.0.0.0`. It would take `::` for a part of the port.
pub fn metrics(instance: &Instance) -> Option<Metrics<'_>> {
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
