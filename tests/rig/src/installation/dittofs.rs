//! The REST API of a DittoFS server in a pod, as its administrator, through `kubectl port-forward`: the API listens on
//! the pod's loopback, and this is the way that is left.

use crate::cluster::Cluster;
use crate::process::command::{self, CommandError};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;

const DEADLINE: Duration = Duration::from_secs(40);

/// The administrator of one server. The forwarding ends when this is dropped.
#[derive(Debug)]
pub struct Administrator {
    port: u16,
    token: String,
    _forward: Child,
}

/// An answer of the server.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Body, `null` where it is no JSON.
    pub body: Value,
    /// When the answer was complete.
    pub at: jiff::Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// The server could not be asked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("kubectl port-forward did not say which port it listens on: {0}")]
    Forward(String),
    #[error("asking the server failed: {0}")]
    Http(#[from] hyper::Error),
    #[error("the server cannot be reached: {0}")]
    Connect(#[from] std::io::Error),
    #[error("the server took more than {} s", DEADLINE.as_secs())]
    Deadline,
    #[error("the request cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
    #[error("{doing} was answered with {status}: {body}")]
    Refused {
        doing: String,
        status: StatusCode,
        body: Value,
    },
}

impl Administrator {
    /// Connects to the server of an instance and logs in with the password from its Secret. To be used within the
    /// cluster's network.
    ///
    /// # Errors
    /// There is no pod, no Secret, or the server refuses.
    pub async fn connect(
        cluster: &Cluster,
        namespace: &str,
        instance: &str,
        port: u16,
    ) -> Result<Self, Error> {
        let secret = format!("{instance}-admin-bootstrap-credentials");
        let template = "go-template={{.data.password | base64decode}}";
        let password = command::run(
            &mut cluster.kubectl(["-n", namespace, "get", "secret", &secret, "-o", template]),
        )?;
        let (forward, port) = forward(cluster, namespace, instance, port).await?;
        let mut administrator = Self {
            port,
            token: String::new(),
            _forward: forward,
        };
        let login = json!({"username": "admin", "password": password.trim()});
        let answer = administrator
            .ask(Method::POST, "/api/v1/auth/login", Some(&login))
            .await?
            .accepted("the login")?;
        answer.body["access_token"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut administrator.token);
        Ok(administrator)
    }

    /// One request. Any answer is fine.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        let began = Instant::now();
        let answer = tokio::time::timeout(DEADLINE, self.exchange(method, path, body)).await;
        let (status, body) = answer.map_err(|_| Error::Deadline)??;
        Ok(Answer {
            status,
            body,
            at: jiff::Timestamp::now(),
            took: began.elapsed(),
        })
    }

    /// Switches an adapter on or off, or to another port.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn set_adapter(&self, adapter: &str, change: &Value) -> Result<Answer, Error> {
        let path = format!("/api/v1/adapters/{adapter}");
        self.ask(Method::PUT, &path, Some(change))
            .await?
            .accepted(&format!("PUT {path} {change}"))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), Error> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let bytes = body.map(Value::to_string).unwrap_or_default();
        let response = sender
            .send_request(request.body(Full::new(Bytes::from(bytes)))?)
            .await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        connection.abort();
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

impl Answer {
    /// The answer, if it is a good one.
    ///
    /// # Errors
    /// It is not.
    pub fn accepted(self, doing: &str) -> Result<Self, Error> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(Error::Refused {
            doing: doing.to_owned(),
            status: self.status,
            body: self.body,
        })
    }
}

async fn forward(
    cluster: &Cluster,
    namespace: &str,
    instance: &str,
    port: u16,
) -> Result<(Child, u16), Error> {
    let (pod, ports) = (format!("pod/{instance}-0"), format!(":{port}"));
    let mut command = tokio::process::Command::from(cluster.kubectl([
        "-n",
        namespace,
        "port-forward",
        &pod,
        &ports,
    ]));
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let read = reader.read_line(&mut line);
        tokio::time::timeout(Duration::from_mins(1), read)
            .await
            .map_err(|_| Error::Forward("it said nothing".into()))??;
        // kubectl says something about every connection, and would end if nobody listened.
        tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
    }
    let port = line
        .split("127.0.0.1:")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    if let Some(port) = port {
        return Ok((child, port));
    }
    let output = child.wait_with_output().await?;
    let words = String::from_utf8_lossy(&output.stderr);
    Err(Error::Forward(format!("{line}{words}")))
}
