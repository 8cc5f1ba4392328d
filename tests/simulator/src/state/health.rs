//! Health of adapters. The server checks at most every five seconds and repeats the last finding in
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

/// The last finding for each adapter type.
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
}

impl HealthMemory {
    /// The finding for an adapter: the last one if it is young, else a new one.
    pub(crate) fn report(&mut self, kind: &str, probe: Probe, now: Timestamp) -> Report {
        match self.0.get(kind) {
            Some(last) if now.duration_since(last.checked_at).unsigned_abs() < REPEATED_FOR => {
                last.clone()
            }
            _ => {
                let report = Report::new(kind, probe, now);
                self.0.insert(kind.to_owned(), report.clone());
                report
            }
        }
    }

    /// A deleted adapter's finding is not repeated for its successor.
    pub(crate) fn forget(&mut self, kind: &str) {
        self.0.remove(kind);
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
