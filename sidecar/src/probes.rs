//! Liveness and readiness.
//!
//! * `/livez`: whether the poll loop is running. It depends on nothing else: not on DittoFS, not on the API server.
//! * `/readyz`: whether the last poll succeeded. Current pod templates do not probe it; pods that were created from an
//!   earlier one do, and may get a later sidecar with the next restart of that container.

use crate::clock::Clock;
use crate::outcome::Outcome;
use dittofs_runtime::backoff::{self, Backoff};
use dittofs_runtime::probe_server::{self, Answer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A poll may take this long: it can be several calls. Between polls the loop reads the ports every two seconds or more
/// often, so it is never silent for long.
const PATIENCE: Duration = Duration::from_mins(1);

/// When the poll loop last did something, and how the last poll ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// On the steady clock.
    at: Duration,
    /// Why the last poll failed, if it did.
    trouble: Option<String>,
}

impl Default for Heartbeat {
    /// Before the first round.
    fn default() -> Self {
        Self {
            at: Duration::ZERO,
            trouble: Some("DittoFS has not been polled yet".to_owned()),
        }
    }
}

impl Heartbeat {
    /// After a poll.
    pub fn after(outcome: &Outcome, at: Duration) -> Self {
        let trouble = match outcome {
            Outcome::Seen(_) => None,
            Outcome::Failed(failure) => Some(failure.to_string()),
        };
        Self { at, trouble }
    }

    /// After a look at the ports.
    pub fn beat(&mut self, at: Duration) {
        self.at = at;
    }

    /// Whether the poll loop is running; why not, if it is not.
    pub fn alive(&self, now: Duration) -> Result<(), String> {
        let silent = now.saturating_sub(self.at);
        if silent <= PATIENCE {
            return Ok(());
        }
        Err(format!(
            "the poll loop has done nothing for {} s",
            silent.as_secs()
        ))
    }

    /// Whether the last poll succeeded; why not, if it failed.
    pub fn ready(&self) -> Result<(), String> {
        self.trouble.clone().map_or(Ok(()), Err)
    }
}

/// Serves probes without end.
pub async fn serve(
    listen: SocketAddr,
    heartbeat: watch::Receiver<Heartbeat>,
    clock: impl Clock,
) -> Infallible {
    let listener = bind(listen).await;
    let answers = move |path: &str| answer(path, &heartbeat.borrow(), clock().steady);
    probe_server::serve(listener, answers).await
}

async fn bind(listen: SocketAddr) -> TcpListener {
    let mut backoff = Backoff::new(Duration::from_secs(1));
    loop {
        match dittofs_runtime::listen::listen(listen).await {
            Ok(listener) => return listener,
            Err(error) => {
                tracing::warn!(%listen, %error, "cannot listen for probes; retrying");
            }
        }
        tokio::time::sleep(backoff.next().unwrap_or(backoff::MAX_DELAY)).await;
    }
}

fn answer(path: &str, heartbeat: &Heartbeat, now: Duration) -> Answer {
    let check = match path {
        "/livez" => heartbeat.alive(now),
        "/readyz" => heartbeat.ready(),
        _ => return Answer::not_found("only /livez and /readyz are served"),
    };
    match check {
        Ok(()) => Answer::ok(),
        Err(why) => Answer::unavailable(&why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::http::Http;
    use crate::outcome::Failure;
    use hyper::StatusCode;
    use hyper::header::HeaderValue;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_loop_that_neither_polls_nor_looks_is_stuck_after_a_minute() {
        let mut heartbeat = Heartbeat::after(&Outcome::Seen(vec![]), SECOND * 100);
        assert_eq!(heartbeat.alive(SECOND * 160), Ok(()));
        assert!(heartbeat.alive(SECOND * 161).is_err());
        heartbeat.beat(SECOND * 160);
        assert_eq!(heartbeat.alive(SECOND * 220), Ok(()));
        assert!(heartbeat.alive(SECOND * 221).is_err());
    }

    #[test]
    fn a_look_at_the_ports_does_not_make_ready() {
        let bad = Outcome::Failed(Failure::unreachable("nothing listens"));
        let mut heartbeat = Heartbeat::after(&bad, SECOND);
        heartbeat.beat(SECOND * 2);
        assert_eq!(heartbeat.ready(), Err("nothing listens".to_owned()));
    }

    #[test]
    fn each_path_has_its_answer() {
        let bad = Outcome::Failed(Failure::unreachable("nothing listens"));
        let heartbeat = Heartbeat::after(&bad, Duration::ZERO);
        let status = |path| answer(path, &heartbeat, SECOND).status.as_u16();
        assert_eq!(status("/livez"), 200);
        assert_eq!(status("/readyz"), 503);
        assert_eq!(status("/metrics"), 404);
        assert_eq!(
            answer("/readyz", &heartbeat, SECOND).body,
            "nothing listens\n"
        );
    }

    #[tokio::test]
    async fn probes_are_answered_over_tcp() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let (sender, heartbeat) = watch::channel(Heartbeat::default());
        let server = tokio::spawn(serve(address, heartbeat, clock::system()));
        let http = Http::new(&format!("http://{address}").parse().unwrap());
        let token = HeaderValue::from_static("none");
        let first = loop {
            match http.get("/readyz", &token).await {
                Ok(answer) => break answer,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        assert_eq!(first.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(&first.body[..], b"DittoFS has not been polled yet\n");
        sender.send_replace(Heartbeat::after(&Outcome::Seen(vec![]), SECOND));
        assert_eq!(
            http.get("/readyz", &token).await.unwrap().status,
            StatusCode::OK
        );
        assert_eq!(
            http.get("/livez", &token).await.unwrap().status,
            StatusCode::OK
        );
        server.abort();
    }
}
