//! One entry of the audit log.

use jiff::Timestamp;
use serde::Deserialize;

/// How far a request had come when the entry was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Stage {
    /// A long-running request, such as a watch, has begun to be answered.
    ResponseStarted,
    /// The request is over.
    ResponseComplete,
    /// The API server panicked.
    Panic,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The request; entries of the same request share it.
    pub audit_id: String,
    /// How far the request had come.
    pub stage: Stage,
    /// Who asked: the impersonated user if there is one.
    pub user: String,
    /// What the client called itself; empty if it did not.
    pub user_agent: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`…
    pub verb: String,
    /// The plural of the kind; empty for requests about no object, such as `/readyz`.
    pub resource: String,
    /// `status`, `token`…; mostly empty.
    pub subresource: String,
    /// Empty for objects without a namespace.
    pub namespace: String,
    /// Empty for requests about many objects.
    pub name: String,
    /// The URL's path and query.
    pub uri: String,
    /// The HTTP status.
    pub code: u16,
    /// When the API server got the request.
    pub request_received: Timestamp,
    /// When it came to this stage.
    pub stage_timestamp: Timestamp,
}

impl Entry {
    /// Whether the request asked for a change.
    pub fn is_write(&self) -> bool {
        matches!(
            self.verb.as_str(),
            "create" | "update" | "patch" | "delete" | "deletecollection"
        )
    }

    /// Whether the entry counts as a request of its own: long ones count when they begin, so that the
    /// end of a watch that began long ago is not mistaken for news.
    pub fn is_request(&self) -> bool {
        match self.stage {
            Stage::ResponseStarted | Stage::Panic => true,
            Stage::ResponseComplete => self.verb != "watch" || self.code >= 400,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEvent {
    #[serde(rename = "auditID")]
    audit_id: String,
    stage: Stage,
    #[serde(rename = "requestURI")]
    uri: String,
    verb: String,
    user: RawUser,
    impersonated_user: Option<RawUser>,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: RawObject,
    #[serde(default)]
    response_status: RawStatus,
    request_received_timestamp: Timestamp,
    stage_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct RawUser {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawObject {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawStatus {
    code: u16,
}

pub(crate) fn parse(line: &str) -> Result<Entry, serde_json::Error> {
    let raw: RawEvent = serde_json::from_str(line)?;
    Ok(Entry {
        audit_id: raw.audit_id,
        stage: raw.stage,
        user: raw.impersonated_user.unwrap_or(raw.user).username,
        user_agent: raw.user_agent,
        verb: raw.verb,
        resource: raw.object_ref.resource,
        subresource: raw.object_ref.subresource,
        namespace: raw.object_ref.namespace,
        name: raw.object_ref.name,
        uri: raw.uri,
        code: raw.response_status.code,
        request_received: raw.request_received_timestamp,
        stage_timestamp: raw.stage_timestamp,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn line(stage: &str, verb: &str, code: u16) -> String {
        serde_json::json!({
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "Metadata",
            "auditID": "a-1",
            "stage": stage,
            "requestURI": "/api/v1/namespaces/n/configmaps/c/status?x=1",
            "verb": verb,
            "user": {"username": "rig-admin", "groups": ["system:masters"]},
            "impersonatedUser": {"username": "system:serviceaccount:n:sidecar"},
            "sourceIPs": ["127.0.0.1"],
            "userAgent": "dittofs-sidecar/0.1",
            "objectRef": {"resource": "configmaps", "namespace": "n", "name": "c",
                          "subresource": "status", "apiVersion": "v1"},
            "responseStatus": {"metadata": {}, "code": code},
            "requestReceivedTimestamp": "2026-01-02T03:04:05.000006Z",
            "stageTimestamp": "2026-01-02T03:04:05.000106Z",
        })
        .to_string()
    }

    #[test]
    fn reads_who_what_and_when() {
        let entry = parse(&line("ResponseComplete", "patch", 200)).unwrap();
        assert_eq!(entry.user, "system:serviceaccount:n:sidecar");
        assert_eq!(entry.user_agent, "dittofs-sidecar/0.1");
        assert_eq!(
            [
                &entry.resource,
                &entry.subresource,
                &entry.namespace,
                &entry.name
            ],
            ["configmaps", "status", "n", "c"]
        );
        assert_eq!(entry.code, 200);
        let took = entry.stage_timestamp.duration_since(entry.request_received);
        assert_eq!(took.as_micros(), 100);
        assert!(entry.is_write() && entry.is_request());
    }

    #[test]
    fn requests_about_nothing_have_empty_fields() {
        let entry = parse(
            r#"{"auditID":"b","stage":"ResponseComplete","requestURI":"/readyz","verb":"get",
                "user":{"username":"u"},"requestReceivedTimestamp":"2026-01-02T03:04:05Z",
                "stageTimestamp":"2026-01-02T03:04:05Z"}"#,
        )
        .unwrap();
        assert_eq!((entry.resource.as_str(), entry.code), ("", 0));
        assert!(!entry.is_write());
    }

    #[test]
    fn a_watch_counts_when_it_begins_or_is_refused() {
        let is_request = |stage, code| parse(&line(stage, "watch", code)).unwrap().is_request();
        assert!(is_request("ResponseStarted", 200));
        assert!(!is_request("ResponseComplete", 200));
        assert!(is_request("ResponseComplete", 403));
    }
}
