//! Metrics of the server.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{SecretKeyReference, rules};
use crate::Duration;

/// Prometheus metrics of the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Whether the server serves metrics. They are exposed by the Service `{name}-metrics`, with the annotations
    /// prometheus.io/scrape, prometheus.io/port and prometheus.io/path. A change restarts the server.
    #[serde(default)]
    pub enabled: bool,

    /// TCP port of the metrics, in the pod and of the Service. A change restarts the server while metrics are
    /// enabled.
    #[serde(default = "default_port")]
    #[schemars(range(min = 1, max = 65535))]
    #[x_kube(validation = rules::not_the_port_of_the_sidecar())]
    pub port: i32,

    /// HTTP path of the metrics. A change restarts the server while metrics are enabled.
    #[serde(default = "default_path")]
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^/.*"))]
    pub path: String,

    /// Secret with the bearer token that scrapers must send. Without it, anyone who can connect to the port can
    /// read the metrics. A change of the contents restarts the server while metrics are enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token_secret: Option<SecretKeyReference>,

    /// ServiceMonitor for the Prometheus Operator.
    #[serde(default)]
    pub service_monitor: ServiceMonitorSettings,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            enabled: false,
            port: default_port(),
            path: default_path(),
            bearer_token_secret: None,
            service_monitor: ServiceMonitorSettings::default(),
        }
    }
}

const fn default_port() -> i32 {
    9090
}

fn default_path() -> String {
    "/metrics".to_owned()
}

/// ServiceMonitor for the Prometheus Operator.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceMonitorSettings {
    /// Whether to create the ServiceMonitor `{name}-metrics` while metrics are enabled. It is created once the
    /// cluster has the kind ServiceMonitor: see condition MetricsReady. A change restarts nothing.
    #[serde(default)]
    pub enabled: bool,

    /// Scrape interval, such as `30s`, at least 1s. Defaults to the interval of Prometheus. A change restarts
    /// nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::duration_of_at_least("1s", "30s"))]
    pub interval: Option<Duration>,

    /// Labels of the ServiceMonitor, for the selector of your Prometheus. A change restarts nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}
