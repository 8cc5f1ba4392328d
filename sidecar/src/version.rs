//! The version of the server, as its metrics tell it: the REST API does not.

use crate::http::Http;
use crate::outcome::{FailureKind, Outcome};
use dittofs_shared::reports;
use hyper::{Method, StatusCode, Uri};
use std::time::Duration;

/// The name of the metric, and of its label.
const METRIC: &str = "dittofs_build_info{";
const LABEL: &str = "version=\"";
/// How long the metrics may take: a poll waits for them.
const DEADLINE: Duration = Duration::from_millis(500);
/// How often they are read after a start of the server. They are served from a little later than the REST API.
const ATTEMPTS: u32 = 3;

/// The version of the server, read once after each of its starts.
#[derive(Debug)]
pub struct Version {
    known: Option<String>,
    attempts: u32,
}

impl Default for Version {
    fn default() -> Self {
        Self {
            known: None,
            attempts: ATTEMPTS,
        }
    }
}

impl Version {
    /// What a previous sidecar has published, unless it has been read already.
    pub fn resume(&mut self, published: Option<String>) {
        if self.known.is_none() {
            self.known = published;
        }
    }

    /// The version, if it is known.
    pub fn known(&self) -> Option<String> {
        self.known.clone()
    }

    /// Reads it if the server may have started since it was read. `url`: where the metrics are, if they can be read.
    pub async fn follow(&mut self, outcome: &Outcome, url: Option<&str>) {
        match (outcome, url) {
            (Outcome::Failed(failure), _) if failure.kind == FailureKind::Unreachable => {
                self.attempts = ATTEMPTS;
            }
            (Outcome::Seen(_), None) => *self = Self::default(),
            (Outcome::Seen(_), Some(url)) if self.attempts > 0 => self.attempt(url).await,
            _ => {}
        }
    }

    async fn attempt(&mut self, url: &str) {
        self.attempts -= 1;
        match read(url).await {
            Some(version) => {
                self.known = Some(version);
                self.attempts = 0;
            }
            None if self.attempts == 0 => self.known = None,
            None => {}
        }
    }
}

async fn read(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let http = Http::new(&url).with_deadline(DEADLINE);
    let answer = http.send(Method::GET, "", None, None).await;
    let answer = answer
        .inspect_err(|error| tracing::debug!(%error, "cannot read the version of the server"))
        .ok()?;
    let is_page = answer.status == StatusCode::OK;
    let page = std::str::from_utf8(&answer.body).ok();
    page.filter(|_| is_page).and_then(parse)
}

fn parse(page: &str) -> Option<String> {
    let mut lines = page.lines();
    let labels = lines.find_map(|line| line.strip_prefix(METRIC))?;
    let (_, rest) = labels.split_once(LABEL)?;
    let (version, _) = rest.split_once('"')?;
    reports::version(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Failure;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    #[test]
    fn the_version_is_a_label_of_a_metric() {
        let page = |line: &str| {
            format!("# TYPE dittofs_build_info gauge\ngo_info{{version=\"go1.25.0\"}} 1\n{line}\n")
        };
        for (line, expected) in [
            (
                "dittofs_build_info{commit=\"5c30c801\",version=\"0.29.0\"} 1",
                Some("0.29.0"),
            ),
            ("dittofs_build_info{version=\"dev\"} 1", Some("dev")),
            ("dittofs_build_info{version=\"a b\"} 1", None),
            ("dittofs_build_info{commit=\"a\"} 1", None),
            ("dittofs_build_info 1", None),
            ("", None),
        ] {
            assert_eq!(parse(&page(line)).as_deref(), expected, "{line}");
        }
    }

    /// Serves this page, and counts how often.
    async fn serve(page: &'static str) -> (String, Arc<AtomicU32>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/metrics", listener.local_addr().unwrap());
        let served = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&served);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let length = stream.read(&mut request).await.unwrap();
                assert!(request[..length].starts_with(b"GET /metrics HTTP/1.1\r\n"));
                count.fetch_add(1, Ordering::Relaxed);
                let length = page.len();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
                stream.write_all((head + page).as_bytes()).await.unwrap();
            }
        });
        (url, served)
    }

    #[tokio::test]
    async fn it_is_read_once_after_each_start_of_the_server() {
        let (url, served) = serve("dittofs_build_info{version=\"0.29.0\"} 1\n").await;
        let (seen, gone) = (
            Outcome::Seen(Vec::new()),
            Outcome::Failed(Failure::unreachable("no answer")),
        );
        let mut version = Version::default();
        version.resume(Some("0.28.0".to_owned()));
        assert_eq!(version.known().as_deref(), Some("0.28.0"));
        for (outcome, expected) in [(&gone, 0), (&seen, 1), (&seen, 1), (&gone, 1), (&seen, 2)] {
            version.follow(outcome, Some(&url)).await;
            assert_eq!(served.load(Ordering::Relaxed), expected);
        }
        assert_eq!(version.known().as_deref(), Some("0.29.0"));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_not_asked_for_for_ever() {
        let (url, served) = serve("nothing to see\n").await;
        let seen = Outcome::Seen(Vec::new());
        let mut version = Version::default();
        version.resume(Some("0.28.0".to_owned()));
        for _ in 0..5 {
            version.follow(&seen, Some(&url)).await;
        }
        assert_eq!(served.load(Ordering::Relaxed), ATTEMPTS);
        assert_eq!(version.known(), None);
        // Metrics that are enabled later are read then.
        version.follow(&seen, None).await;
        version.follow(&seen, Some(&url)).await;
        assert_eq!(served.load(Ordering::Relaxed), ATTEMPTS + 1);
    }
}
