//! What the simulator takes from the configuration, with the server's defaults filled in.

use std::{path::PathBuf, time::Duration};

use tracing::Level;

use super::{ConfigError, ServerConfig, duration::ConfigDuration};

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
    /// The name of the first user.
    pub admin_username: String,
    /// The mail address of the first user.
    pub admin_email: Option<String>,
    /// Whether the first user must set another password before anything else.
    pub initial_password_must_change: bool,
    /// The least important level that is logged.
    pub log_level: Level,
    /// How log lines are written.
    pub log_format: LogFormat,
}

impl Settings {
    /// Fills in defaults and refuses what the simulator cannot play.
    pub fn new(config: &ServerConfig) -> Result<Self, ConfigError> {
        let api = &config.controlplane;
        if let Some(file) = api.tls.cert_file.as_ref().filter(|file| !file.is_empty()) {
            return Err(ConfigError::NotAllowed {
                key: "controlplane.tls.cert_file",
                value: file.clone(),
                allowed: "no TLS: the simulator speaks plain HTTP only",
            });
        }
        let path = config.database.sqlite.path.clone();
        let path = path.unwrap_or_else(|| "/data/controlplane/controlplane.db".to_owned());
        Ok(Self {
            host: api.host.clone().unwrap_or_else(|| "127.0.0.1".to_owned()),
            port: api.port.unwrap_or(8080),
            shutdown_timeout: or_seconds(config.shutdown_timeout, 30),
            access_ttl: or_seconds(api.jwt.access_token_duration, 15 * 60),
            refresh_ttl: or_seconds(api.jwt.refresh_token_duration, 168 * 3600),
            state_dir: PathBuf::from(path)
                .parent()
                .map(PathBuf::from)
                .unwrap_or_default(),
            secret: api.jwt.secret.clone(),
            admin_username: config
                .admin
                .username
                .clone()
                .unwrap_or_else(|| "admin".to_owned()),
            admin_email: config.admin.email.clone(),
            initial_password_must_change: api.require_initial_password_change.unwrap_or(false),
            log_level: log_level(config.logging.level.as_deref())?,
            log_format: log_format(config.logging.format.as_deref())?,
        })
    }
}

fn or_seconds(given: Option<ConfigDuration>, default: u64) -> Duration {
    given.map_or(Duration::from_secs(default), |given| given.0)
}

fn log_level(text: Option<&str>) -> Result<Level, ConfigError> {
    match text.unwrap_or("INFO").to_ascii_uppercase().as_str() {
        "DEBUG" => Ok(Level::DEBUG),
        "INFO" => Ok(Level::INFO),
        "WARN" => Ok(Level::WARN),
        "ERROR" => Ok(Level::ERROR),
        other => Err(ConfigError::NotAllowed {
            key: "logging.level",
            value: other.to_owned(),
            allowed: "DEBUG, INFO, WARN or ERROR",
        }),
    }
}

fn log_format(text: Option<&str>) -> Result<LogFormat, ConfigError> {
    match text.unwrap_or("text") {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(ConfigError::NotAllowed {
            key: "logging.format",
            value: other.to_owned(),
            allowed: "text or json",
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
        assert_eq!(settings.admin_username, "admin");
    }

    #[test]
    fn what_cannot_be_played_is_refused() {
        for (text, key) in [
            ("logging: {level: LOUD}", "logging.level"),
            ("logging: {format: xml}", "logging.format"),
            (
                "controlplane: {tls: {cert_file: /c.pem}}",
                "controlplane.tls.cert_file",
            ),
        ] {
            assert!(
                settings(text).unwrap_err().to_string().contains(key),
                "{text}"
            );
        }
    }
}
