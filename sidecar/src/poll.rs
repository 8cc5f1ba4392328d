//! One look at the server's adapters.

use crate::clock::Now;
use crate::http::Answer;
use crate::listening::Listening;
use crate::outcome::{Failure, Outcome, Seen};
use crate::ports;
use crate::session::Session;
use dittofs_shared::reports::Access;
use hyper::StatusCode;

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

    /// One look.
    pub async fn poll(&mut self, now: Now) -> Outcome {
        match self.list(now).await {
            Ok(adapters) => Outcome::Seen(self.listening.correct(adapters)),
            Err(failure) => Outcome::Failed(failure),
        }
    }

    /// What is wrong with the way in, if anything is.
    pub fn access(&self) -> Option<Access> {
        self.session.access()
    }

    async fn list(&mut self, now: Now) -> Result<Vec<Seen>, Failure> {
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
