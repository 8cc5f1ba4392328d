//! Connections that fall silent without ending, for one kind or for several, and single bad answers.

use dittofs_rig::beside::Operator;
use dittofs_rig::proxy::{Proxy, Rule};
use dittofs_rig::wait_for;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::substitute::Substitute;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use hyper::StatusCode;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::seen::{Failed, both_exposed, wait_object, without_pod, write};

/// By when a kind that is deaf must be named: after 40 s, and something for a machine that is busy. One more period of its watch would
/// be 25 s.
const NOTICED: Duration = Duration::from_mins(1);

/// Every kind that is watched, but the `DittoServers`: its plural in requests, and how `/livez` names it.
const KINDS: [(&str, &str); 11] = [
    ("configmaps", "ConfigMap"),
    ("services", "Service"),
    ("networkpolicies", "NetworkPolicy"),
    ("statefulsets", "StatefulSet"),
    ("poddisruptionbudgets", "PodDisruptionBudget"),
    ("pods", "Pod"),
    ("persistentvolumeclaims", "PersistentVolumeClaim"),
    ("serviceaccounts", "ServiceAccount"),
    ("roles", "Role"),
    ("rolebindings", "RoleBinding"),
    (
        "customresourcedefinitions",
        "perconapgclusters.pgv2.percona.com",
    ),
];

/// An operator of the namespace of a test, behind a proxy.
struct Behind {
    proxy: Proxy,
    probes: SocketAddr,
    log: PathBuf,
    _operator: Operator,
}

impl Behind {
    async fn start(scene: &Scene, name: &'static str) -> Result<Self, Failed> {
        let world = &scene.world;
        let proxy = Proxy::start(&world.cluster).await?;
        let free = TcpListener::bind("127.0.0.1:0").await?;
        let probes = free.local_addr()?;
        drop(free);
        let environment = [
            format!("DITTOFS_OPERATOR_LISTEN={probes}"),
            format!("DITTOFS_OPERATOR_NAMESPACES={}", scene.namespace),
        ];
        let (cluster, programs) = (&world.cluster, &world.programs);
        let operator = Operator::start_behind(cluster, programs, &proxy, name, &environment)?;
        let behind = Self {
            proxy,
            probes,
            log: world.cluster.log(name),
            _operator: operator,
        };
        behind.wait_log("caches synced").await?;
        Ok(behind)
    }

    async fn live(&self) -> Result<String, String> {
        let asked = async {
            let mut stream = TcpStream::connect(self.probes).await?;
            stream
                .write_all(b"GET /livez HTTP/1.1\r\nHost: probes\r\n\r\n")
                .await?;
            let mut text = String::new();
            stream.read_to_string(&mut text).await?;
            Ok::<_, std::io::Error>(text)
        };
        asked.await.map_err(|error| error.to_string())
    }

    fn lines(&self, fits: impl Fn(&str) -> bool) -> usize {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().filter(|line| fits(line)).count()
    }

    fn logged(&self, word: &str) -> usize {
        self.lines(|line| line.contains(word))
    }

    /// Of all but the Lease, which a busy machine may cost the operator.
    fn warnings(&self) -> usize {
        let warns = |line: &str| line.contains("\"WARN\"") || line.contains(" WARN ");
        self.lines(|line| warns(line) && !line.contains("Lease"))
    }

    async fn wait_log(&self, word: &str) -> Outcome {
        wait_for(
            &format!("the log to say {word:?}"),
            API_DEADLINE,
            || async {
                if self.logged(word) > 0 {
                    Ok(())
                } else {
                    Err(std::fs::read_to_string(&self.log).unwrap_or_default())
                }
            },
        )
        .await?;
        Ok(())
    }

    /// Swallows these kinds, until `/livez` names all of them, and no other.
    async fn swallow(&self, kinds: &[(&str, &str)]) -> Outcome {
        let parts = kinds.iter().map(|(plural, _)| format!("/{plural}?"));
        let began = Instant::now();
        self.proxy.rule(Rule::Swallow(parts.collect()));
        let names_all = wait_for("/livez to name what is deaf", 2 * NOTICED, || async {
            let text = self.live().await?;
            let named = |name: &str| text.contains(&format!("heard of {name} "));
            let all = kinds.iter().all(|(_, name)| named(name));
            if text.contains(" 503 ") && all {
                Ok(text)
            } else {
                Err(text)
            }
        });
        let text = names_all.await?;
        let passed = began.elapsed();
        println!("{} deaf kinds were named after {passed:.1?}", kinds.len());
        ensure!(passed <= NOTICED, "it took {passed:?}: {text}");
        self.proxy.rule(Rule::Pass);
        wait_for("/livez to pass again", API_DEADLINE, || async {
            let text = self.live().await?;
            if text.contains(" 200 ") {
                Ok(())
            } else {
                Err(text)
            }
        })
        .await?;
        Ok(())
    }
}

pub async fn a_kind_that_falls_silent_is_noticed_named_and_followed_again(scene: Scene) -> Outcome {
    let _rest = Substitute::none(&scene);
    let behind = Behind::start(&scene, "deaf-operator").await?;
    let files = both_exposed(&scene, "files", without_pod()).await?;
    let before = behind.warnings();
    behind.swallow(&KINDS).await?;
    let (lines, failures) = (behind.warnings() - before, behind.logged("watch failed"));
    ensure!(
        (1..=2).contains(&failures) && lines == failures,
        "{failures} lines for one outage of less than two minutes, of {lines} warnings"
    );
    behind.swallow(&[("dittoservers", "DittoServer")]).await?;
    files.moves_smb().await?;
    Ok(())
}

async fn ready_since(files: &Instance) -> Result<String, Failed> {
    let server = files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    let conditions = server.status.unwrap_or_default().conditions;
    let ready = conditions.iter().find(|one| one.type_ == "Ready");
    Ok(format!("{:?}", ready.map(|one| &one.last_transition_time)))
}

async fn told(files: &Instance) -> Result<Vec<String>, Failed> {
    let events = files.api::<Event>().list(&ListParams::default()).await?;
    let warnings = events
        .items
        .into_iter()
        .filter(|event| event.type_.as_deref() == Some("Warning"));
    Ok(warnings.filter_map(|event| event.note).collect())
}

pub async fn one_bad_answer_is_told_nowhere(scene: Scene) -> Outcome {
    let _rest = Substitute::none(&scene);
    let behind = Behind::start(&scene, "refused-operator").await?;
    let files = both_exposed(&scene, "files", without_pod()).await?;
    let before = (ready_since(&files).await?, told(&files).await?);
    for code in [
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::TOO_MANY_REQUESTS,
    ] {
        behind
            .proxy
            .rule(Rule::RefuseOnce("/services/files-nfs".to_owned(), code));
        let failed = behind.logged("reconcile failed");
        let patch = json!({"spec": {"selector": {"somebody": code.as_str()}}});
        write::<Service>(&files, "somebody", "files-nfs", patch).await?;
        wait_object::<Service>(&files, "files-nfs", "is put back", |service| {
            let selector = service
                .spec
                .as_ref()
                .and_then(|spec| spec.selector.as_ref());
            if selector.is_some_and(|selector| selector.contains_key("somebody")) {
                Err(format!("{} still has {selector:?}", service.name_any()))
            } else {
                Ok(())
            }
        })
        .await?;
        ensure!(
            behind.logged("reconcile failed") > failed,
            "{code} was never answered"
        );
        let after = (ready_since(&files).await?, told(&files).await?);
        ensure!(before == after, "{code}: {before:?} became {after:?}");
    }
    Ok(())
}
