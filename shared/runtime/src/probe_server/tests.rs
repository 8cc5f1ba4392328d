use super::*;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

const PATIENT: Limits = LIMITS;

/// Larger than every buffer on the way.
fn many_metrics() -> String {
    "dittofs_operator_x 1\n".repeat(100_000) + "# EOF\n"
}

fn answer(path: &str) -> Answer {
    match path {
        "/livez" => Answer::ok(),
        "/readyz" => Answer::unavailable("caches have not synced yet"),
        "/metrics" => Answer::metrics(Ok::<_, String>(many_metrics())),
        "/broken" => Answer::metrics(Err("no memory")),
        _ => Answer::not_found("try /livez"),
    }
}

async fn served(limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve_within(limits, listener, Arc::new(answer)));
    address
}

/// Sends a request and reads to the end of the connection.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{request} HTTP/1.1\r\nHost: probes\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn every_path_has_its_answer() {
    let address = served(PATIENT).await;
    for (request, status, body) in [
        ("GET /livez", "200 OK", "ok\n"),
        ("HEAD /livez", "200 OK", ""),
        (
            "GET /readyz?verbose",
            "503 Service Unavailable",
            "caches have not synced yet\n",
        ),
        ("GET /", "404 Not Found", "try /livez\n"),
        ("POST /livez", "405 Method Not Allowed", "use GET\n"),
        (
            "GET /broken",
            "500 Internal Server Error",
            "metrics cannot be encoded: no memory\n",
        ),
    ] {
        let text = ask(address, request).await;
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{text}"
        );
        let (_, found) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(found, body, "{request}");
    }
}

#[tokio::test]
async fn metrics_of_any_size_are_sent_whole() {
    let text = ask(served(PATIENT).await, "GET /metrics").await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("application/openmetrics-text"), "{head}");
    assert!(body == many_metrics(), "{} bytes", body.len());
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut_off_and_makes_room() {
    let deadline = Duration::from_millis(200);
    let limits = Limits {
        connections: 1,
        deadline,
    };
    let address = served(limits).await;
    let began = Instant::now();
    let mut silent = TcpStream::connect(address).await.unwrap();
    // Waits until the only place is free again.
    let text = timeout(PATIENT.deadline, ask(address, "GET /livez")).await;
    assert!(text.unwrap().starts_with("HTTP/1.1 200"));
    assert!(began.elapsed() >= deadline);
    let ended = timeout(PATIENT.deadline, silent.read(&mut [0])).await;
    assert!(matches!(ended.unwrap(), Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let address = served(PATIENT).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET /livez HTTP/1.1\r\nX: {}", "x".repeat(4 * BUFFER));
    // The server may hang up before all of it is sent.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut bytes = Vec::new();
    let ended = timeout(PATIENT.deadline / 2, stream.read_to_end(&mut bytes)).await;
    assert!(ended.is_ok(), "the connection is still open");
    assert!(!bytes.starts_with(b"HTTP/1.1 200"));
}
