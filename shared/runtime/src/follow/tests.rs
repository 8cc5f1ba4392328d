use super::*;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SHORT: Deadlines = Deadlines {
    start: Duration::from_millis(500),
    page: Duration::from_millis(500),
    late: Duration::from_millis(500),
    early: Duration::from_millis(500),
};
/// Long enough for what happens within the deadlines, also on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the API server of a test does with a request.
enum Answer {
    /// Answers and hangs up.
    Whole(u16, String),
    /// Answers, and hangs up when a watch is due to end.
    Watch(String),
    /// Answers this much, and then nothing more.
    Stalls(String),
    /// Does not answer.
    Silence,
}

/// An API server that gives these answers, one after the other, and then none.
struct Server {
    target: Target,
    /// What was asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn with(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap();
        let target = Target {
            client,
            path: "/api/v1/configmaps".to_owned(),
            labels: "a=b".to_owned(),
            fields: String::new(),
            page: 2,
            watch: Duration::from_secs(1),
            forbidden: Duration::ZERO,
        };
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let mut answers = answers.into_iter();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let Some(request) = head(&mut stream).await else {
                    continue;
                };
                log.lock().unwrap().push(request);
                let answer = answers.next().unwrap_or(Answer::Silence);
                tokio::spawn(respond(stream, answer));
            }
        });
        Self { target, asked }
    }

    /// What is told until `count` failures or the end of the answers.
    async fn told(&self, failures: usize) -> Vec<String> {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let follower = Follower {
            target: &self.target,
            deadlines: SHORT,
        };
        let following = follower.follow(|event: Event<ConfigMap>| {
            let _ = sender.send(text(&event));
        });
        let reading = async {
            let (mut all, mut failed) = (Vec::new(), 0);
            while failed < failures {
                let event = receiver.recv().await.unwrap();
                failed += usize::from(event.starts_with("failed"));
                all.push(event);
            }
            all
        };
        tokio::select! {
            never = following => match never {},
            all = tokio::time::timeout(PATIENCE, reading) => all.unwrap(),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Method and path of a request.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8(text).ok()?;
    Some(text.lines().next()?.replace(" HTTP/1.1", ""))
}

async fn respond(mut stream: TcpStream, answer: Answer) {
    let head = |code: u16| format!("HTTP/1.1 {code} X\r\nConnection: close\r\n\r\n");
    let (text, rest) = match answer {
        Answer::Whole(code, text) => (head(code) + &text, Duration::ZERO),
        Answer::Watch(text) => (head(200) + &text, Duration::from_secs(1)),
        Answer::Stalls(text) => (head(200) + &text, PATIENCE),
        Answer::Silence => (String::new(), PATIENCE),
    };
    stream.write_all(text.as_bytes()).await.unwrap();
    sleep(rest).await;
}

fn text(event: &Event<ConfigMap>) -> String {
    match event {
        Event::Listing => "listing".to_owned(),
        Event::Listed(object) => format!("listed {}", object.name_any()),
        Event::Complete => "complete".to_owned(),
        Event::Applied(object) => format!("applied {}", object.name_any()),
        Event::Deleted(object) => format!("deleted {}", object.name_any()),
        Event::Alive => "alive".to_owned(),
        Event::Failed(failure) => format!("failed: {failure}"),
    }
}

fn object(name: &str, version: &str) -> Value {
    json!({"metadata": {"name": name, "resourceVersion": version}})
}

fn list(next: &str, objects: &[Value]) -> String {
    json!({"metadata": {"resourceVersion": "7", "continue": next}, "items": objects}).to_string()
}

fn event(r#type: &str, object: &Value) -> String {
    json!({"type": r#type, "object": object}).to_string() + "\n"
}

fn refusal(code: u16) -> String {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "refused", "code": code}).to_string()
}

#[tokio::test]
async fn pages_are_listed_and_then_each_watch_goes_on_where_the_last_one_ended() {
    let mark =
        json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": "12"}});
    let server = Server::with(vec![
        Answer::Whole(200, list("more", &[object("a", "1"), object("b", "2")])),
        Answer::Whole(200, list("", &[object("c", "3")])),
        Answer::Watch(event("ADDED", &object("d", "8")) + &event("DELETED", &object("a", "9"))),
        Answer::Watch(event("BOOKMARK", &mark)),
        Answer::Whole(403, refusal(403)),
    ])
    .await;
    assert_eq!(
        server.told(1).await,
        [
            "listing",
            "listed a",
            "listed b",
            "alive",
            "listed c",
            "alive",
            "complete",
            "alive",
            "applied d",
            "deleted a",
            "alive",
            "alive",
            "failed: refused"
        ]
    );
    let selected = "labelSelector=a%3Db";
    let asked = server.asked();
    assert!(asked.iter().all(|one| one.contains(selected)), "{asked:?}");
    for (one, part) in asked.iter().zip([
        "limit=2",
        "continue=more",
        "Version=7",
        "Version=9",
        "Version=12",
    ]) {
        assert!(one.contains(part), "{one} has no {part}");
    }
}

#[tokio::test]
async fn whatever_falls_silent_is_noticed_in_time_and_begun_anew() {
    let whole = || Answer::Whole(200, list("", &[]));
    let cut = list("", &[object("a", "1")]);
    let cut = cut[..cut.len() - 1].to_owned();
    for (what, answers, expected) in [
        ("a list", vec![Answer::Silence], "did not answer within"),
        (
            "the middle of a list",
            vec![Answer::Stalls(cut)],
            "did not answer within",
        ),
        (
            "the start of a watch",
            vec![whole(), Answer::Silence],
            "did not answer within",
        ),
        (
            "a watch",
            vec![whole(), Answer::Stalls(String::new())],
            "the connection is dead",
        ),
        (
            "a watch that has shown something",
            vec![whole(), Answer::Stalls(event("ADDED", &object("a", "8")))],
            "the connection is dead",
        ),
    ] {
        let server = Server::with(answers).await;
        let told = server.told(2).await;
        let first = told.iter().position(|one| one.starts_with("failed"));
        let (before, after) = told.split_at(first.unwrap());
        assert!(after[0].contains(expected), "{what}: {told:?}");
        assert_eq!(after[1], "listing", "{what}: {before:?} {after:?}");
    }
}

#[tokio::test]
async fn what_ends_early_or_breaks_off_is_listed_anew() {
    let whole = || Answer::Whole(200, list("", &[]));
    for (what, second, expected) in [
        (
            "an end before it was due",
            Answer::Whole(200, String::new()),
            "ended a watch early",
        ),
        (
            "an error",
            Answer::Whole(
                200,
                event("ERROR", &serde_json::from_str(&refusal(500)).unwrap()),
            ),
            "refused",
        ),
        ("no JSON", Answer::Whole(200, "{}{\n".to_owned()), "failed"),
    ] {
        let server = Server::with(vec![whole(), second, whole()]).await;
        let told = server.told(2).await;
        let failed = told.iter().find(|one| one.starts_with("failed")).unwrap();
        assert!(failed.contains(expected), "{what}: {told:?}");
        let lists = told.iter().filter(|one| *one == "complete").count();
        assert_eq!(lists, 2, "{what}: {told:?}");
    }
}

#[tokio::test]
async fn a_version_that_is_too_old_is_no_failure_and_leads_to_a_new_list() {
    let whole = || Answer::Whole(200, list("", &[]));
    let server = Server::with(vec![whole(), Answer::Whole(410, refusal(410)), whole()]).await;
    let told = server.told(1).await;
    let lists = told.iter().filter(|one| *one == "complete").count();
    assert_eq!(lists, 2, "{told:?}");
    assert!(told.last().unwrap().contains("did not answer"), "{told:?}");
}
