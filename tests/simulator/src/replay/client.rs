//! One HTTP request on a connection of its own.

use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::server::APPLY_HEADER;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    /// When a change comes into force, where it is said.
    pub(crate) apply: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, Error)]
pub(crate) enum NoReply {
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    #[error("the exchange broke off: {0}")]
    Exchange(#[from] hyper::Error),
    #[error("the request cannot be written: {0}")]
    Request(#[from] hyper::http::Error),
}

/// Sends one request to `address` (host and port) and waits for the whole reply.
pub(crate) async fn send(
    address: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Vec<u8>,
) -> Result<Reply, NoReply> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(NoReply::Connect)?;
    send_on(stream, address, method, path, token, body).await
}

/// The same, on a connection that is there.
pub(crate) async fn send_on<S>(
    stream: S,
    address: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Vec<u8>,
) -> Result<Reply, NoReply>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, address);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let response = sender
        .send_request(request.body(Full::new(Bytes::from(body)))?)
        .await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    driving.abort();
    let header = |name: &str| {
        let value = head.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    Ok(Reply {
        status: head.status.as_u16(),
        content_type: header(header::CONTENT_TYPE.as_str()),
        apply: header(APPLY_HEADER),
        body,
    })
}
