//! Reads a response.

use super::Answer;
use crate::outcome::Failure;
use dittofs_shared::published_state::shorten;
use hyper::StatusCode;
use serde::Deserialize;

/// An error of a handler (RFC 7807). Middleware in front of the handlers answers with plain text.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Answer {
    /// Whether it comes from a handler. Handlers are reached only with a valid token.
    pub fn is_problem(&self) -> bool {
        serde_json::from_slice::<Problem>(&self.body).is_ok()
    }

    /// The detail of an error, or the plain text.
    pub fn detail(&self) -> String {
        let text = match serde_json::from_slice::<Problem>(&self.body) {
            Ok(problem) => problem.detail,
            Err(_) => String::from_utf8_lossy(&self.body).into_owned(),
        };
        match text.trim() {
            "" => "no reason given".to_owned(),
            text => shorten(text),
        }
    }

    /// The failure for a response that neither grants nor denies the request.
    pub fn unexpected(&self, what: &str) -> Failure {
        let message = format!(
            "DittoFS answered {what} with status {} ({})",
            self.status.as_u16(),
            self.detail()
        );
        if self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS {
            Failure::unreachable(message)
        } else {
            Failure::invalid(message)
        }
    }
}
