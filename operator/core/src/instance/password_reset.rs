//! Pure: whether a reset of the administrator's password is requested, and how far it is.

use dittofs_shared::crd::{DittoServer, SecretKeyReference};
use dittofs_shared::labels;
use dittofs_shared::reports::{PasswordReset, ResetOutcome};
use dittofs_shared::settings::ResetRequest;
use kube::ResourceExt as _;

use crate::digest::medium_digest;
use crate::secrets::SecretProblem;

/// The requested reset of the administrator's password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resets {
    /// Value of the annotation that was handled last.
    pub handled: Option<String>,
    /// The reset that is requested now.
    pub requested: Option<RequestedReset>,
}

/// A reset that is requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedReset {
    /// Value of the annotation.
    pub value: String,
    /// Id of the request, which the sidecar's answer repeats. The value itself may be long.
    pub request: String,
    /// Key with the password.
    pub secret: SecretKeyReference,
    /// How far it is.
    pub progress: ResetProgress,
}

/// How far a reset is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResetProgress {
    /// The Secret holds no password that the server accepts. The sidecar is not asked.
    Unusable(SecretProblem),
    /// The sidecar has not answered yet.
    Waiting,
    /// It failed. The sidecar retries.
    Refused(String),
    /// It is done.
    Done,
}

impl Resets {
    /// What the sidecar is asked to do.
    pub fn for_sidecar(&self) -> Option<ResetRequest> {
        let requested = self.requested.as_ref()?;
        match requested.progress {
            ResetProgress::Unusable(_) | ResetProgress::Done => None,
            ResetProgress::Waiting | ResetProgress::Refused(_) => Some(ResetRequest {
                request: requested.request.clone(),
                secret: requested.secret.name.clone(),
                key: requested.secret.key.clone(),
            }),
        }
    }

    /// Whether the Secret has to change first.
    pub fn waits_for_secret(&self) -> bool {
        let requested = self.requested.as_ref();
        requested.is_some_and(|requested| matches!(requested.progress, ResetProgress::Unusable(_)))
    }

    /// Value of the annotation that counts as handled from now on.
    pub fn handled_now(&self) -> Option<&str> {
        let done = self
            .requested
            .as_ref()
            .filter(|requested| requested.progress == ResetProgress::Done);
        done.map(|requested| requested.value.as_str())
            .or(self.handled.as_deref())
    }
}

/// The value that was handled last. A value that the `DittoServer` was created with requests nothing: a restored or
/// copied manifest resets no password.
pub fn handled(server: &DittoServer) -> Option<&str> {
    match &server.status {
        Some(status) if !status.conditions.is_empty() => {
            status.last_handled_password_reset.as_deref()
        }
        _ => value(server),
    }
}

fn value(server: &DittoServer) -> Option<&str> {
    let value = server.annotations().get(labels::RESET_ADMIN_PASSWORD)?;
    Some(value.as_str()).filter(|value| !value.is_empty())
}

