//! The server's `config.yaml`: every key it knows, and nothing else.
//!
//! The real server ignores an unknown key with a warning. Here it is an error, because whoever
//! renders configuration for the server wants to see a typo, not to live with it.

mod duration;
mod environment;
mod keys;
mod limits;
mod requirements;
mod rules;
mod sections;
mod settings;
mod weak;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

pub(crate) use duration::whole_seconds;
pub use environment::Environment;
use sections::{
    Admin, BlockStore, ControlPlane, Database, Gc, Identity, Kerberos, Ldap, Logging, Metadata,
    Metrics, Snapshot,
};
pub use settings::{LogFormat, MetricsSettings, Settings, TlsSettings};

/// A configuration that holds only keys the server knows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    shutdown_timeout: Option<duration::ConfigDuration>,
    logging: Logging,
    database: Database,
    controlplane: ControlPlane,
    admin: Admin,
    kerberos: Kerberos,
    blockstore: BlockStore,
    metadata: Metadata,
    gc: Gc,
    snapshot: Snapshot,
    metrics: Metrics,
    identity: Identity,
    ldap: Ldap,
}

/// Why a configuration was refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file is missing or not readable.
    #[error("cannot read the configuration {}: {source}; check --config and the mount", path.display())]
    Unreadable {
        /// The file that was asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is no YAML, or a value has the wrong type.
    #[error("the configuration does not parse: {0}")]
    Malformed(String),
    /// Keys that the server does not know.
    #[error("the server knows no such configuration key: {}; remove or correct it", .0.join(", "))]
    UnknownKeys(Vec<String>),
    /// A value that the key does not allow.
    #[error("configuration key {key} cannot be {value:?}; use {allowed}")]
    NotAllowed {
        /// The full path of the key.
        key: String,
        /// What was written.
        value: String,
        /// What may be written.
        allowed: String,
    },
    /// A value that is needed.
    #[error(
        "configuration key {key} has no value, and needs one because {why}; set it in the file or the environment"
    )]
    Missing {
        /// The full path of the key.
        key: String,
        /// Why it is needed.
        why: &'static str,
    },
    /// A file that is needed.
    #[error("configuration key {key} names {}, which cannot be used: {reason}; check the mount", path.display())]
    File {
        /// The full path of the key.
        key: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A variable whose value the key cannot have. The value may be a secret.
    #[error(
        "the value of environment variable {name} is none that configuration key {key} can have; correct or unset it"
    )]
    Variable {
        /// The variable.
        name: String,
        /// The full path of the key.
        key: String,
    },
}

impl ServerConfig {
    /// Reads and checks a configuration file. The environment comes before it.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::from_sources(&text, environment)
    }

    /// Reads and checks a configuration, without an environment.
    pub fn from_yaml(text: &str) -> Result<Self, ConfigError> {
        Self::from_sources(text, &Environment::default())
    }

    /// Reads and checks a configuration. The environment comes before the text.
    pub fn from_sources(text: &str, environment: &Environment) -> Result<Self, ConfigError> {
        let malformed = |error: serde_saphyr::Error| ConfigError::Malformed(error.to_string());
        let (given, config) = if text.trim().is_empty() {
            (Value::Null, Self::default())
        } else {
            // Twice: once as plain data, to name all unknown keys at once and by their path; once into
            // types, whose errors point at line and column.
            let given: Value = serde_saphyr::from_str(text).map_err(malformed)?;
            let unknown = keys::unknown(&given);
            if !unknown.is_empty() {
                return Err(ConfigError::UnknownKeys(unknown));
            }
            let given = environment::fitted(given);
            let config = serde_json::from_value(given.clone());
            // Where that fails, the text is what knows line and column.
            let config = config.or_else(|_| serde_saphyr::from_str(text).map_err(malformed))?;
            (given, config)
        };
        match environment::over(&given, environment)? {
            None => Ok(config),
            Some(value) => serde_json::from_value(value)
                .map_err(|error| ConfigError::Malformed(error.to_string())),
        }
    }

    /// Refuses a configuration that promises what is not there: files, and secrets that come
    /// through the environment.
    pub(crate) fn check_requirements(&self) -> Result<(), ConfigError> {
        requirements::check(self)
    }

    /// What is configured, without secrets.
    pub(crate) fn shown(&self) -> Value {
        keys::shown(serde_json::to_value(self).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        ServerConfig::from_yaml(text).unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_are_refused_by_path() {
        let message = refusal("controlplane:\n  jwt:\n    acces_token_duration: 15m\n");
        assert!(
            message.contains("controlplane.jwt.acces_token_duration"),
            "{message}"
        );
    }

    #[test]
    fn wrong_types_are_refused() {
        assert!(refusal("shutdown_timeout: soon\n").contains("soon"));
        assert!(
            refusal("controlplane:\n  port: 70000\n").contains("port"),
            "port is 16 bits"
        );
        assert!(refusal("controlplane: 8080\n").contains("parse"));
        assert!(refusal("a: [").contains("parse"));
    }

    #[test]
    fn a_rendered_configuration_is_accepted() {
        let text = "
logging: {level: INFO, format: json, output: stdout}
shutdown_timeout: 30s
database: {type: sqlite, sqlite: {path: /data/controlplane/controlplane.db}}
controlplane:
  host: 127.0.0.1
  port: 8080
  jwt: {access_token_duration: 15m, refresh_token_duration: 168h}
admin: {username: admin}
blockstore: {local: {default_remote_cache_size: 4294967296, max_log_bytes: 1048576}}
gc: {grace_period: 3600000000000, compaction_live_ratio: 0.5}
";
        ServerConfig::from_yaml(text).unwrap();
        ServerConfig::from_yaml("").unwrap();
    }
}
