//! Answers, in the shapes that the real server was seen to use.

use serde::Serialize;
use serde_json::json;

use crate::refusal::Refusal;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
    /// When a stored change comes into force, where the server says so.
    pub(crate) apply: Option<String>,
}

impl Answer {
    /// A value as JSON.
    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        Self::of_type(
            status,
            "application/json",
            serde_json::to_vec(value).unwrap_or_default(),
        )
    }

    /// A line of text: what everything before the handlers answers with.
    pub(crate) fn text(status: u16, line: &str) -> Self {
        Self::of_type(
            status,
            "text/plain; charset=utf-8",
            format!("{line}\n").into_bytes(),
        )
    }

    /// A status and nothing else.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            body: Vec::new(),
            apply: None,
        }
    }

    /// There is no such path.
    pub(crate) fn no_such_path() -> Self {
        Self::text(404, "404 page not found")
    }

    /// There is such a path, but not for this method.
    pub(crate) fn no_such_method() -> Self {
        Self::empty(405)
    }

    fn of_type(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type: Some(content_type.to_owned()),
            body,
            apply: None,
        }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let status = refusal.status();
        let problem = json!({
            "type": "about:blank",
            "title": title(status),
            "status": status,
            "detail": refusal.to_string(),
        });
        Self {
            content_type: Some("application/problem+json".to_owned()),
            ..Self::json(status, &problem)
        }
    }
}

fn title(status: u16) -> &'static str {
    if status == 413 {
        // The name that this status had in an older standard.
        return "Request Entity Too Large";
    }
    hyper::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default()
}
