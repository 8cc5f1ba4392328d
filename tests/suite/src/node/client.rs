//! Another pod, with a busybox, for looking at an instance from outside.

use dittofs_rig::images;
use dittofs_rig::wait_for;
use dittofs_suite::instance::{Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::PostParams;
use serde_json::json;
use std::time::Duration;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A pod with a busybox.
pub struct Client<'a> {
    scene: &'a Scene,
}

impl<'a> Client<'a> {
    /// Makes it, in the namespace of an instance, and waits until it runs.
    pub async fn start(instance: &'a Instance) -> Result<Self, Error> {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "client"},
            "spec": {
                "automountServiceAccountToken": false,
                "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                "terminationGracePeriodSeconds": 0,
                "containers": [{
                    "name": "client", "image": images::CLIENT,
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                }],
            },
        }))?;
        let pods = instance.api::<Pod>();
        pods.create(&PostParams::default(), &pod).await?;
        wait_for("the client pod to run", POD_DEADLINE, || async {
            let pod = pods
                .get("client")
                .await
                .map_err(|error| error.to_string())?;
            let phase = pod
                .status
                .and_then(|status| status.phase)
                .unwrap_or_default();
            if phase == "Running" {
                Ok(())
            } else {
                Err(phase)
            }
        })
        .await?;
        Ok(Self {
            scene: &instance.scene,
        })
    }

    /// Standard output and error of a shell command in the pod, whatever its exit code.
    pub fn run(&self, script: &str) -> Result<String, std::io::Error> {
        execute(self.scene, "client", "client", &["sh", "-c", script])
    }

    /// Waits until a shell command says something with this word in it: the way to a Service takes a moment to be there.
    pub async fn wait_said(&self, script: &str, word: &str) -> Result<String, Error> {
        let what = format!("{script} to say {word:?}");
        wait_word(&what, POD_DEADLINE, word, || self.run(script)).await
    }
}

/// Asks until the answer has this word in it.
pub async fn wait_word(
    what: &str,
    deadline: Duration,
    word: &str,
    ask: impl Fn() -> Result<String, std::io::Error>,
) -> Result<String, Error> {
    let found = wait_for(what, deadline, || async {
        let said = ask().map_err(|error| error.to_string())?;
        if said.contains(word) {
            Ok(said)
        } else {
            Err(said)
        }
    });
    Ok(found.await?)
}

/// The same of a command in the container of the server, without a shell, as the kubelet runs its probes.
pub fn run_in_server(files: &Instance, command: &[&str]) -> Result<String, std::io::Error> {
    execute(&files.scene, "files-0", "dittofs", command)
}

fn execute(
    scene: &Scene,
    pod: &str,
    container: &str,
    command: &[&str],
) -> Result<String, std::io::Error> {
    let output = scene
        .kubectl(&["exec", pod, "-c", container, "--"])
        .args(command)
        .output()?;
    Ok(format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// The address of a Service within the cluster.
pub async fn cluster_address(files: &Instance, service: &str) -> Result<String, Error> {
    let service = files.api::<Service>().get(service).await?;
    let address = service.spec.and_then(|spec| spec.cluster_ip);
    address.ok_or_else(|| "the Service has no address".into())
}
