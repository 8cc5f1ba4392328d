//! A fake of the part of DittoFS that the sidecar uses. Its answers are those of the recorded API.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, Mac as _};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// The list after the first start. Nothing listens on these ports in a test.
pub(crate) const NFS_AND_SMB: &str = r#"[{"type":"nfs","port":12049,"enabled":true,"running":false},
    {"type":"smb","port":1445,"enabled":true,"running":false}]"#;

pub(crate) struct DittoFs {
    address: SocketAddr,
    server: Option<JoinHandle<()>>,
    /// If set, the next listener speaks TLS.
    pub tls: Option<Arc<ServerConfig>>,
    pub inside: Arc<Mutex<Inside>>,
}

/// What tests can set, and the recorded requests.
pub(crate) struct Inside {
    pub users: BTreeMap<String, User>,
    /// The key that verifies signed tokens.
    pub key: Vec<u8>,
    pub tokens: BTreeSet<String>,
    pub refresh_tokens: BTreeSet<String>,
    pub ports: (u16, String),
    pub hangs: bool,
    pub requests: Vec<String>,
    accepted: u32,
    issued: u32,
}

type Answer = (u16, String);

/// The key of the server unless a test sets another.
pub(crate) const SIGNING_KEY: &str = "a-signing-key-of-forty-two-bytes-in-a-test";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub password: String,
    pub role: String,
    pub enabled: bool,
    pub must_change: bool,
}

impl User {
    pub fn new(role: &str, password: &str) -> Self {
        Self {
            password: password.into(),
            role: role.into(),
            enabled: true,
            must_change: false,
        }
    }
}

/// The claims of a token, if it is signed with this key.
pub(crate) fn claims_of(header: &str, key: &[u8]) -> Option<Value> {
    let token = header.strip_prefix("Bearer ").unwrap_or(header);
    let (body, signature) = token.rsplit_once('.')?;
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    let signature = BASE64.decode(signature).ok()?;
    mac.chain_update(body).verify_slice(&signature).ok()?;
    let claims = BASE64.decode(body.split_once('.')?.1).ok()?;
    serde_json::from_slice(&claims).ok()
}

impl DittoFs {
    /// A server that speaks TLS.
    pub async fn start_with(tls: Arc<ServerConfig>) -> Self {
        let mut server = Self::start().await;
        server.stop().await;
        server.tls = Some(tls);
        server.listen().await;
        server
    }

    pub async fn start() -> Self {
        let inside = Inside {
            users: BTreeMap::from([("admin".into(), User::new("admin", "admin-Passw0rd-1"))]),
            key: SIGNING_KEY.into(),
            tokens: BTreeSet::new(),
            refresh_tokens: BTreeSet::new(),
            ports: (200, NFS_AND_SMB.into()),
            hangs: false,
            requests: Vec::new(),
            accepted: 0,
            issued: 0,
        };
        let mut server = Self {
            address: ([127, 0, 0, 1], 0).into(),
            server: None,
            tls: None,
            inside: Arc::new(Mutex::new(inside)),
        };
        server.listen().await;
        server
    }

    /// Listens on the same address as before.
    pub async fn listen(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let inside = Arc::clone(&self.inside);
        let tls = self.tls.clone().map(TlsAcceptor::from);
        self.server = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                inside.lock().unwrap().accepted += 1;
                connections.spawn(converse(stream, tls.clone(), Arc::clone(&inside)));
            }
        }));
    }

    /// Stops listening.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            let _ = server.await;
        }
    }

    pub fn url(&self) -> Uri {
        let scheme = self.tls.as_ref().map_or("http", |_| "https");
        format!("{scheme}://{}", self.address).parse().unwrap()
    }

    pub fn set<R>(&self, change: impl FnOnce(&mut Inside) -> R) -> R {
        change(&mut self.inside.lock().unwrap())
    }

    pub fn ports(&self, status: u16, body: &str) {
        self.set(|inside| inside.ports = (status, body.to_owned()));
    }

    /// How many connections there were.
    pub fn accepted(&self) -> u32 {
        self.set(|inside| inside.accepted)
    }

    /// The requests since the last call.
    pub fn requests(&self) -> Vec<String> {
        self.set(|inside| std::mem::take(&mut inside.requests))
    }
}

impl Drop for DittoFs {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

async fn converse(mut stream: TcpStream, tls: Option<TlsAcceptor>, inside: Arc<Mutex<Inside>>) {
    const HANDSHAKE: u8 = 0x16;
    let Some(tls) = tls else {
        return serve(stream, inside).await;
    };
    let mut first = [0];
    if stream.peek(&mut first).await.is_ok() && first[0] != HANDSHAKE {
        // The exact answer of Go's HTTP server.
        let _ = stream
            .write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
            .await;
        return;
    }
    if let Ok(stream) = tls.accept(stream).await {
        serve(stream, inside).await;
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, inside: Arc<Mutex<Inside>>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&inside)));
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    inside: Arc<Mutex<Inside>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let what = format!("{} {}", request.method(), request.uri().path());
    let token = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().unwrap().strip_prefix("Bearer "))
        .unwrap_or_default()
        .to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let (hangs, (status, text)) = {
        let mut inside = inside.lock().unwrap();
        inside.requests.push(what.clone());
        (inside.hangs, inside.answer(&what, &token, &body))
    };
    if hangs {
        std::future::pending::<()>().await;
    }
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status.try_into().unwrap();
    Ok(response)
}

