//! Misbehaviour on demand: which requests are answered wrongly, how, and how often.
//!
//! The first rule that matches a request and is not used up applies. Everything under `/simulator`
//! is exempt, so faults can always be lifted.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The rules, as `PUT /simulator/faults` and the environment give them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Tried from first to last.
    pub rules: Vec<FaultRule>,
    /// How much longer the start takes, in milliseconds, as if there was much to replay: until then
    /// neither an adapter nor the API listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_delay_ms: Option<u64>,
}

/// Which requests misbehave, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Requests whose path begins like this.
    pub path: String,
    /// Only this method; all methods if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// How often it still happens; always if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// What happens.
    pub fault: Fault,
}

/// One kind of misbehaviour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Fault {
    /// Answer with this instead.
    Status {
        /// The HTTP status.
        code: u16,
        /// The body.
        #[serde(default)]
        body: String,
        /// Its type; none is sent if absent.
        #[serde(default)]
        content_type: Option<String>,
    },
    /// Take the request and never answer.
    Hang,
    /// Answer truthfully, but late.
    Delay {
        /// How late, in milliseconds.
        ms: u64,
    },
    /// Drop the connection without an answer.
    Close,
    /// Answer truthfully, and drop the connection after half of the body.
    Half,
    /// Do what is asked and drop the connection without an answer, as the server does when it takes
    /// longer than its `controlplane.write_timeout`.
    #[serde(rename = "done_unanswered")]
    DoneUnanswered {
        /// How long the connection stays open after that, in milliseconds.
        #[serde(default)]
        ms: u64,
    },
    /// Answer 200 with something that is no JSON.
    Garbage,
    /// Answer 200 with nothing.
    Empty,
    /// To a reader of the adapter list (`/adapters` or `/adapters/ports`) who would have got it:
    /// give this list instead. Nothing in it is checked.
    List {
        /// The list, as it is sent.
        adapters: Vec<Value>,
    },
}

impl Faults {
    /// How much longer the start takes.
    pub(crate) fn start_delay(&self) -> Duration {
        Duration::from_millis(self.start_delay_ms.unwrap_or_default())
    }

    /// What happens to a request; this uses up one of the rule's count.
    pub(crate) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        if path.starts_with("/simulator") {
            return None;
        }
        let rule = self
            .rules
            .iter_mut()
            .find(|rule| rule.matches(method, path))?;
        rule.count = rule.count.map(|left| left - 1);
        Some(rule.fault.clone())
    }
}

impl FaultRule {
    fn matches(&self, method: &str, path: &str) -> bool {
        let lists =
            method == "GET" && matches!(path, "/api/v1/adapters" | "/api/v1/adapters/ports");
        path.starts_with(&self.path)
            && self.method.as_deref().is_none_or(|only| only == method)
            && self.count != Some(0)
            && (lists || !matches!(self.fault, Fault::List { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Faults {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn counts_run_out_and_the_next_rule_applies() {
        let mut faults = faults(
            r#"{"rules": [
                {"path": "/api", "count": 2, "fault": {"kind": "hang"}},
                {"path": "/api/v1/auth", "method": "POST", "fault": {"kind": "status", "code": 503}}
            ]}"#,
        );
        assert_eq!(faults.take("GET", "/health"), None);
        assert_eq!(faults.take("GET", "/simulator/faults"), None);
        assert_eq!(faults.take("GET", "/api/v1/adapters"), Some(Fault::Hang));
        assert_eq!(faults.take("POST", "/api/v1/auth/login"), Some(Fault::Hang));
        assert_eq!(faults.take("GET", "/api/v1/auth/me"), None);
        let status = Fault::Status {
            code: 503,
            body: String::new(),
            content_type: None,
        };
        assert_eq!(faults.take("POST", "/api/v1/auth/login"), Some(status));
    }

    #[test]
    fn lists_are_for_readers_of_lists() {
        let rule = r#"{"rules": [{"path": "/api", "count": 1,
            "fault": {"kind": "list", "adapters": [{"type": "nfs"}, 7]}}]}"#;
        let mut faults = faults(rule);
        assert_eq!(faults.take("PUT", "/api/v1/adapters/nfs"), None);
        assert_eq!(faults.take("POST", "/api/v1/adapters"), None);
        let got = faults.take("GET", "/api/v1/adapters/ports");
        assert!(matches!(got, Some(Fault::List { adapters }) if adapters.len() == 2));
        assert_eq!(faults.take("GET", "/api/v1/adapters/ports"), None);
    }

    #[test]
    fn typos_are_refused() {
        for text in [
            r#"{"rule": []}"#,
            r#"{"rules": [{"path": "/", "fault": {"kind": "explode"}}]}"#,
            r#"{"rules": [{"path": "/", "cuont": 1, "fault": {"kind": "hang"}}]}"#,
            r#"{"rules": [{"path": "/", "fault": {"kind": "delay"}}]}"#,
            r#"{"rules": [{"path": "/", "fault": {"kind": "doneunanswered"}}]}"#,
        ] {
            assert!(serde_json::from_str::<Faults>(text).is_err(), "{text}");
        }
    }
}
