//! Stands between a program and the API server, and swallows what it is told to: as a network that loses packets without a
//! word, for one kind alone.
//!
//! The program speaks HTTP to it, with its own token. What is not swallowed is passed on as it is, watches included.

use crate::cluster::access::Caller;
use crate::cluster::{Cluster, Error};
use futures::stream::{BoxStream, unfold};
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch::{Receiver, Sender};
use tokio::task::JoinHandle;

/// What becomes of requests whose path and query contain a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// All are passed on.
    Pass,
    /// Nothing of those with one of these is answered, and what is being answered goes no further.
    Swallow(Vec<String>),
    /// The next one that changes something is refused with a code.
    RefuseOnce(String, StatusCode),
}

type Pieces = StreamBody<BoxStream<'static, kube::Result<Frame<Bytes>>>>;
type Answer = Response<Pieces>;

/// A proxy. It ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    rule: Sender<Rule>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts it. To be called in the network of the cluster.
    ///
    /// # Errors
    /// There is no client for the API server, or no port.
    pub async fn start(cluster: &Cluster) -> Result<Self, Error> {
        let mut config = cluster.client_config(&Caller::admin())?;
        // Whoever asks says who it is.
        config.auth_info = kube::config::AuthInfo::default();
        let client = Client::try_from(config).map_err(crate::cluster::access::Error::from)?;
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(Error::NoPort)?;
        let address = listener.local_addr().map_err(Error::NoPort)?;
        let rule = Sender::new(Rule::Pass);
        let task = tokio::spawn(serve(listener, client, rule.clone()));
        Ok(Self {
            address,
            rule,
            task,
        })
    }

    /// Its address, in place of that of the API server.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on.
    pub fn rule(&self, rule: Rule) {
        self.rule.send_replace(rule);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, client: Client, rule: Sender<Rule>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, client.clone(), rule.clone()));
    }
}

async fn converse(stream: TcpStream, client: Client, rule: Sender<Rule>) {
    let service = service_fn(move |request| answer(request, client.clone(), rule.clone()));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // Who hangs up has got what it wanted.
    let _ = connection.await;
}

fn swallows(rule: &Rule, target: &str) -> bool {
    matches!(rule, Rule::Swallow(parts) if parts.iter().any(|part| target.contains(part)))
}

async fn answer(
    request: Request<Incoming>,
    client: Client,
    rule: Sender<Rule>,
) -> Result<Answer, Infallible> {
    let target = request.uri().to_string();
    let now = rule.borrow().clone();
    if let Rule::RefuseOnce(part, code) = now
        && target.contains(&part)
        && request.method() != http::Method::GET
    {
        rule.send_replace(Rule::Pass);
        return Ok(plain(code, "refused by the proxy"));
    }
    let mut rule = rule.subscribe();
    // The proxy ends with its test.
    let _ = rule.wait_for(|rule| !swallows(rule, &target)).await;
    match pass(request, &client).await {
        Ok(answer) => Ok(answer.map(|body| pieces(body, rule, target))),
        Err(error) => Ok(plain(StatusCode::BAD_GATEWAY, &error)),
    }
}

async fn pass(request: Request<Incoming>, client: &Client) -> Result<Response<Body>, String> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?;
    for header in [HOST, CONNECTION, TRANSFER_ENCODING] {
        parts.headers.remove(header);
    }
    let request = Request::from_parts(parts, Body::from(body.to_bytes().to_vec()));
    let answer = client.send(request).await;
    let mut answer = answer.map_err(|error| error.to_string())?;
    for header in [CONNECTION, TRANSFER_ENCODING] {
        answer.headers_mut().remove(header);
    }
    Ok(answer)
}

/// Passes an answer on, piece by piece, as long as it is not swallowed.
fn pieces(body: Body, rule: Receiver<Rule>, target: String) -> Pieces {
    let pieces = unfold((body, rule), move |(mut body, mut rule)| {
        let target = target.clone();
        async move {
            let piece = body.frame().await;
            let _ = rule.wait_for(|rule| !swallows(rule, &target)).await;
            Some((piece?, (body, rule)))
        }
    });
    StreamBody::new(Box::pin(pieces))
}

fn plain(code: StatusCode, text: &str) -> Answer {
    let piece = Frame::data(Bytes::from(text.to_owned()));
    let pieces = futures::stream::once(async { Ok(piece) });
    let mut answer = Response::new(StreamBody::new(Box::pin(pieces) as BoxStream<'static, _>));
    *answer.status_mut() = code;
    answer
}
