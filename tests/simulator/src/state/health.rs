//! Health of adapters, stores and shares. The server checks at most every five seconds and repeats the last finding in
//! between, even when the adapter has changed: measured, and a trap for whoever reads it.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

/// How long a finding is repeated.
const REPEATED_FOR: Duration = Duration::from_secs(5);

/// What a check finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    NotRunning,
    NotStarted,
    Healthy,
}

/// A finding as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    checked_at: Timestamp,
}

/// The last finding for each thing that is checked: adapters by their types, other things behind a
/// word for what they are.
#[derive(Debug, Default)]
pub(crate) struct HealthMemory(BTreeMap<String, Report>);

impl Report {
    fn new(kind: &str, probe: Probe, checked_at: Timestamp) -> Self {
        let (status, message) = match probe {
            Probe::Healthy => ("healthy", None),
            Probe::NotStarted => {
                let name = kind.to_uppercase();
                (
                    "unknown",
                    Some(format!("{name} adapter has not started yet")),
                )
            }
            Probe::NotRunning => ("unknown", Some(format!("adapter {kind} not running"))),
        };
        Self {
            status,
            message,
            checked_at,
        }
    }

    /// A finding that something works, with or without words, or why that is not known.
    pub(crate) fn of(found: Result<Option<&str>, String>, checked_at: Timestamp) -> Self {
        let (status, message) = match found {
            Ok(message) => ("healthy", message.map(str::to_owned)),
            Err(why) => ("unknown", Some(why)),
        };
        Self {
            status,
            message,
            checked_at,
        }
    }

    /// A finding that something does not work.
    pub(crate) fn unhealthy(why: &str, checked_at: Timestamp) -> Self {
        Self {
            status: "unhealthy",
            message: Some(why.to_owned()),
            checked_at,
        }
    }

    /// The older form of a finding.
    pub(crate) fn legacy(&self) -> Legacy {
        Legacy {
            healthy: self.status == "healthy",
            latency_ms: 0,
            checked_at: self.checked_at,
            details: self.message.clone().unwrap_or_default(),
        }
    }
}

/// A finding in its older form, which some endpoints have as well.
#[derive(Debug, Serialize)]
pub(crate) struct Legacy {
    pub(crate) healthy: bool,
    pub(crate) latency_ms: u64,
    pub(crate) checked_at: Timestamp,
    pub(crate) details: String,
}

impl HealthMemory {
    /// The finding for an adapter: the last one if it is young, else a new one.
    pub(crate) fn report(&mut self, kind: &str, probe: Probe, now: Timestamp) -> Report {
        self.repeated(kind, now, || Report::new(kind, probe, now))
    }

    /// The last finding for something if it is young, else a new one.
    pub(crate) fn repeated(
        &mut self,
        key: &str,
        now: Timestamp,
        find: impl FnOnce() -> Report,
    ) -> Report {
        match self.0.get(key) {
            Some(last) if now.duration_since(last.checked_at).unsigned_abs() < REPEATED_FOR => {
                last.clone()
            }
            _ => {
                let report = find();
                self.0.insert(key.to_owned(), report.clone());
                report
            }
        }
    }

    /// What was found of something that is deleted is not repeated for its successor.
    pub(crate) fn forget(&mut self, key: &str) {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_repeated_for_five_seconds() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut memory = HealthMemory::default();
        for (second, probe, want) in [
            (0, Probe::Healthy, "healthy"),
            (4, Probe::NotRunning, "healthy"),
            (5, Probe::NotStarted, "unknown"),
            (6, Probe::Healthy, "unknown"),
            (10, Probe::Healthy, "healthy"),
        ] {
            assert_eq!(
                memory.report("smb", probe, at(second)).status,
                want,
                "second {second}"
            );
        }
        memory.forget("smb");
        let report = memory.report("smb", Probe::NotStarted, at(11));
        assert_eq!(
            report.message.as_deref(),
            Some("SMB adapter has not started yet")
        );
    }
}
