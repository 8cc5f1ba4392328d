//! As much of DittoFS as the sidecar asks for, in a thread of its own. It keeps nothing.

use crate::Error;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::sync::watch;

/// Nothing listens on these ports, so the adapters are published as not running.
const PORTS: &str = r#"[{"type":"nfs","port":12049,"enabled":true,"running":true},{"type":"smb","port":1445,"enabled":true,"running":true}]"#;
/// Short, so that there are many logins and refreshes, too.
const LIFETIME_SECONDS: u64 = 10;

/// Whoever counts polls is told of every hundredth, so that counting costs nothing.
const TOLD: u64 = 100;

/// The server. It ends with the process.
pub struct Server {
    address: SocketAddr,
    polls: watch::Receiver<u64>,
}

impl Server {
    /// Starts it.
    ///
    /// # Errors
    /// The system refuses a socket or a thread.
    pub fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (counter, polls) = watch::channel(0);
        let serve = move || {
            let served = dittofs_runtime::block_on(serve(listener, Arc::new(counter)));
            if let Err(error) = served {
                eprintln!("the fake server has ended: {error}");
            }
        };
        std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(serve)?;
        Ok(Self { address, polls })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until it has answered so many polls, to the next hundred.
    pub async fn answered(&self, count: u64) {
        let mut polls = self.polls.clone();
        // The sender lives as long as the server.
        let _ = polls.wait_for(|polls| *polls >= count).await;
    }
}

async fn serve(listener: TcpListener, counter: Arc<watch::Sender<u64>>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        let counter = Arc::clone(&counter);
        let service = service_fn(move |request| answer(request, Arc::clone(&counter)));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    counter: Arc<watch::Sender<u64>>,
) -> Result<Response<Full<Bytes>>, Error> {
    let path = request.uri().path().to_owned();
    request.into_body().collect().await?;
    let (status, body) = match path.as_str() {
        "/api/v1/adapters/ports" => {
            counter.send_if_modified(|polls| {
                *polls += 1;
                polls.is_multiple_of(TOLD)
            });
            (StatusCode::OK, Bytes::from_static(PORTS.as_bytes()))
        }
        "/api/v1/auth/login" | "/api/v1/auth/refresh" => (StatusCode::OK, tokens()),
        _ => (StatusCode::NOT_FOUND, Bytes::new()),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    Ok(response)
}

fn tokens() -> Bytes {
    let tokens = json!({
        "access_token": "access", "refresh_token": "refresh",
        "token_type": "Bearer", "expires_in": LIFETIME_SECONDS,
    });
    tokens.to_string().into()
}
