//! Logging of the server.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// Logging of the server. The server reads these settings on startup, so a change restarts it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// Minimum log level. A change restarts the server.
    #[serde(default)]
    pub level: LogLevel,

    /// Log format. A change restarts the server.
    #[serde(default)]
    pub format: LogFormat,

    /// Destination of the log: `stdout`, `stderr` or the path of a file. `kubectl logs` shows the first two; a file
    /// is lost with the pod unless it is on a volume. A change restarts the server.
    #[serde(default = "default_output")]
    #[schemars(length(max = 255))]
    #[x_kube(validation = rules::values::log_output())]
    pub output: String,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: LogLevel::default(),
            format: LogFormat::default(),
            output: default_output(),
        }
    }
}

fn default_output() -> String {
    "stdout".to_owned()
}

/// Minimum level of a log.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// Every step.
    Debug,
    /// Changes and what a reader should know.
    #[default]
    Info,
    /// What may need attention.
    Warn,
    /// What went wrong.
    Error,
}

/// Format of a log line.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    #[default]
    Json,
}
