//! The reused connection.

use super::*;
use crate::fake::DittoFs;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

const TOKEN: HeaderValue = HeaderValue::from_static("Bearer none");

#[tokio::test]
async fn one_connection_is_reused_and_opened_again_when_the_server_comes_back() {
    let mut server = DittoFs::start().await;
    let http = Http::new(&server.url());
    for _ in 0..5 {
        assert_eq!(http.get("/x", &TOKEN).await.unwrap().status, 401);
    }
    assert_eq!(server.accepted(), 1);
    server.stop().await;
    server.listen().await;
    assert_eq!(http.get("/x", &TOKEN).await.unwrap().status, 401);
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn a_path_in_the_address_is_kept() {
    let server = DittoFs::start().await;
    let address = format!("{}below/", server.url());
    let http = Http::new(&address.parse().unwrap());
    http.get("/x", &TOKEN).await.unwrap();
    assert_eq!(server.requests(), ["GET /below/x"]);
}

#[tokio::test]
async fn a_server_that_does_not_speak_http_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let http = Http::new(&address.parse().unwrap());
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"SSH-2.0-none\r\n\r\n").await.unwrap();
        }
    });
    for _ in 0..5 {
        let error = http.get("/x", &TOKEN).await.unwrap_err();
        assert!(matches!(error, HttpError::NotHttp { .. }), "{error}");
    }
    server.abort();
}
