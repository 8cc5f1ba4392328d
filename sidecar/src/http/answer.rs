//! What an answer says about itself.

use super::Answer;
use crate::outcome::Failure;
use dittofs_shared::published_state::shorten;
use hyper::StatusCode;
use serde::Deserialize;

/// An error of a handler (RFC 7807). What comes before the handlers says plain text.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Answer {
    /// Whether a handler has said it, which lets nobody in whose token is not good.
    pub fn is_problem(&self) -> bool {
        serde_json::from_slice::<Problem>(&self.body).is_ok()
    }

    /// What an error says about itself, or the plain text.
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

    /// An answer that is neither yes nor no.
    pub fn unexpected(&self, what: &str) -> Failure {
        let message = format!(
            "DittoFS answers {what} with {} ({})",
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
