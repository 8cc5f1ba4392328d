//! The metrics of the server.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::SecretKeyReference;
use crate::Duration;

/// The metrics of the server, for Prometheus.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Whether the server serves metrics, and has the Service `{name}-metrics` with the annotations prometheus.io/scrape, port and
    /// path. A change restarts the server.
    #[serde(default)]
    pub enabled: bool,

    /// TCP port of the metrics, inside the pod and of the Service. A change restarts the server while metrics are enabled.
    #[serde(default = "default_port")]
    #[schemars(range(min = 1, max = 65535))]
    #[x_kube(validation = Rule::new("self != 8081").message("must not be 8081, on which the sidecar answers probes"))]
    pub port: i32,

    /// HTTP path of the metrics. A change restarts the server while metrics are enabled.
    #[serde(default = "default_path")]
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^/.*"))]
    pub path: String,

    /// Secret with the token that a scraper must show. Without it, whoever reaches the port may read. Another content restarts the
    /// server while metrics are enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token_secret: Option<SecretKeyReference>,

    /// The ServiceMonitor of the Prometheus operator.
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

/// The ServiceMonitor of the Prometheus operator.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceMonitorSettings {
    /// Whether the ServiceMonitor `{name}-metrics` is made, while metrics are enabled. It waits until the kind ServiceMonitor exists
    /// in the cluster. Condition MetricsReady tells. A change restarts nothing.
    #[serde(default)]
    pub enabled: bool,

    /// Time between two scrapes, such as `30s`. Without it, Prometheus has its own. A change restarts nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("must be a duration of at least 1s, such as 30s"))]
    pub interval: Option<Duration>,

    /// Labels of the ServiceMonitor, by which your Prometheus selects it. A change restarts nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}
