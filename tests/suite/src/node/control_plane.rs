//! The REST API with certificates: who is answered, and that the kubelet and the sidecar go on asking.

use dittofs_rig::network::NODE_NAME;
use dittofs_rig::wait_for;
use dittofs_shared::names;
use dittofs_suite::certificates::Authority;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::probe::Probe as NfsProbe;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, processes};
use k8s_openapi::api::core::v1::{ConfigMap, Probe};
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use std::time::Duration;

use super::client::{Client, cluster_address, run_in_server, wait_word};
use super::hardship::{nfs_address, other_sidecar, server_restarts, wait_published};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Names of Secrets.
const CERTIFICATE: &str = "api-certificate";
const CLIENT_CA: &str = "api-clients";
const CLIENT_CERTIFICATE: &str = "sidecar-certificate";
/// The kubelet takes more than a minute to bring a changed Secret into a pod.
const SECRET_DEADLINE: Duration = Duration::from_mins(4);

pub async fn with_a_certificate_the_api_speaks_tls_only(scene: Scene) -> Outcome {
    let files = start(&scene, json!({}), &Authority::new("first")?).await?;
    is_well(&files, |probe| probe.exec.is_some()).await?;
    wait_answer(&files, "https", "healthy").await?;
    let answer = wait_answer(&files, "http", "400").await?;
    ensure!(!answer.contains("healthy"), "without TLS it says {answer}");
    Ok(())
}

pub async fn with_client_certificates_nobody_else_is_answered(scene: Scene) -> Outcome {
    let files = start_mutual(&scene, json!({})).await?;
    is_well(&files, |probe| probe.exec.is_some()).await?;
    let answer = wait_answer(&files, "https", "error getting response").await?;
    ensure!(
        !answer.contains("healthy"),
        "without a certificate it says {answer}"
    );
    Ok(())
}

pub async fn an_exposed_api_with_client_certificates_answers_nobody_else(scene: Scene) -> Outcome {
    let files = start_mutual(&scene, json!({"exposure": "Cluster"})).await?;
    is_well(&files, |probe| probe.tcp_socket.is_some()).await?;
    let address = cluster_address(&files, "files-api").await?;
    let client = Client::start(&files).await?;
    let bare = format!(
        "printf 'GET /health HTTP/1.0\\r\\n\\r\\n' | timeout 5 openssl s_client -quiet -connect {address}:8080"
    );
    let answer = client.wait_said(&bare, "certificate required").await?;
    ensure!(!answer.contains("healthy"), "it says {answer}");
    Ok(())
}

pub async fn a_renewed_certificate_reaches_clients_and_disturbs_nobody(scene: Scene) -> Outcome {
    let files = start(
        &scene,
        json!({"exposure": "Cluster"}),
        &Authority::new("first")?,
    )
    .await?;
    is_well(&files, |probe| {
        let question = probe.http_get.as_ref();
        question.is_some_and(|question| question.scheme.as_deref() == Some("HTTPS"))
    })
    .await?;
    let address = cluster_address(&files, "files-api").await?;
    let client = Client::start(&files).await?;
    // The shell would take its own `wget` without the path.
    let question =
        format!("/bin/wget -q -T 4 --no-check-certificate -O - https://{address}:8080/health");
    client.wait_said(&question, "healthy").await?;
    let shown = format!(
        "timeout 5 openssl s_client -connect {address}:8080 </dev/null 2>&1 | grep ^subject"
    );
    client.wait_said(&shown, "first.example").await?;
    let before = files.pod().await?;
    let probe = NfsProbe::start(nfs_address(&files).await?);

    // By another authority, so that the sidecar has to take up that one too.
    let second = Authority::new("second")?;
    second
        .give_server(&files, CERTIFICATE, "second.example")
        .await?;
    wait_for(
        "the server to show the new certificate",
        SECRET_DEADLINE,
        || async {
            let said = client.run(&shown).map_err(|error| error.to_string())?;
            said.contains("second.example").then_some(()).ok_or(said)
        },
    )
    .await?;
    probe.finish().await?;
    sidecar_begins_anew(&files).await?;
    is_well(&files, |_| true).await?;
    let after = files.pod().await?;
    ensure!(before.uid() == after.uid(), "the pod was recreated");
    Ok(())
}

/// An instance with a certificate of this authority.
async fn start(
    scene: &Scene,
    mut control_plane: Value,
    authority: &Authority,
) -> Result<Instance, Error> {
    let files = Instance {
        scene: scene.clone(),
        name: "files".to_owned(),
    };
    authority
        .give_server(&files, CERTIFICATE, "first.example")
        .await?;
    control_plane["certSecretName"] = json!(CERTIFICATE);
    Instance::create(scene, "files", json!({"controlPlane": control_plane})).await
}

