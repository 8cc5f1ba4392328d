//! What the simulator takes from the configuration, with the server's defaults filled in.

use std::{path::PathBuf, time::Duration};

use serde_json::Value;
use tracing::Level;

use super::{
    ConfigError, ServerConfig,
    duration::ConfigDuration,
    rules::{self, given},
    sections::{Metrics, Tls},
};

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line each.
    Text,
    /// One JSON object each.
    Json,
}

/// The configuration as the simulator uses it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address that the API listens on.
    pub host: String,
    /// The port of the API; 0 picks a free one.
    pub port: u16,
    /// How long a stop waits for work that is in flight.
    pub shutdown_timeout: Duration,
    /// How long an access token lives.
    pub access_ttl: Duration,
    /// How long a refresh token lives.
    pub refresh_ttl: Duration,
    /// The folder of the state file.
    pub state_dir: PathBuf,
    /// The secret in the configuration; the environment's comes first.
    pub secret: Option<String>,
    /// Whether the first user must set another password before anything else, unless the environment gave it one.
    pub initial_password_must_change: bool,
    /// The least important level that is logged.
    pub log_level: Level,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// How the API is encrypted; without it, it is not.
    pub tls: Option<TlsSettings>,
    /// Where metrics are served, if they are.
    pub metrics: Option<MetricsSettings>,
    /// All that is configured, without secrets.
    pub shown: Value,
}

/// The certificate of a listener.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// The certificate, and those between it and its CA.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// Who must have signed a client's certificate; without it, clients need none.
    pub client_ca: Option<PathBuf>,
    /// Whether clients must speak TLS 1.3.
    pub only_1_3: bool,
}

/// Where metrics are served.
#[derive(Debug, Clone)]
pub struct MetricsSettings {
    /// The address.
    pub host: String,
    /// The port; 0 picks a free one.
    pub port: u16,
    /// The path.
    pub path: String,
    /// The file with the token that clients must have; without it, they need none.
    pub token_file: Option<PathBuf>,
    /// How it is encrypted; without it, it is not.
    pub tls: Option<TlsSettings>,
}

impl Settings {
    /// Fills in defaults and refuses what the simulator cannot play.
    pub fn new(config: &ServerConfig) -> Result<Self, ConfigError> {
        let api = &config.controlplane;
        rules::check(config)?;
        let path = config.database.sqlite.path.clone();
        let path = path.unwrap_or_else(|| "/data/controlplane/controlplane.db".to_owned());
        Ok(Self {
            host: given(api.host.as_ref()).unwrap_or("127.0.0.1").to_owned(),
            port: api.port.unwrap_or(8080),
            shutdown_timeout: or_seconds(config.shutdown_timeout, 30),
            access_ttl: or_seconds(api.jwt.access_token_duration, 15 * 60),
            refresh_ttl: or_seconds(api.jwt.refresh_token_duration, 168 * 3600),
            state_dir: PathBuf::from(path)
                .parent()
                .map(PathBuf::from)
                .unwrap_or_default(),
            secret: api.jwt.secret.clone(),
            initial_password_must_change: api.require_initial_password_change.unwrap_or(true),
            log_level: log_level(config.logging.level.as_deref())?,
            log_format: log_format(config.logging.format.as_deref())?,
            tls: tls(&api.tls),
            metrics: metrics(&config.metrics),
            shown: config.shown(),
        })
    }
}

fn tls(tls: &Tls) -> Option<TlsSettings> {
    Some(TlsSettings {
        cert_file: given(tls.cert_file.as_ref())?.into(),
        key_file: given(tls.key_file.as_ref())?.into(),
        client_ca: given(tls.client_ca.as_ref()).map(PathBuf::from),
        only_1_3: given(tls.min_version.as_ref()) == Some("1.3"),
    })
}

fn metrics(metrics: &Metrics) -> Option<MetricsSettings> {
    let or =
        |text: &Option<String>, default: &str| given(text.as_ref()).unwrap_or(default).to_owned();
    let token = given(metrics.auth.as_ref()) == Some("token");
    metrics.enabled.filter(|on| *on)?;
    Some(MetricsSettings {
        host: or(&metrics.host, "127.0.0.1"),
        port: metrics.port.unwrap_or(9090),
        path: or(&metrics.path, "/metrics"),
        token_file: given(metrics.token_file.as_ref())
            .filter(|_| token)
            .map(PathBuf::from),
        tls: tls(&metrics.tls),
    })
}

fn or_seconds(given: Option<ConfigDuration>, default: u64) -> Duration {
    // Zero says nothing.
    let given = given.map(|given| given.0).filter(|given| !given.is_zero());
    given.unwrap_or(Duration::from_secs(default))
}

fn log_level(text: Option<&str>) -> Result<Level, ConfigError> {
    match text.unwrap_or("INFO").to_ascii_uppercase().as_str() {
        "DEBUG" => Ok(Level::DEBUG),
        "INFO" => Ok(Level::INFO),
        "WARN" => Ok(Level::WARN),
        "ERROR" => Ok(Level::ERROR),
        other => Err(ConfigError::NotAllowed {
            key: "logging.level".to_owned(),
            value: other.to_owned(),
            allowed: "DEBUG, INFO, WARN or ERROR".to_owned(),
        }),
    }
}

fn log_format(text: Option<&str>) -> Result<LogFormat, ConfigError> {
    match text.unwrap_or("text") {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(ConfigError::NotAllowed {
            key: "logging.format".to_owned(),
            value: other.to_owned(),
            allowed: "text or json".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings, ConfigError> {
        Settings::new(&ServerConfig::from_yaml(text)?)
    }

    #[test]
    fn defaults_are_the_servers() {
        let settings = settings("").unwrap();
        assert_eq!((settings.host.as_str(), settings.port), ("127.0.0.1", 8080));
        assert_eq!(settings.shutdown_timeout, Duration::from_secs(30));
        assert_eq!(settings.access_ttl, Duration::from_mins(15));
        assert_eq!(settings.refresh_ttl, Duration::from_hours(168));
        assert_eq!(settings.state_dir, PathBuf::from("/data/controlplane"));
        assert!(settings.tls.is_none() && settings.metrics.is_none());
        let metrics = self::settings("metrics: {enabled: true, token_file: /t}")
            .unwrap()
            .metrics
            .unwrap();
        assert_eq!((metrics.host.as_str(), metrics.port), ("127.0.0.1", 9090));
        assert_eq!(metrics.path, "/metrics");
        assert!(
            metrics.token_file.is_none(),
            "the token is for metrics.auth: token"
        );
    }

    #[test]
    fn what_cannot_be_played_is_refused() {
        for (text, key) in [
            ("logging: {level: LOUD}", "logging.level"),
            ("logging: {format: xml}", "logging.format"),
            (
                "controlplane: {tls: {cert_file: /c.pem}}",
                "controlplane.tls.key_file",
            ),
        ] {
            assert!(
                settings(text).unwrap_err().to_string().contains(key),
                "{text}"
            );
        }
    }
}
