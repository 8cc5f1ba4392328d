//! What happens between reading and writing, with an API server that follows a script.

use super::*;
use crate::apply::content::to_value;
use crate::cache::{Lists, Rules};
use crate::wake::Wake;
use crate::watch::instances_of;
use dittofs_operator_core::outcome::Action;
use dittofs_shared::crd::DittoServer;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;
use tokio::net::TcpListener;

use dittofs_operator_core::instance::Defaults;
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::ownership::Holder;

/// Answers in their order, and what was asked: method and body.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<(u16, Value)>>,
    asked: Mutex<Vec<(String, Value)>>,
}

impl Script {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let method = request.method().to_string();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        self.asked.lock().unwrap().push((method, body));
        let (status, body) = self.answers.lock().unwrap().pop_front().unwrap();
        let response = Response::builder()
            .status(status)
            .header("content-type", "application/json");
        response.body(Full::from(body.to_string())).unwrap()
    }

    /// A client of an API server that gives these answers, and what it is asked.
    async fn play(answers: Vec<(u16, Value)>) -> (Client, Arc<Self>) {
        let script = Arc::new(Self {
            answers: Mutex::new(answers.into()),
            ..Self::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let of_server = Arc::clone(&script);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let script = Arc::clone(&of_server);
                let service = service_fn(move |request| {
                    let script = Arc::clone(&script);
                    async move { Ok::<_, Infallible>(script.answer(request).await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(connection), service));
            }
        });
        let mut config = kube::Config::new(url.parse().unwrap());
        config.default_retry = false;
        (Client::try_from(config).unwrap(), script)
    }

    fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().unwrap().clone()
    }
}

fn instance() -> Instance {
    let server: DittoServer = serde_json::from_value(json!({
        "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
        "metadata": {"name": "files", "namespace": "n", "uid": "u"},
        "spec": {"storage": {"metadataSize": "1Gi"}},
    }))
    .unwrap();
    let observed = Observed::nothing_of(server, Timestamp::UNIX_EPOCH);
    let defaults = Defaults {
        sidecar_image: "sidecar".to_owned(),
        keep_unused_config: Duration::ZERO,
        forbidden: std::collections::BTreeSet::new(),
    };
    Instance::parse(&observed, &defaults)
}

fn config_map(more: &Value) -> ConfigMap {
    let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "files-config", "namespace": "n"}});
    for (key, value) in more.as_object().into_iter().flatten() {
        object["metadata"][key] = value.clone();
    }
    serde_json::from_value(object).unwrap()
}

fn ours(uid: &str) -> ConfigMap {
    config_map(&json!({
        "uid": uid, "resourceVersion": "7", "labels": labels::of_instance("files"),
        "ownerReferences": [{"apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
            "name": "files", "uid": "u", "controller": true}],
    }))
}

fn refusal(code: u16, field: &str) -> (u16, Value) {
    let causes = json!([{"field": field, "message": "refused"}]);
    let reason = if code == 404 { "NotFound" } else { "Conflict" };
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "message": "refused", "reason": reason, "details": {"causes": causes}});
    (code, status)
}

fn cache() -> Cache<ConfigMap> {
    let rules = Rules::new(|_| {}, Arc::new(instances_of::<ConfigMap>));
    Cache::new((), rules, Wake::new().0, Lists::default())
}

async fn put(
    answers: Vec<(u16, Value)>,
    known: Option<ConfigMap>,
) -> (Result<Option<Change>, Failure>, Vec<(String, Value)>) {
    let (client, script) = Script::play(answers).await;
    let instance = instance();
    let contests = Mutex::default();
    let writer = Writer::new(&client, &instance, &contests, false);
    let cache = cache();
    if let Some(known) = known {
        cache.apply(known);
    }
    let mut desired = config_map(&json!({"labels": labels::of_instance("files")}));
    desired.metadata.owner_references = Some(vec![instance.owner.clone()]);
    let put = writer.put(Put::new(&cache, &desired)).await;
    (put, script.asked())
}

fn versions(asked: &[(String, Value)]) -> Vec<(&str, Option<&str>, Option<&str>)> {
    let text = |body: &Value, key: &str| body["metadata"][key].as_str().map(str::to_owned);
    asked
        .iter()
        .map(|(method, body)| {
            let leak = |text: Option<String>| text.map(|text| &*text.leak());
            let (uid, version) = (text(body, "uid"), text(body, "resourceVersion"));
            (method.as_str(), leak(uid), leak(version))
        })
        .collect()
}

const NEVER: Option<&str> = Some("9223372036854775807");

#[tokio::test]
async fn an_object_that_somebody_creates_in_between_is_not_taken_over() {
    let foreign = config_map(&json!({"uid": "f", "resourceVersion": "9"}));
    let (put, asked) = put(vec![refusal(409, ""), (200, to_value(&foreign))], None).await;
    let error = put.unwrap_err().error;
    assert!(
        matches!(error, ApplyError::Foreign(Holder::NoController)),
        "{error}"
    );
    let expected = [("PATCH", None, NEVER), ("GET", None, None)];
    assert_eq!(versions(&asked), expected);
}

#[tokio::test]
async fn an_object_that_is_not_there_is_created_with_one_request() {
    let (put, asked) = put(vec![(201, to_value(&ours("new")))], None).await;
    assert_eq!(put.unwrap().unwrap().action, Action::Created);
    assert_eq!(versions(&asked), [("PATCH", None, NEVER)]);
}

#[tokio::test]
async fn an_object_that_has_been_replaced_is_not_taken_over() {
    let foreign = config_map(&json!({"uid": "f", "resourceVersion": "9"}));
    let (put, asked) = put(
        vec![refusal(422, "metadata.uid"), (200, to_value(&foreign))],
        Some(ours("seen")),
    )
    .await;
    let error = put.unwrap_err().error;
    assert!(
        matches!(error, ApplyError::Foreign(Holder::NoController)),
        "{error}"
    );
    assert_eq!(
        versions(&asked),
        [("PATCH", Some("seen"), None), ("GET", None, None)]
    );
}

#[tokio::test]
async fn an_object_without_an_owner_is_left_alone_when_its_dittoserver_is_gone() {
    let orphan = config_map(&json!({
        "uid": "seen", "resourceVersion": "7", "labels": labels::of_instance("files"),
    }));
    let none = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": []});
    let (put, asked) = put(vec![(200, none)], Some(orphan)).await;
    assert!(put.unwrap().is_none());
    assert_eq!(versions(&asked), [("GET", None, None)]);
}

#[tokio::test]
async fn an_object_that_has_been_deleted_in_between_is_created_again() {
    let (put, asked) = put(
        vec![
            refusal(409, ""),
            refusal(404, ""),
            (201, to_value(&ours("new"))),
        ],
        Some(ours("seen")),
    )
    .await;
    assert_eq!(put.unwrap().unwrap().action, Action::Created);
    let expected = [
        ("PATCH", Some("seen"), None),
        ("GET", None, None),
        ("PATCH", None, NEVER),
    ];
    assert_eq!(versions(&asked), expected);
}

#[tokio::test]
async fn an_object_that_is_lost_twice_is_left_to_the_next_reconcile() {
    let answers = vec![refusal(409, ""), refusal(404, ""), refusal(409, "")];
    let (put, _) = put(answers, None).await;
    assert!(matches!(put.unwrap_err().error, ApplyError::Raced));
}