/// Evaluates what is requested. `problem` is what is wrong with the Secret.
pub(super) fn evaluate(
    server: &DittoServer,
    secret: &SecretKeyReference,
    problem: Option<SecretProblem>,
    answer: Option<&PasswordReset>,
) -> Resets {
    let handled = handled(server);
    let requested = value(server).filter(|value| handled != Some(*value));
    let requested = requested.map(|value| {
        let uid = server.uid().unwrap_or_default();
        let request = medium_digest(format!("{uid} {value}").as_bytes());
        let answer = answer.filter(|answer| answer.request == request);
        let progress = match (answer, problem) {
            (Some(answer), _) if answer.outcome == ResetOutcome::Done => ResetProgress::Done,
            (_, Some(problem)) => ResetProgress::Unusable(problem),
            (Some(answer), None) => {
                ResetProgress::Refused(answer.message.clone().unwrap_or_default())
            }
            (None, None) => ResetProgress::Waiting,
        };
        RequestedReset {
            value: value.to_owned(),
            request,
            secret: secret.clone(),
            progress,
        }
    });
    Resets {
        handled: handled.map(str::to_owned),
        requested,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ResetOutcome::{Done, Refused};
    use serde_json::{Value, json};

    const READY: &str = r#"[{"type": "Ready", "status": "True", "reason": "A", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]"#;

    fn server(annotation: Option<&str>, status: &Value) -> DittoServer {
        let annotations = annotation.map(|value| json!({labels::RESET_ADMIN_PASSWORD: value}));
        serde_json::from_value(json!({
            "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
            "metadata": {"name": "files", "uid": "1", "annotations": annotations},
            "spec": {"storage": {"metadataSize": "1Gi"}}, "status": status,
        }))
        .unwrap()
    }

    fn known(handled: Option<&str>) -> Value {
        let conditions: Value = serde_json::from_str(READY).unwrap();
        json!({"conditions": conditions, "lastHandledPasswordReset": handled})
    }

    fn evaluated(server: &DittoServer, problem: bool, answer: Option<&PasswordReset>) -> Resets {
        let problem = problem.then(|| SecretProblem::Unnamed {
            field: "a".to_owned(),
        });
        evaluate(
            server,
            &SecretKeyReference::new("people", "admin"),
            problem,
            answer,
        )
    }

    #[test]
    fn only_a_value_that_comes_after_the_creation_asks_for_a_reset() {
        for (annotation, status, requested, handled) in [
            (None, known(None), false, None),
            (None, known(Some("1")), false, Some("1")),
            (Some("1"), known(None), true, None),
            (Some("1"), known(Some("1")), false, Some("1")),
            (Some("2"), known(Some("1")), true, Some("1")),
            (Some(""), known(None), false, None),
            (Some("1"), Value::Null, false, Some("1")),
            (Some("1"), json!({}), false, Some("1")),
        ] {
            let resets = evaluated(&server(annotation, &status), false, None);
            let found = (resets.requested.is_some(), resets.handled_now());
            assert_eq!(found, (requested, handled), "{annotation:?} {status}");
        }
    }

    #[test]
    fn the_sidecar_is_asked_until_it_answers_this_request() {
        let server = server(Some("1"), &known(None));
        let requested = evaluated(&server, false, None).for_sidecar().unwrap();
        assert_eq!(
            (requested.secret.as_str(), requested.key.as_str()),
            ("people", "admin")
        );
        assert_eq!(requested.request.len(), 16);
        let answer = |request: &str, outcome| PasswordReset {
            request: request.to_owned(),
            outcome,
            message: Some("why".to_owned()),
        };
        for (problem, answer, progress, sent, handled) in [
            (false, None, ResetProgress::Waiting, true, None),
            (
                false,
                Some(answer("other", Done)),
                ResetProgress::Waiting,
                true,
                None,
            ),
            (
                false,
                Some(answer(&requested.request, Done)),
                ResetProgress::Done,
                false,
                Some("1"),
            ),
            (
                true,
                Some(answer(&requested.request, Done)),
                ResetProgress::Done,
                false,
                Some("1"),
            ),
            (
                false,
                Some(answer(&requested.request, Refused)),
                ResetProgress::Refused("why".to_owned()),
                true,
                None,
            ),
            (
                true,
                Some(answer(&requested.request, Refused)),
                ResetProgress::Unusable(SecretProblem::Unnamed {
                    field: "a".to_owned(),
                }),
                false,
                None,
            ),
        ] {
            let resets = evaluated(&server, problem, answer.as_ref());
            assert_eq!(resets.for_sidecar().is_some(), sent, "{answer:?}");
            assert_eq!(resets.handled_now(), handled, "{answer:?}");
            assert_eq!(resets.requested.unwrap().progress, progress, "{answer:?}");
        }
    }
}