/// The same with certificates of clients, of which the sidecar has one.
async fn start_mutual(scene: &Scene, mut control_plane: Value) -> Result<Instance, Error> {
    let files = Instance {
        scene: scene.clone(),
        name: "files".to_owned(),
    };
    let clients = Authority::new("clients")?;
    clients.give_itself(&files, CLIENT_CA).await?;
    clients
        .give_client(&files, CLIENT_CERTIFICATE, "sidecar.example")
        .await?;
    control_plane["clientCASecretName"] = json!(CLIENT_CA);
    control_plane["clientCertSecretName"] = json!(CLIENT_CERTIFICATE);
    start(scene, control_plane, &Authority::new("servers")?).await
}

/// The sidecar is let in and its adapters are exposed; the kubelet asks in this way, is answered, and restarts nothing.
async fn is_well(files: &Instance, asks: impl Fn(&Probe) -> bool) -> Outcome {
    files.wait_ready().await?;
    files
        .wait_condition("Authenticated", "True", None, API_DEADLINE)
        .await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let found = wait_for("a liveness probe to succeed", POD_DEADLINE, || async {
        let probes = liveness(files)?;
        // On a busy machine a single one may take too long.
        let (good, bad): (Vec<_>, Vec<_>) = probes
            .iter()
            .partition(|(result, _)| result == "successful");
        let sum = |counts: Vec<&(String, u64)>| counts.iter().map(|(_, count)| count).sum::<u64>();
        (sum(good) > sum(bad))
            .then_some(())
            .ok_or(format!("{probes:?}"))
    });
    found.await?;
    let pod = files.pod().await?;
    ensure!(
        server_restarts(&pod) == 0,
        "the server restarted {} times",
        server_restarts(&pod)
    );
    let containers = pod.spec.map(|spec| spec.containers).unwrap_or_default();
    let probes = containers
        .iter()
        .flat_map(|one| [&one.startup_probe, &one.liveness_probe]);
    for probe in probes {
        ensure!(
            probe.as_ref().is_some_and(&asks),
            "the kubelet asks by {probe:?}"
        );
    }
    Ok(())
}

/// How the liveness probes of the server have ended, and how often, as the kubelet counts.
fn liveness(files: &Instance) -> Result<Vec<(String, u64)>, String> {
    let path = format!("/api/v1/nodes/{NODE_NAME}/proxy/metrics/probes");
    let cluster = &files.scene.world.cluster;
    let output = cluster.kubectl(["get", "--raw", &path]).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let wanted = [
        "prober_probe_total{".to_owned(),
        format!("container=\"{}\"", names::SERVER_CONTAINER),
        format!("namespace=\"{}\"", files.scene.namespace),
        "probe_type=\"Liveness\"".to_owned(),
    ];
    let lines = text
        .lines()
        .filter(|line| wanted.iter().all(|word| line.contains(word)));
    let parts = |line: &str| {
        let (labels, count) = line.rsplit_once(' ')?;
        let result = labels.split("result=\"").nth(1)?.split('"').next()?;
        Some((result.to_owned(), count.parse().ok()?))
    };
    Ok(lines.filter_map(parts).collect())
}

fn ask_in_the_pod(files: &Instance, scheme: &str) -> Result<String, std::io::Error> {
    let url = format!("{scheme}://127.0.0.1:8080/health");
    let words = ["wget", "-q", "-T", "4", "--no-check-certificate", "-O", "-"];
    run_in_server(files, &[&words[..], &[&url]].concat())
}

/// Waits until the API answers with this word: on a busy machine a single question may take too long.
async fn wait_answer(files: &Instance, scheme: &str, word: &str) -> Result<String, Error> {
    let what = format!("the API to say {word:?} by {scheme}");
    wait_word(&what, API_DEADLINE, word, || ask_in_the_pod(files, scheme)).await
}

/// A sidecar that has never spoken to the server before reads the adapters from it.
async fn sidecar_begins_anew(files: &Instance) -> Outcome {
    let pod = files.pod().await?;
    let first = other_sidecar(&pod, 0, "the sidecar").await?;
    processes::kill(first)?;
    other_sidecar(&pod, first, "the next sidecar").await?;
    let config_maps = files.api::<ConfigMap>();
    let name = names::adapters("files");
    let published = config_maps.get(&name).await?.data.unwrap_or_default();
    config_maps.delete(&name, &DeleteParams::default()).await?;
    wait_published(files, published.get("adapters").map(String::as_str)).await
}
