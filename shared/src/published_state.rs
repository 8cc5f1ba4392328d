//! The published state: what the sidecar writes to ConfigMap `{name}-adapters`.
//!
//! Its keys are readable in `kubectl describe`:
//!
//! * `schema`: `v1`. This decoder rejects any other value: unknown is not empty.
//! * `server`: one JSON object, whether the REST API answers and since when.
//! * `adapters`: a JSON array with one adapter a line, sorted by type. Absent until the API has answered once.
//! * `access` and `passwordReset`: one JSON object each, see [`crate::reports`]. Absent when there is nothing to
//!   report.
//! * `serverVersion`: plain text. Absent while it is not known.
//!
//! There is one encoder and one decoder. The decoder treats its input as hostile: the pod that writes it is exposed
//! to the network.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use crate::reports::{Access, PasswordReset, Reports, version};

/// Version of the format.
pub const SCHEMA: &str = "v1";
/// Maximum number of adapters of one instance.
pub const MAX_ADAPTERS: usize = 16;
/// Maximum size of a key in bytes: far above 16 adapters, far below the limit of a ConfigMap.
pub const MAX_BYTES: usize = 64 * 1024;

const KEY_SCHEMA: &str = "schema";
const KEY_SERVER: &str = "server";
const KEY_ADAPTERS: &str = "adapters";
const KEY_ACCESS: &str = "access";
const KEY_PASSWORD_RESET: &str = "passwordReset";
const KEY_SERVER_VERSION: &str = "serverVersion";
/// Every key that is read.
pub const KEYS: [&str; 6] = [
    KEY_SCHEMA,
    KEY_SERVER,
    KEY_ADAPTERS,
    KEY_ACCESS,
    KEY_PASSWORD_RESET,
    KEY_SERVER_VERSION,
];

/// What the sidecar knows of the server and its adapters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedState {
    /// Whether the REST API answers.
    pub server: ServerState,
    /// The adapters of the last good answer. `None` before the first one: unknown, not empty.
    pub adapters: Option<Vec<Adapter>>,
    /// Other reports of the sidecar.
    pub reports: Reports,
}

/// Whether the REST API answers, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerState {
    /// Result of the last polls.
    pub status: ServerStatus,
    /// When this status began, to the second.
    pub since: Timestamp,
    /// What happened, for the user. Absent when there is no problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Result of polling the REST API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerStatus {
    /// It answers.
    Reachable,
    /// It has not answered since the sidecar started.
    Starting,
    /// It does not answer, or answers with errors that do not concern the credentials.
    Unreachable,
    /// It rejects the credentials of the sidecar.
    Refused,
    /// Its answer is not a list of adapters.
    Invalid,
    /// The pod is being stopped.
    Stopping,
}

impl fmt::Display for ServerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reachable => "reachable",
            Self::Starting => "starting",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::Stopping => "stopping",
        })
    }
}

/// One adapter, as the server reports it. The port is not validated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapter {
    /// Type, such as `nfs` or `smb`.
    pub r#type: String,
    /// Port in the pod. DittoFS accepts values such as 0 and 70000.
    pub port: i64,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Whether something listens on the port.
    pub running: bool,
    /// Since when the adapter is disabled or removed. Set until removalHold has elapsed; its Service is kept until
    /// then.
    #[serde(
        default,
        rename = "leavingSince",
        skip_serializing_if = "Option::is_none"
    )]
    pub leaving_since: Option<Timestamp>,
}

impl Adapter {
    /// An adapter that is enabled and listens.
    pub fn running(r#type: impl Into<String>, port: i64) -> Self {
        Self {
            r#type: r#type.into(),
            port,
            enabled: true,
            running: true,
            leaving_since: None,
        }
    }
}

