//! An operator of some namespaces, of which one lacks what it takes: the others are managed, and it follows when it can.

use dittofs_rig::audit::{Entry, Mark};
use dittofs_rig::installation::NAMESPACE;
use dittofs_rig::shard::{self, Shard};
use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE, adapter};
use dittofs_suite::substitute::Substitute;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::seen::{Failed, lines, without_pod, write};
use super::sharding::{TEAMS, requests_of, team};

/// Managed from the start, without a binding, and not there yet.
const GOOD: &str = "team-a";
const BOUND_LATER: &str = "team-b";
const MADE_LATER: &str = "team-c";
/// The operator tries a refused namespace again after 30 s at most.
const RETRIED: Duration = Duration::from_secs(90);

fn bindings(scene: &Scene, namespace: &str) -> Api<RoleBinding> {
    Api::namespaced(scene.client.clone(), namespace)
}

/// The binding of manifests/shards/namespaces.
async fn bind(scene: &Scene, namespace: &str) -> Outcome {
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": TEAMS},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": TEAMS},
        "subjects": [{"kind": "ServiceAccount", "name": TEAMS, "namespace": NAMESPACE}],
    }))?;
    let bindings = bindings(scene, namespace);
    bindings.create(&PostParams::default(), &binding).await?;
    Ok(())
}

async fn unbind(scene: &Scene, namespace: &str) -> Outcome {
    let bindings = bindings(scene, namespace);
    bindings.delete(TEAMS, &DeleteParams::default()).await?;
    Ok(())
}

struct Operator {
    _shard: Shard,
    port: u16,
}

impl Operator {
    async fn start(scene: &Scene) -> Result<Self, Failed> {
        // Free again when it is dropped, and nobody else is there to take it.
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let more = [
            format!("DITTOFS_OPERATOR_NAMESPACES={GOOD},{BOUND_LATER},{MADE_LATER}"),
            format!("DITTOFS_OPERATOR_LISTEN=127.0.0.1:{port}"),
        ];
        let world = &scene.world;
        let shard = Shard::start_with(&world.cluster, &world.programs, TEAMS, &more)?;
        Ok(Self {
            _shard: shard,
            port,
        })
    }

    async fn get(&self, path: &str) -> Result<String, Failed> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// Waits until the metrics say which namespaces are managed.
    async fn wait_managed(&self, expected: &[(&str, u8)]) -> Outcome {
        let lines: Vec<_> = expected
            .iter()
            .map(|(name, managed)| {
                format!("dittofs_operator_namespace_managed{{namespace=\"{name}\"}} {managed}")
            })
            .collect();
        wait_for(&format!("{lines:?}"), RETRIED, || async {
            let text = self.get("/metrics").await;
            let text = text.map_err(|error| error.to_string())?;
            if lines.iter().all(|line| text.contains(line)) {
                return Ok(());
            }
            let told = text.lines().filter(|line| line.contains("managed"));
            Err(told.collect::<Vec<_>>().join("; "))
        })
        .await?;
        Ok(())
    }
}

async fn wait_exposed(files: &Instance, port: i64) -> Outcome {
    files.publish(vec![adapter("nfs", port)]).await?;
    let port = i32::try_from(port)?;
    files
        .wait_services(&[("files-nfs", port)], API_DEADLINE)
        .await?;
    Ok(())
}

/// How often the log of the operator warns of a namespace.
fn warnings(scene: &Scene, namespace: &str) -> Result<usize, Failed> {
    let log = std::fs::read_to_string(scene.world.cluster.log(TEAMS))?;
    let warns =
        |line: &&str| line.contains("no rights in this namespace") && line.contains(namespace);
    Ok(log.lines().filter(warns).count())
}

/// What the operator has asked for in a namespace, but for whether it may list and watch.
fn attempts(scene: &Scene, namespace: &str, since: Mark) -> Result<Vec<Entry>, Failed> {
    let mut entries = requests_of(scene, TEAMS, since)?;
    entries.retain(|entry| {
        entry.namespace == namespace && entry.verb != "list" && entry.verb != "watch"
    });
    Ok(entries)
}

