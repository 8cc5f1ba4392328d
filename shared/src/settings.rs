//! Settings of a sidecar, in ConfigMap `{name}-sidecar`. The operator writes it and the sidecar watches it, so a
//! change needs no restart.

use crate::Duration;
use crate::published_state::shorten;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time;

use crate::crd::LogLevel;

const KEY_POLLING_INTERVAL: &str = "pollingInterval";
const KEY_RESYNC_INTERVAL: &str = "resyncInterval";
const KEY_REMOVAL_HOLD: &str = "removalHold";
const KEY_LOG_LEVEL: &str = "logLevel";
const KEY_PUBLISH_TO: &str = "publishTo";
const KEY_METRICS_URL: &str = "metricsUrl";
const KEY_RESET_REQUEST: &str = "resetPasswordRequest";
const KEY_RESET_SECRET: &str = "resetPasswordSecret";
const KEY_RESET_KEY: &str = "resetPasswordKey";
const KEY_END_IF_STARTED_BEFORE: &str = "endIfStartedBefore";

/// [`Settings::resync_interval`] unless the `DittoServer` sets another.
pub const RESYNC_INTERVAL: time::Duration = time::Duration::from_secs(30);

/// Settings of a sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Time between two polls of the REST API while something is in motion; the sidecar takes two seconds at most.
    pub polling_interval: time::Duration,
    /// Time between two polls of the REST API while nothing is in motion.
    pub resync_interval: time::Duration,
    /// How long an adapter must be disabled or removed before it is removed from the published state.
    pub removal_hold: time::Duration,
    /// Minimum log level.
    pub log_level: LogLevel,
    /// The ConfigMap that the sidecar publishes to: its uid, and who else wrote to it. The sidecar has the right to
    /// read that ConfigMap, not to watch it; when this value changes, it checks whether its state is still there.
    pub publish_to: Option<String>,
    /// Where the server serves its metrics without a password. They contain the version of the server, which the REST API
    /// does not report.
    pub metrics_url: Option<String>,
    /// A sidecar that started before this time, by the clock of its node, exits, so that the kubelet starts the
    /// current image of the pod. Set only while the kubelet has not restarted the sidecar itself.
    pub end_if_started_before: Option<Timestamp>,
    /// The requested reset of the administrator's password, until it is done.
    pub reset: Option<ResetRequest>,
}

/// A requested reset of the administrator's password. The sidecar reads the Secret through the API server, and has
/// the right to do so only until the reset is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetRequest {
    /// Identifies the request. The result names it.
    pub request: String,
    /// Secret with the password.
    pub secret: String,
    /// Key in the Secret.
    pub key: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            polling_interval: time::Duration::from_millis(500),
            resync_interval: RESYNC_INTERVAL,
            removal_hold: time::Duration::from_secs(30),
            log_level: LogLevel::Info,
            publish_to: None,
            metrics_url: None,
            reset: None,
            end_if_started_before: None,
        }
    }
}

/// Why settings are invalid. The sidecar keeps the previous ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sidecar settings are invalid: key \"{key}\": {reason}")]
pub struct SettingsError {
    key: &'static str,
    reason: String,
}

/// [`Settings::publish_to`] in the `data` of the ConfigMap.
pub fn publish_to(data: &BTreeMap<String, String>) -> Option<&str> {
    data.get(KEY_PUBLISH_TO).map(String::as_str)
}

/// The uid in a value of [`Settings::publish_to`].
pub fn uid_of(publish_to: &str) -> Option<&str> {
    publish_to.split_whitespace().next()
}

impl Settings {
    /// The `data` of the ConfigMap.
    pub fn encode(&self) -> BTreeMap<String, String> {
        let mut data = BTreeMap::from([
            (
                KEY_POLLING_INTERVAL.to_owned(),
                Duration::from(self.polling_interval).to_string(),
            ),
            (
                KEY_RESYNC_INTERVAL.to_owned(),
                Duration::from(self.resync_interval).to_string(),
            ),
            (
                KEY_REMOVAL_HOLD.to_owned(),
                Duration::from(self.removal_hold).to_string(),
            ),
            (
                KEY_LOG_LEVEL.to_owned(),
                log_level_name(self.log_level).to_owned(),
            ),
        ]);
        if let Some(publish_to) = &self.publish_to {
            data.insert(KEY_PUBLISH_TO.to_owned(), publish_to.clone());
        }
        if let Some(url) = &self.metrics_url {
            data.insert(KEY_METRICS_URL.to_owned(), url.clone());
        }
        if let Some(reset) = &self.reset {
            data.extend([
                (KEY_RESET_REQUEST.to_owned(), reset.request.clone()),
                (KEY_RESET_SECRET.to_owned(), reset.secret.clone()),
                (KEY_RESET_KEY.to_owned(), reset.key.clone()),
            ]);
        }
        if let Some(moment) = self.end_if_started_before {
            data.insert(KEY_END_IF_STARTED_BEFORE.to_owned(), moment.to_string());
        }
        data
    }

