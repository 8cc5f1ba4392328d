//! How the sidecar finds adapters. Nothing in here ever restarts the server.

use crate::Duration;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// How the sidecar looks at the adapters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdapterDiscovery {
    /// Time between two looks at the adapters, on localhost. From 100ms to 1h. A change takes effect without a restart.
    #[serde(default = "default_polling_interval")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('100ms') && duration(self) <= duration('1h')")
        .message("must be a duration from 100ms to 1h, such as 500ms"))]
    pub polling_interval: Duration,

    /// How long an adapter must be switched off or gone before its Service is taken away. A Service that is deleted
    /// may lose its address for good. From 0s to 24h. A change takes effect without a restart.
    #[serde(default = "default_removal_hold")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('0s') && duration(self) <= duration('24h')")
        .message("must be a duration from 0s to 24h, such as 30s"))]
    pub removal_hold: Duration,
}

impl Default for AdapterDiscovery {
    fn default() -> Self {
        Self {
            polling_interval: default_polling_interval(),
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
