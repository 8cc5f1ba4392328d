//! The API over HTTP, with faults on the way.

use std::{sync::Arc, time::Duration};

use http_body_util::{BodyExt, Limited};
use hyper::{Request, Response, StatusCode, body::Incoming, header};
use tokio::{net::TcpListener, time::sleep};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info};

use crate::{
    api::{self, Answer, Call},
    control::{Control, Shared},
    faults::Fault,
    refusal::Refusal,
    sent::Sent,
    stop::Stopped,
    transport::{Dropped, Entrance, Responded},
};

/// Says whether a change is in force.
pub(crate) const APPLY_HEADER: &str = "x-dittofs-apply";
const LONGEST_BODY: usize = 1 << 20;
/// What the server gives requests in flight when it stops, whatever its `shutdown_timeout` is.
const LONGEST_DRAIN: Duration = Duration::from_secs(5);
/// A guard against tests that ask for ever new paths.
const MOST_COUNTED_PATHS: usize = 10_000;

/// Serves the API until it is told to stop, then waits for requests in flight.
pub(crate) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, control: Shared) {
    let entrance = Entrance {
        listener,
        tls,
        stopping: control.stopping.clone(),
        drain_limit: LONGEST_DRAIN,
    };
    entrance
        .serve(move |request| respond(Arc::clone(&control), request))
        .await;
}

async fn respond(control: Shared, request: Request<Incoming>) -> Responded {
    let (method, path) = (request.method().as_str(), request.uri().path());
    count(&control, method, path);
    let fault = control.faults().take(method, path);
    if let Some(fault) = &fault {
        info!(method, path, ?fault, "misbehaving on demand");
    }
    misbehave(fault, &control.stopping, || truth(&control, request)).await
}

/// Answers as a fault demands. The truth is asked for only where it is needed.
pub(crate) async fn misbehave<T: Future<Output = Answer>>(
    fault: Option<Fault>,
    stopping: &Stopped,
    truth: impl FnOnce() -> T,
) -> Responded {
    let answer = match fault {
        None => truth().await,
        Some(Fault::Delay { ms }) => {
            sleep(Duration::from_millis(ms)).await;
            truth().await
        }
        Some(Fault::List { adapters }) => match truth().await {
            Answer { status: 200, .. } => Answer::json(200, &adapters),
            refused => refused,
        },
        Some(Fault::Status {
            code,
            body,
            content_type,
        }) => Answer {
            content_type,
            body: body.into_bytes(),
            ..Answer::empty(code)
        },
        Some(Fault::Garbage) => Answer {
            body: b"<html>this is no JSON".to_vec(),
            ..Answer::json(200, &())
        },
        Some(Fault::Empty) => Answer::empty(200),
        Some(Fault::Close) => return Err(Dropped),
        Some(Fault::DoneUnanswered { ms }) => {
            truth().await;
            sleep(Duration::from_millis(ms)).await;
            return Err(Dropped);
        }
        Some(Fault::Half) => return Ok(encode(truth().await).map(Sent::cut)),
        Some(Fault::Hang) => {
            stopping.clone().requested().await;
            return Err(Dropped);
        }
    };
    Ok(encode(answer))
}

async fn truth(control: &Shared, request: Request<Incoming>) -> Answer {
    match read(request).await {
        Ok(call) => {
            let answer = api::answer(control, &call).await;
            debug!(
                method = call.method,
                path = call.path,
                status = answer.status,
                "answered"
            );
            answer
        }
        Err(refused) => refused,
    }
}

fn count(control: &Control, method: &str, path: &str) {
    if path.starts_with("/simulator") {
        return;
    }
    let mut requests = control.requests();
    let key = format!("{method} {path}");
    if requests.len() < MOST_COUNTED_PATHS || requests.contains_key(&key) {
        *requests.entry(key).or_default() += 1;
    }
}

pub(crate) async fn read(request: Request<Incoming>) -> Result<Call, Answer> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await;
    let body = body.map_err(|_| Answer::from(Refusal::BodyTooLarge))?;
    let authorization = head.headers.get(header::AUTHORIZATION);
    Ok(Call {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        authorization: authorization
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        body: body.to_bytes().to_vec(),
    })
}

fn encode(answer: Answer) -> Response<Sent> {
    let mut response = Response::new(Sent::whole(answer.body));
    // A fault may ask for a status that HTTP has not.
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(value) = answer.content_type.and_then(|text| text.parse().ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    if let Some(value) = answer.apply.and_then(|text| text.parse().ok()) {
        response.headers_mut().insert(APPLY_HEADER, value);
    }
    response
}