    /// Reads the `data` of the ConfigMap. A missing key has its default, so that a new sidecar works with an old
    /// operator; an unknown key is ignored, so that an old sidecar works with a new operator.
    ///
    /// # Errors
    /// A value is invalid, or an interval is below 100 ms.
    pub fn decode(data: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        let defaults = Self::default();
        Ok(Self {
            polling_interval: interval(data, KEY_POLLING_INTERVAL, defaults.polling_interval)?,
            resync_interval: interval(data, KEY_RESYNC_INTERVAL, defaults.resync_interval)?,
            removal_hold: duration(data, KEY_REMOVAL_HOLD, defaults.removal_hold)?,
            log_level: log_level(data, defaults.log_level)?,
            publish_to: data.get(KEY_PUBLISH_TO).cloned(),
            metrics_url: data.get(KEY_METRICS_URL).cloned(),
            reset: reset(data),
            end_if_started_before: moment(data, KEY_END_IF_STARTED_BEFORE)?,
        })
    }
}

/// All three keys or nothing: an incomplete request is no request.
fn reset(data: &BTreeMap<String, String>) -> Option<ResetRequest> {
    let text = |key| data.get(key).cloned();
    Some(ResetRequest {
        request: text(KEY_RESET_REQUEST)?,
        secret: text(KEY_RESET_SECRET)?,
        key: text(KEY_RESET_KEY)?,
    })
}

/// A duration at which something is done again and again.
fn interval(
    data: &BTreeMap<String, String>,
    key: &'static str,
    default: time::Duration,
) -> Result<time::Duration, SettingsError> {
    let interval = duration(data, key, default)?;
    if interval < time::Duration::from_millis(100) {
        return Err(SettingsError {
            key,
            reason: "must be at least 100ms".into(),
        });
    }
    Ok(interval)
}

fn duration(
    data: &BTreeMap<String, String>,
    key: &'static str,
    default: time::Duration,
) -> Result<time::Duration, SettingsError> {
    let Some(text) = data.get(key) else {
        return Ok(default);
    };
    let parsed: Duration = text.parse().map_err(|error| SettingsError {
        key,
        reason: format!("{:?}: {error}", shorten(text)),
    })?;
    if parsed.is_negative() {
        return Err(SettingsError {
            key,
            reason: format!("{:?} must not be negative", shorten(text)),
        });
    }
    Ok(parsed.into())
}

fn moment(
    data: &BTreeMap<String, String>,
    key: &'static str,
) -> Result<Option<Timestamp>, SettingsError> {
    let parsed = data.get(key).map(|text| text.parse());
    parsed.transpose().map_err(|error| SettingsError {
        key,
        reason: format!("{error}"),
    })
}

fn log_level(
    data: &BTreeMap<String, String>,
    default: LogLevel,
) -> Result<LogLevel, SettingsError> {
    const LEVELS: [LogLevel; 4] = [
        LogLevel::Debug,
        LogLevel::Info,
        LogLevel::Warn,
        LogLevel::Error,
    ];
    let Some(text) = data.get(KEY_LOG_LEVEL) else {
        return Ok(default);
    };
    LEVELS
        .into_iter()
        .find(|level| log_level_name(*level) == text)
        .ok_or_else(|| SettingsError {
            key: KEY_LOG_LEVEL,
            reason: format!(
                "{:?} must be one of DEBUG, INFO, WARN, ERROR",
                shorten(text)
            ),
        })
}

/// The spelling of a log level, as in the `DittoServer`.
pub const fn log_level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "DEBUG",
        LogLevel::Info => "INFO",
        LogLevel::Warn => "WARN",
        LogLevel::Error => "ERROR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_is_the_inverse_of_encode() {
        let settings = Settings {
            polling_interval: time::Duration::from_millis(250),
            resync_interval: time::Duration::from_secs(20),
            removal_hold: time::Duration::from_secs(90),
            log_level: LogLevel::Debug,
            publish_to: Some("uid".into()),
            metrics_url: Some("http://127.0.0.1:9090/metrics".into()),
            reset: Some(ResetRequest {
                request: "1".into(),
                secret: "people".into(),
                key: "admin".into(),
            }),
            end_if_started_before: Some(Timestamp::UNIX_EPOCH),
        };
        assert_eq!(Settings::decode(&settings.encode()), Ok(settings));
    }

    #[test]
    fn missing_keys_have_defaults_and_unknown_keys_are_ignored() {
        let data = BTreeMap::from([("somethingNew".to_owned(), "x".to_owned())]);
        assert_eq!(Settings::decode(&data), Ok(Settings::default()));
    }

    #[test]
    fn invalid_values_are_named() {
        for (key, value) in [
            ("pollingInterval", "soon"),
            ("pollingInterval", "1ms"),
            ("resyncInterval", "often"),
            ("resyncInterval", "0s"),
            ("removalHold", "-5s"),
            ("logLevel", "LOUD"),
            ("endIfStartedBefore", "soon"),
        ] {
            let error = Settings::decode(&BTreeMap::from([(key.to_owned(), value.to_owned())]))
                .unwrap_err();
            assert_eq!(error.key, key, "{error}");
        }
    }
}
