//! Reads the adapters of a DittoFS server, and is the loop that does so: it folds what it reads into the state, logs what
//! changed, and hands over what should be published.

mod poll_loop;

pub use poll_loop::{Channels, PollLoop};

use crate::clock::Now;
use crate::http::Answer;
use crate::listening::{Listening, Ports};
use crate::outcome::{Failure, Outcome, Seen};
use crate::ports;
use crate::session::Session;
use dittofs_shared::reports::Access;
use hyper::StatusCode;

/// Cheap for the server: it runs no health checks and reads no configuration for it.
const PATH: &str = "/api/v1/adapters/ports";

/// Reads the adapters of a DittoFS server.
#[derive(Debug)]
pub struct Poller {
    session: Session,
    listening: Listening,
}

impl Poller {
    /// A poller that uses a session of the REST API, and what the kernel knows of sockets.
    pub fn new(session: Session, listening: Listening) -> Self {
        Self { session, listening }
    }

    /// The port of the REST API.
    pub fn api_port(&self) -> u16 {
        self.session.port()
    }

    /// Polls once. `running` is what the server says.
    pub async fn poll(&mut self, now: Now) -> Outcome {
        match self.list(now).await {
            Ok(adapters) => Outcome::Seen(adapters),
            Err(failure) => Outcome::Failed(failure),
        }
    }

    /// The ports that are listened on now. `None` when that cannot be known.
    pub fn ports(&mut self) -> Option<Ports> {
        self.listening.ports()
    }

    /// Whether a look at the ports is costly.
    pub fn is_look_costly(&self) -> bool {
        self.listening.is_costly()
    }

    /// What is wrong with the sidecar's access to the REST API, if anything is.
    pub fn access(&self) -> Option<Access> {
        self.session.access()
    }

    /// Whether that access is being repaired, or is to be. Only polls take this further.
    pub fn is_access_in_motion(&self) -> bool {
        self.session.is_in_motion()
    }

    async fn list(&mut self, now: Now) -> Result<Vec<Seen>, Failure> {
        let answer = self.session.get(PATH, now).await?;
        evaluate(&answer)
    }
}

fn evaluate(answer: &Answer) -> Result<Vec<Seen>, Failure> {
    let status = answer.status.as_u16();
    match answer.status {
        StatusCode::OK => ports::parse(&answer.body),
        error if error.is_server_error() || error == StatusCode::TOO_MANY_REQUESTS => Err(
            Failure::unreachable(format!("DittoFS answered {PATH} with status {status}")),
        ),
        _ => Err(Failure::invalid(format!(
            "DittoFS answered {PATH} with status {status}; check that the server is DittoFS in a supported version"
        ))),
    }
}