fn place(scene: &Scene, namespace: &str) -> Scene {
    Scene {
        namespace: namespace.to_owned(),
        ..scene.clone()
    }
}

pub async fn one_without_rights_holds_up_no_other_and_follows_when_it_has_them(
    scene: Scene,
) -> Outcome {
    for namespace in [GOOD, BOUND_LATER] {
        team(&scene, namespace).await?;
    }
    shard::install(&scene.world.cluster, "namespaces")?;
    unbind(&scene, BOUND_LATER).await?;
    let _rest = Substitute::none(&scene);
    let mark = scene.world.cluster.audit().mark()?;
    let operator = Operator::start(&scene).await?;
    let good = Instance::create(&place(&scene, GOOD), "files", without_pod()).await?;
    wait_exposed(&good, 12049).await?;
    operator
        .wait_managed(&[(GOOD, 1), (BOUND_LATER, 0), (MADE_LATER, 0)])
        .await?;
    ensure!(
        operator.get("/readyz").await?.starts_with("HTTP/1.1 200"),
        "it is not ready"
    );
    for namespace in [BOUND_LATER, MADE_LATER] {
        ensure!(
            warnings(&scene, namespace)? == 1,
            "{namespace} is not told of once"
        );
    }
    let later = Instance::create(&place(&scene, BOUND_LATER), "files", without_pod()).await?;
    let tried = attempts(&scene, BOUND_LATER, mark)?;
    ensure!(tried.is_empty(), "it has tried:\n{}", lines(&tried));
    bind(&scene, BOUND_LATER).await?;
    operator.wait_managed(&[(BOUND_LATER, 1)]).await?;
    wait_exposed(&later, 12049).await?;
    // It is there at last, and then another of its name.
    for _ in 0..2 {
        let made = team(&scene, MADE_LATER).await?;
        bind(&scene, MADE_LATER).await?;
        let files = Instance::create(&made, "files", without_pod()).await?;
        operator.wait_managed(&[(MADE_LATER, 1)]).await?;
        wait_exposed(&files, 12049).await?;
        remove(&scene, MADE_LATER).await?;
    }
    withdrawn_while_running(&scene, &operator, &good, &later).await?;
    for namespace in [GOOD, BOUND_LATER] {
        remove(&scene, namespace).await?;
    }
    Ok(())
}

/// The rights go while the operator runs, and come back.
async fn withdrawn_while_running(
    scene: &Scene,
    operator: &Operator,
    good: &Instance,
    later: &Instance,
) -> Outcome {
    unbind(scene, BOUND_LATER).await?;
    // Watches go on until they end, which would take minutes.
    scene.world.cluster.stop_api_server();
    scene.world.cluster.start_api_server()?;
    operator
        .wait_managed(&[(GOOD, 1), (BOUND_LATER, 0)])
        .await?;
    wait_exposed(good, 12050).await?;
    let mark = scene.world.cluster.audit().mark()?;
    let change = json!({"metadata": {"annotations": {"example.com/nudge": "1"}}});
    write::<DittoServer>(later, "somebody", "files", change).await?;
    later.publish(vec![adapter("nfs", 12051)]).await?;
    wait_exposed(good, 12052).await?;
    let tried = attempts(scene, BOUND_LATER, mark)?;
    ensure!(tried.is_empty(), "it has tried:\n{}", lines(&tried));
    bind(scene, BOUND_LATER).await?;
    operator.wait_managed(&[(BOUND_LATER, 1)]).await?;
    later
        .wait_services(&[("files-nfs", 12051)], API_DEADLINE)
        .await?;
    Ok(())
}

/// Removes a namespace and waits until it is gone.
async fn remove(scene: &Scene, namespace: &str) -> Outcome {
    let namespaces: Api<Namespace> = Api::all(scene.client.clone());
    namespaces
        .delete(namespace, &DeleteParams::background())
        .await?;
    wait_for(&format!("{namespace} to be gone"), POD_DEADLINE, || async {
        match namespaces.get_opt(namespace).await {
            Ok(None) => Ok(()),
            Ok(Some(left)) => Err(format!("{} {:?}", left.name_any(), left.status)),
            Err(error) => Err(error.to_string()),
        }
    })
    .await?;
    Ok(())
}
