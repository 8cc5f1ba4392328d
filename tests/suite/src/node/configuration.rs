//! What a server starts with when its container is restarted in a pod that waits for a restart by hand.

use dittofs_rig::wait_for;
use dittofs_suite::certificates::Authority;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, processes};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::hardship::server_restarts;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A ConfigMap of the user's own beside the configuration: its file shows that the kubelet has brought up to date what this pod mounts.
const MARKER: &str = "marker";

async fn write_marker(files: &Instance, word: &str) -> Outcome {
    let body = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": MARKER}, "data": {"word": word},
    });
    let parameters = PatchParams::apply("somebody").force();
    let api = files.api::<ConfigMap>();
    api.patch(MARKER, &parameters, &Patch::Apply(body)).await?;
    Ok(())
}

/// The first process of the server's container.
fn server_process(pod: &Pod) -> Result<u32, String> {
    let found = processes::of_pod(pod, "dfs");
    found.first().copied().ok_or("no server runs".to_owned())
}

/// A file as the server sees it.
fn file(pod: &Pod, path: &str) -> Result<String, String> {
    let path = format!("/proc/{}/root{path}", server_process(pod)?);
    std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
}

/// Waits until the kubelet has brought the latest marker into the pod. It is quicker about a pod that has changed.
async fn wait_synced(files: &Instance, pod: &Pod, word: &str) -> Outcome {
    let pods = files.api::<Pod>();
    let touch = json!({"metadata": {"annotations": {"example.com/touched": word}}});
    pods.patch("files-0", &PatchParams::default(), &Patch::Merge(touch))
        .await?;
    wait_for(
        "the kubelet to update what is mounted",
        POD_DEADLINE,
        || async {
            match file(pod, "/marker/word")? {
                seen if seen == word => Ok(()),
                seen => Err(seen),
            }
        },
    )
    .await?;
    Ok(())
}

fn mounted_config(spec: &Value) -> String {
    let volumes = spec["volumes"].as_array().into_iter().flatten();
    let mut config = volumes.filter(|volume| volume["name"] == "config");
    let name = config.next().map(|volume| &volume["configMap"]["name"]);
    name.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Something that the API server has changed in the template, and the controller does not bring to the pod.
async fn wait_template(files: &Instance, volume: &str) -> Result<String, Error> {
    let api = files.api::<StatefulSet>();
    let what = format!("the template to have volume {volume}");
    let spec = wait_for(&what, API_DEADLINE, || async {
        let set = api.get("files").await.map_err(|error| error.to_string())?;
        let spec = json!(set)["spec"]["template"]["spec"].take();
        if spec["volumes"].to_string().contains(volume) {
            Ok(spec)
        } else {
            Err(spec["volumes"].to_string())
        }
    })
    .await?;
    Ok(mounted_config(&spec))
}

pub async fn a_server_that_crashes_comes_back_with_the_configuration_of_its_pod(
    scene: Scene,
) -> Outcome {
    let files = Instance {
        scene: scene.clone(),
        name: "files".to_owned(),
    };
    write_marker(&files, "old").await?;
    let spec = json!({
        "rollPolicy": "Manual",
        "pod": {
            "volumes": [{"name": MARKER, "configMap": {"name": MARKER}}],
            "volumeMounts": [{"name": MARKER, "mountPath": "/marker"}],
        },
    });
    Instance::create(&scene, "files", spec).await?;
    files.wait_ready().await?;
    let pod = files.pod().await?;
    let config = file(&pod, "/config/config.yaml")?;

    // The new configuration names files that this pod does not mount.
    let authority = Authority::new("first")?;
    let name = "files-api";
    authority
        .give_server(&files, "api-certificate", name)
        .await?;
    files
        .change(json!({"controlPlane": {"certSecretName": "api-certificate"}}))
        .await?;
    files
        .wait_condition("RollPending", "True", Some("Manual"), API_DEADLINE)
        .await?;
    let next = wait_template(&files, "api-certificate").await?;
    write_marker(&files, "new").await?;
    wait_synced(&files, &pod, "new").await?;
    ensure!(
        file(&pod, "/config/config.yaml")? == config,
        "the running pod has got the new configuration"
    );

    processes::kill(server_process(&pod)?)?;
    wait_for("the server to come back", POD_DEADLINE, || async {
        let now = files.pod().await.map_err(|error| error.to_string())?;
        let status = json!(now)["status"]["containerStatuses"][0].take();
        if server_restarts(&now) > 0 && status["ready"] == true {
            Ok(())
        } else {
            Err(status.to_string())
        }
    })
    .await?;
    files
        .wait_condition("Available", "True", None, POD_DEADLINE)
        .await?;
    let now = files.pod().await?;
    ensure!(now.uid() == pod.uid(), "the pod was recreated");
    ensure!(
        file(&now, "/config/config.yaml")? == config,
        "the server has started with another configuration"
    );
    let own = mounted_config(&json!(now)["spec"]);
    ensure!(own != next, "pod and template mount {own}");
    files.api::<ConfigMap>().get(&own).await?;
    Ok(())
}