/// Why the data of a ConfigMap are not a published state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The sidecar has not published anything yet.
    #[error("nothing is published yet")]
    Empty,
    /// Unsupported version of the format, or none.
    #[error("schema is {0:?}, but this version supports only \"{SCHEMA}\"")]
    Schema(String),
    /// A key is missing.
    #[error("key \"{0}\" is missing")]
    Missing(&'static str),
    /// A key has an invalid value.
    #[error("key \"{key}\" is invalid: {reason}")]
    Malformed {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// More adapters than any server has.
    #[error("{0} adapters are listed, but at most {MAX_ADAPTERS} are supported")]
    TooManyAdapters(usize),
    /// Two entries for one type: it is unclear which one counts.
    #[error("adapter type {0:?} is listed twice")]
    Duplicate(String),
}

impl PublishedState {
    /// The `data` of the ConfigMap. Equal states give equal bytes.
    pub fn encode(&self) -> BTreeMap<String, String> {
        let mut data = BTreeMap::from([
            (KEY_SCHEMA.to_owned(), SCHEMA.to_owned()),
            (KEY_SERVER.to_owned(), to_json(&self.server)),
        ]);
        if let Some(adapters) = &self.adapters {
            data.insert(KEY_ADAPTERS.to_owned(), encode_adapters(adapters));
        }
        if let Some(access) = &self.reports.access {
            data.insert(KEY_ACCESS.to_owned(), to_json(access));
        }
        if let Some(reset) = &self.reports.password_reset {
            data.insert(KEY_PASSWORD_RESET.to_owned(), to_json(reset));
        }
        if let Some(version) = &self.reports.server_version {
            data.insert(KEY_SERVER_VERSION.to_owned(), version.clone());
        }
        data
    }

    /// Reads the `data` of the ConfigMap.
    ///
    /// # Errors
    /// A list that is only partly valid is an error as a whole: with half of it, Services would be deleted.
    pub fn decode(data: &BTreeMap<String, String>) -> Result<Self, DecodeError> {
        if data.is_empty() {
            return Err(DecodeError::Empty);
        }
        match data.get(KEY_SCHEMA) {
            Some(schema) if schema == SCHEMA => {}
            other => {
                return Err(DecodeError::Schema(shorten(
                    other.map_or("", String::as_str),
                )));
            }
        }
        let server = data
            .get(KEY_SERVER)
            .ok_or(DecodeError::Missing(KEY_SERVER))?;
        Ok(Self {
            server: from_json(KEY_SERVER, server)?,
            adapters: data
                .get(KEY_ADAPTERS)
                .map(|text| decode_adapters(text))
                .transpose()?,
            reports: Reports {
                access: optional(data, KEY_ACCESS)?.map(Access::limited),
                password_reset: optional(data, KEY_PASSWORD_RESET)?.map(PasswordReset::limited),
                server_version: data.get(KEY_SERVER_VERSION).and_then(|text| version(text)),
            },
        })
    }
}

fn encode_adapters(adapters: &[Adapter]) -> String {
    let mut sorted: Vec<_> = adapters.iter().collect();
    sorted.sort_by(|a, b| a.r#type.cmp(&b.r#type));
    let lines: Vec<_> = sorted.into_iter().map(to_json).collect();
    if lines.is_empty() {
        "[]\n".to_owned()
    } else {
        format!("[\n{}\n]\n", lines.join(",\n"))
    }
}

fn decode_adapters(text: &str) -> Result<Vec<Adapter>, DecodeError> {
    let adapters: Vec<Adapter> = from_json(KEY_ADAPTERS, text)?;
    if adapters.len() > MAX_ADAPTERS {
        return Err(DecodeError::TooManyAdapters(adapters.len()));
    }
    let mut seen = BTreeSet::new();
    match adapters
        .iter()
        .find(|adapter| !seen.insert(&adapter.r#type))
    {
        Some(twice) => Err(DecodeError::Duplicate(shorten(&twice.r#type))),
        None => Ok(adapters),
    }
}

fn optional<T: for<'de> Deserialize<'de>>(
    data: &BTreeMap<String, String>,
    key: &'static str,
) -> Result<Option<T>, DecodeError> {
    data.get(key).map(|text| from_json(key, text)).transpose()
}

fn from_json<T: for<'de> Deserialize<'de>>(
    key: &'static str,
    text: &str,
) -> Result<T, DecodeError> {
    if text.len() > MAX_BYTES {
        let reason = format!(
            "{} bytes, but at most {MAX_BYTES} are supported",
            text.len()
        );
        return Err(DecodeError::Malformed { key, reason });
    }
    serde_json::from_str(text).map_err(|error| DecodeError::Malformed {
        key,
        reason: shorten(&error.to_string()),
    })
}

/// Serializing these types cannot fail: they have no map keys that are not strings, and no custom serializers.
fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// At most 64 characters of untrusted text, without control characters, for a message.
pub fn shorten(text: &str) -> String {
    const MAX_LENGTH: usize = 64;
    let mut short = String::new();
    for c in text.chars().take(MAX_LENGTH) {
        let _ = if c.is_control() {
            write!(short, "\\u{{{:x}}}", u32::from(c))
        } else {
            write!(short, "{c}")
        };
    }
    if text.chars().nth(MAX_LENGTH).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
