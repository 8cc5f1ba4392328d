//! How requests are passed on and answered.

use futures::stream::{BoxStream, unfold};
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use kube::Client;
use kube::client::Body;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::watch::Receiver;

use super::events::Events;
use super::plan::Fault;
use super::{Rule, Shared};

type Pieces = StreamBody<BoxStream<'static, kube::Result<Frame<Bytes>>>>;
pub(super) type Answer = Response<Pieces>;

/// The connection is cut.
#[derive(Debug, thiserror::Error)]
#[error("cut by the proxy")]
pub(super) struct Cut;

/// A request on its way. It ends when this is dropped.
struct Unanswered<'a>(&'a Shared);

impl<'a> Unanswered<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.unanswered.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.unanswered.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Passes a request on that changes something, or does to it what the plan says.
pub(super) async fn change(parts: Parts, body: Bytes, shared: &Shared) -> Result<Answer, Cut> {
    let target = parts.uri.to_string();
    let _unanswered = Unanswered::begin(shared);
    let fault = shared.script().write(parts.method.as_str(), &target, &body);
    match fault {
        Some(Fault::KillBefore) => {
            shared.script().kill();
            return Err(Cut);
        }
        Some(Fault::Cut) => return Err(Cut),
        Some(Fault::Refuse(code)) => return Ok(refusal(code)),
        Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::KillAfter | Fault::Conceal(_) | Fault::CutAfter) | None => {}
    }
    let answer = match pass(parts, body, &shared.client).await {
        Ok(answer) => answer,
        Err(error) => return Ok(plain(StatusCode::BAD_GATEWAY, &error)),
    };
    match fault {
        Some(Fault::KillAfter) => {
            shared.script().kill();
            Err(Cut)
        }
        Some(Fault::CutAfter) => Err(Cut),
        Some(Fault::Conceal(code)) => Ok(refusal(code)),
        _ => Ok(answer.map(|body| pieces(body, shared.rule.subscribe(), target))),
    }
}

pub(super) async fn pass(
    mut parts: Parts,
    body: Bytes,
    client: &Client,
) -> Result<Response<Body>, String> {
    for header in [HOST, CONNECTION, TRANSFER_ENCODING] {
        parts.headers.remove(header);
    }
    let request = Request::from_parts(parts, Body::from(body.to_vec()));
    let answer = client.send(request).await;
    let mut answer = answer.map_err(|error| error.to_string())?;
    for header in [CONNECTION, TRANSFER_ENCODING] {
        answer.headers_mut().remove(header);
    }
    Ok(answer)
}

/// Passes an answer on, piece by piece, as long as it is not held.
pub(super) fn pieces(body: Body, rule: Receiver<Rule>, target: String) -> Pieces {
    let pieces = unfold((body, rule), move |(mut body, mut rule)| {
        let target = target.clone();
        async move {
            let piece = body.frame().await;
            let _ = rule.wait_for(|rule| !rule.holds(&target)).await;
            Some((piece?, (body, rule)))
        }
    });
    StreamBody::new(Box::pin(pieces))
}

/// Passes a watch on, event by event, with the faults of the plan, as long as it is not held.
pub(super) fn watched(
    body: Body,
    rule: Receiver<Rule>,
    target: String,
    shared: Arc<Shared>,
) -> Pieces {
    let events = Events::of(body);
    let pieces = unfold((events, rule), move |(mut events, mut rule)| {
        let (target, shared) = (target.clone(), Arc::clone(&shared));
        async move {
            let piece = events.next(|| shared.script().event()).await;
            let _ = rule.wait_for(|rule| !rule.holds(&target)).await;
            Some((Ok(Frame::data(piece?)), (events, rule)))
        }
    });
    StreamBody::new(Box::pin(pieces))
}

/// As the API server refuses: clients read it.
fn refusal(code: StatusCode) -> Answer {
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "refused by the proxy", "reason": code.canonical_reason(), "code": code.as_u16(),
    });
    whole(code, Bytes::from(status.to_string()))
}

pub(super) fn plain(code: StatusCode, text: &str) -> Answer {
    whole(code, Bytes::from(text.to_owned()))
}

pub(super) fn whole(code: StatusCode, bytes: Bytes) -> Answer {
    let pieces = futures::stream::once(async { Ok(Frame::data(bytes)) });
    let mut answer = Response::new(StreamBody::new(Box::pin(pieces) as BoxStream<'static, _>));
    *answer.status_mut() = code;
    answer
}
