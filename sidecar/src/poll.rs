//! One look at the server's adapters.

use crate::http::Answer;
use crate::listening::Listening;
use crate::outcome::{Failure, Outcome, Seen};
use crate::ports;
use crate::session::Session;
use hyper::StatusCode;
use std::time::Duration;

/// Cheap for the server: no health checks, no configuration.
const PATH: &str = "/api/v1/adapters/ports";

/// Looks at the adapters.
#[derive(Debug)]
pub struct Poller {
    session: Session,
    listening: Listening,
}

impl Poller {
    /// Looks through a session, and at the kernel's tables.
    pub fn new(session: Session, listening: Listening) -> Self {
        Self { session, listening }
    }

    /// One look; `now` is the steady clock.
    pub async fn poll(&mut self, now: Duration) -> Outcome {
        match self.list(now).await {
            Ok(adapters) => Outcome::Seen(self.listening.correct(adapters)),
            Err(failure) => Outcome::Failed(failure),
        }
    }

    async fn list(&mut self, now: Duration) -> Result<Vec<Seen>, Failure> {
        let answer = self.session.get(PATH, now).await?;
        judge(&answer)
    }
}

fn judge(answer: &Answer) -> Result<Vec<Seen>, Failure> {
    let status = answer.status.as_u16();
    match answer.status {
        StatusCode::OK => ports::parse(&answer.body),
        error if error.is_server_error() || error == StatusCode::TOO_MANY_REQUESTS => Err(
            Failure::unreachable(format!("DittoFS answers {PATH} with {status}")),
        ),
        _ => Err(Failure::invalid(format!(
            "DittoFS answers {PATH} with {status}: is that a DittoFS server of a version that has it?"
        ))),
    }
}
