//! The log of the server.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Log of the server. A change restarts the server, which reads these settings at its start.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// Least level that is written. A change restarts the server.
    #[serde(default)]
    pub level: LogLevel,

    /// Format of a line. A change restarts the server.
    #[serde(default)]
    pub format: LogFormat,

    /// Where the lines go: `stdout`, `stderr` or the path of a file. Kubernetes reads the first two; a file is lost with the pod
    /// unless it is on a volume. A change restarts the server.
    #[serde(default = "default_output")]
    #[schemars(length(max = 255))]
    #[x_kube(validation = Rule::new("self in ['stdout', 'stderr'] || (self.startsWith('/') && !self.contains('..'))")
        .message("must be stdout, stderr or the absolute path of a file"))]
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

/// Least level that is written to a log.
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