impl Inside {
    fn answer(&mut self, what: &str, token: &str, body: &Value) -> Answer {
        match what {
            "POST /api/v1/auth/login" => {
                let (username, password) = (text(body, "username"), text(body, "password"));
                match self.users.get(&username) {
                    Some(user) if !user.enabled => problem(403, "User account is disabled"),
                    Some(user) if user.password == password => self.issue(&username),
                    _ => problem(401, "Invalid username or password"),
                }
            }
            "POST /api/v1/auth/refresh" => {
                let token = text(body, "refresh_token");
                let username = token.split('.').next().unwrap().to_owned();
                if self.refresh_tokens.contains(&token) && self.users.contains_key(&username) {
                    self.issue(&username)
                } else {
                    problem(401, "Invalid refresh token")
                }
            }
            _ => match self.caller(token) {
                None => (401, "Invalid or expired token\n".into()),
                Some((username, role)) => self.answer_to(&username, &role, what, body),
            },
        }
    }

    /// Name and role of the caller, from the token of a login or from a signed one.
    fn caller(&self, token: &str) -> Option<(String, String)> {
        if self.tokens.contains(token) {
            let username = token.split('.').next()?;
            let role = self.users.get(username).map(|user| user.role.clone());
            return Some((username.to_owned(), role.unwrap_or_default()));
        }
        let claims = claims_of(token, &self.key)?;
        let now = jiff::Timestamp::now().as_second();
        let is_good = claims["token_type"] == "access"
            && claims["exp"].as_i64()? > now
            && claims["nbf"].as_i64()? <= now;
        is_good.then(|| (text(&claims, "username"), text(&claims, "role")))
    }

    fn answer_to(&mut self, caller: &str, role: &str, what: &str, body: &Value) -> Answer {
        let words: Vec<_> = what
            .split([' ', '/'])
            .filter(|word| !word.is_empty())
            .collect();
        match words.as_slice() {
            ["GET", _, _, "adapters", "ports"] => self.ports.clone(),
            ["POST", _, _, "users", "me", "password"] => self.change_own(caller, body),
            _ if role != "admin" => (403, "Admin access required\n".into()),
            ["POST", _, _, "users"] => self.create(body),
            [method, _, _, "users", name, rest @ ..] => {
                let Some(user) = self.users.get_mut(*name) else {
                    return problem(404, "User not found");
                };
                match (*method, rest) {
                    ("POST", ["password"]) => {
                        user.password = text(body, "new_password");
                        user.must_change = user.role == "admin";
                        return (204, String::new());
                    }
                    ("PUT", []) => {
                        user.role = text(body, "role");
                        user.enabled = body["enabled"].as_bool().unwrap();
                    }
                    _ => {}
                }
                let User { role, enabled, .. } = user;
                (
                    200,
                    json!({"username": name, "role": role, "enabled": enabled}).to_string(),
                )
            }
            _ => (404, "404 page not found\n".into()),
        }
    }

    fn change_own(&mut self, caller: &str, body: &Value) -> Answer {
        let Some(user) = self.users.get_mut(caller) else {
            return problem(401, "User not found");
        };
        if !user.must_change && text(body, "current_password") != user.password {
            return problem(401, "Current password is incorrect");
        }
        user.password = text(body, "new_password");
        user.must_change = false;
        self.issue(caller)
    }

    fn create(&mut self, body: &Value) -> Answer {
        let (username, password) = (text(body, "username"), text(body, "password"));
        assert_eq!(text(body, "role"), "operator");
        if self.users.contains_key(&username) {
            return problem(409, "User already exists");
        }
        self.users
            .insert(username, User::new("operator", &password));
        (201, "{}".into())
    }

    fn issue(&mut self, username: &str) -> Answer {
        self.issued += 1;
        let (access, refresh) = (
            format!("{username}.{}", self.issued),
            format!("{username}.r{}", self.issued),
        );
        self.tokens.insert(access.clone());
        self.refresh_tokens.insert(refresh.clone());
        let answer = json!({
            "access_token": access, "refresh_token": refresh,
            "token_type": "Bearer", "expires_in": 900,
        });
        (200, answer.to_string())
    }
}

fn text(body: &Value, key: &str) -> String {
    body[key].as_str().unwrap_or_default().to_owned()
}

fn problem(status: u16, detail: &str) -> Answer {
    let body = json!({"type": "about:blank", "status": status, "detail": detail});
    (status, body.to_string())
}
