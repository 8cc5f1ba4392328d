//! Stands between a program and the API server, and does to its requests and watches what it is told to: as a network that loses
//! packets without a word, an API server that refuses or is behind, and the end of the program at any moment.
//!
//! The program speaks HTTP to it, with its own token. What meets no fault is passed on as it is, watches included. Every request
//! that changes something is written down, with its body, which the audit log does not have.

mod events;
mod pass;
pub mod plan;

use crate::cluster::access::Caller;
use crate::cluster::{Cluster, Error};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch::Sender;
use tokio::task::JoinHandle;

use pass::{Answer, Cut, change, pass, pieces, plain, watched, whole};
use plan::{Plan, Script, Written};

/// What becomes of requests whose path and query contain a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// All are passed on.
    Pass,
    /// Nothing of those with one of these is answered, and what is being answered goes no further.
    Swallow(Vec<String>),
    /// The next one that changes something is refused with a code.
    RefuseOnce(String, StatusCode),
    /// Lists with one of these are answered as they were at [`Proxy::remember`], and watches with one of these are silent: the
    /// view of an API server that is behind.
    Past(Vec<String>),
}

/// A proxy. It ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// Lists that the program has asked for: path and query.
#[derive(Default)]
struct Lists {
    known: BTreeSet<String>,
    /// What they said at [`Proxy::remember`].
    past: BTreeMap<String, Bytes>,
    /// Which of them were answered so.
    relived: BTreeSet<String>,
}

impl Lists {
    /// What is to be answered, if it is the past.
    fn of(&mut self, target: &str, is_past: bool) -> Option<Bytes> {
        self.known.insert(target.to_owned());
        let past = self.past.get(target).filter(|_| is_past)?.clone();
        self.relived.insert(target.to_owned());
        Some(past)
    }
}

struct Shared {
    /// Without credentials: whoever asks says who it is.
    client: Client,
    administrator: Client,
    rule: Sender<Rule>,
    script: Mutex<Script>,
    lists: Mutex<Lists>,
    /// Requests that change something and have not been answered.
    unanswered: AtomicUsize,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// Starts it. To be called in the network of the cluster.
    ///
    /// # Errors
    /// There is no client for the API server, or no port.
    pub async fn start(cluster: &Cluster) -> Result<Self, Error> {
        let mut config = cluster.client_config(&Caller::admin())?;
        // Whoever asks says who it is, and tries again if it wants to.
        config.auth_info = kube::config::AuthInfo::default();
        config.default_retry = false;
        let client = Client::try_from(config).map_err(crate::cluster::access::Error::from)?;
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(Error::NoPort)?;
        let address = listener.local_addr().map_err(Error::NoPort)?;
        let shared = Arc::new(Shared {
            client,
            administrator: cluster.client()?,
            rule: Sender::new(Rule::Pass),
            script: Mutex::default(),
            lists: Mutex::default(),
            unanswered: AtomicUsize::new(0),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            task,
        })
    }

    /// Its address, in place of that of the API server.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on.
    pub fn rule(&self, rule: Rule) {
        self.shared.rule.send_replace(rule);
    }

    /// Forgets everything, as if it had just been started.
    pub fn reset(&self) {
        self.rule(Rule::Pass);
        *self.shared.script() = Script::default();
        *self.shared.lists() = Lists::default();
    }

    /// Counts requests and events anew, and lets them meet the faults of a plan.
    pub fn arm(&self, plan: Plan) {
        self.shared.script().arm(plan);
    }

    /// The process that is killed where the plan says so, once.
    pub fn set_victim(&self, process: u32) {
        self.shared.script().set_victim(process);
    }

    /// What was to be changed since [`Proxy::arm`].
    pub fn writes(&self) -> Vec<Written> {
        self.shared.script().writes().to_vec()
    }

    /// How many requests that change something have not been answered yet.
    pub fn unanswered(&self) -> usize {
        self.shared.unanswered.load(Ordering::SeqCst)
    }

    /// How many events about objects have arrived since [`Proxy::arm`].
    pub fn events(&self) -> usize {
        self.shared.script().events()
    }

    /// How many faults of the plan were met.
    pub fn met(&self) -> usize {
        self.shared.script().met()
    }

    /// Lists that were answered as they were at [`Proxy::remember`]: path and query.
    pub fn relived(&self) -> BTreeSet<String> {
        self.shared.lists().relived.clone()
    }

    /// Remembers what the lists that the program has asked for say now, for [`Rule::Past`].
    ///
    /// # Errors
    /// The API server does not answer.
    pub async fn remember(&self) -> kube::Result<()> {
        let targets: Vec<_> = self.shared.lists().known.iter().cloned().collect();
        for target in targets {
            let request = Request::get(&target).body(Vec::new());
            let request = request.map_err(kube::Error::HttpError)?;
            let list = self.shared.administrator.request_text(request).await?;
            self.shared.lists().past.insert(target, Bytes::from(list));
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, Arc::clone(&shared)));
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // Who hangs up has got what it wanted, and who is cut off is to be.
    let _ = connection.await;
}

impl Rule {
    fn swallows(&self, target: &str) -> bool {
        matches!(self, Self::Swallow(parts) if names(parts, target))
    }

    /// Whether nothing of the answer is to be passed on now.
    fn holds(&self, target: &str) -> bool {
        let is_silent = |parts: &Vec<String>| is_watch(target) && names(parts, target);
        self.swallows(target) || matches!(self, Self::Past(parts) if is_silent(parts))
    }

    fn is_past(&self, target: &str) -> bool {
        matches!(self, Self::Past(parts) if names(parts, target))
    }
}

fn names(parts: &[String], target: &str) -> bool {
    parts.iter().any(|part| target.contains(part))
}

fn is_watch(target: &str) -> bool {
    target.contains("watch=true")
}

fn is_list(method: &Method, target: &str) -> bool {
    *method == Method::GET && target.contains("limit=") && !is_watch(target)
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Answer, Cut> {
    let target = request.uri().to_string();
    let method = request.method().clone();
    let rule = shared.rule.borrow().clone();
    if let Rule::RefuseOnce(part, code) = &rule
        && target.contains(part)
        && method != Method::GET
    {
        shared.rule.send_replace(Rule::Pass);
        return Ok(plain(*code, "refused by the proxy"));
    }
    if is_list(&method, &target)
        && let Some(list) = shared.lists().of(&target, rule.is_past(&target))
    {
        return Ok(whole(StatusCode::OK, list));
    }
    let mut rule = shared.rule.subscribe();
    // The proxy ends with its test.
    let _ = rule.wait_for(|rule| !rule.swallows(&target)).await;
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    if method != Method::GET {
        return change(parts, body, &shared).await;
    }
    Ok(match pass(parts, body, &shared.client).await {
        Err(error) => plain(StatusCode::BAD_GATEWAY, &error),
        Ok(answer) if is_watch(&target) && answer.status() == StatusCode::OK => {
            answer.map(|body| watched(body, rule, target, shared))
        }
        Ok(answer) => answer.map(|body| pieces(body, rule, target)),
    })
}
