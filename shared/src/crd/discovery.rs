//! How the sidecar discovers adapters. Nothing in here restarts the server.

use crate::Duration;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// How the sidecar discovers adapters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdapterDiscovery {
    /// Interval at which the sidecar polls the REST API for adapters while something is in motion: a server that
    /// starts or cannot be reached, an adapter that is enabled and does not listen yet, a removal hold. From 100ms
    /// to 1h, and more than 2s means 2s. The longer nothing changes, the rarer are the polls, up to resyncInterval. A
    /// change takes effect without a restart.
    #[serde(default = "default_polling_interval")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::duration_between("100ms", "1h", "500ms"))]
    pub polling_interval: Duration,

    /// Interval at which the sidecar polls the REST API for adapters while nothing is in motion, from 1s to 1h.
    /// Defaults to 30s. A change that opens or closes a port is seen at once, and any other change within this
    /// time. A change takes effect without a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::duration_between("1s", "1h", "30s"))]
    pub resync_interval: Option<Duration>,

    /// How long an adapter must be disabled or removed before its Service is deleted, from 0s to 24h. A deleted
    /// Service may lose its address permanently. A change takes effect without a restart.
    #[serde(default = "default_removal_hold")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::duration_between("0s", "24h", "30s"))]
    pub removal_hold: Duration,
}

impl Default for AdapterDiscovery {
    fn default() -> Self {
        Self {
            polling_interval: default_polling_interval(),
            resync_interval: None,
            removal_hold: default_removal_hold(),
        }
    }
}

fn default_polling_interval() -> Duration {
    std::time::Duration::from_millis(500).into()
}

fn default_removal_hold() -> Duration {
    std::time::Duration::from_secs(30).into()
}
