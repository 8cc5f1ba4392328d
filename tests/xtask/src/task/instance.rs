//! One `DittoServer` of the demo and of the measurements.

use dittofs_rig::audit::Entry;
use dittofs_rig::command;
use dittofs_rig::dittofs::Administrator;
use dittofs_rig::{Cluster, wait_for};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

type Error = Box<dyn std::error::Error + Send + Sync>;

const READY_DEADLINE: Duration = Duration::from_mins(3);
const CHANGE_DEADLINE: Duration = Duration::from_mins(1);

/// An instance in a namespace of its own.
pub struct Instance<'a> {
    pub cluster: &'a Cluster,
    namespace: &'static str,
    name: &'static str,
    created: Instant,
}

/// A change inside DittoFS and the Service that followed.
pub struct Timed {
    /// From the request to the commit of the Service.
    pub took: Duration,
    /// How much of that DittoFS took to answer. The sidecar may see the change before the answer.
    pub answered: Duration,
    /// What was done to the Service.
    pub verb: String,
    /// Its name.
    pub name: String,
}

impl<'a> Instance<'a> {
    /// Makes the namespace and the `DittoServer` in it.
    pub async fn create(
        cluster: &'a Cluster,
        namespace: &'static str,
        name: &'static str,
        spec: Value,
    ) -> Result<Self, Error> {
        let label = "pod-security.kubernetes.io/enforce";
        apply(
            cluster,
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {label: "restricted"}}}),
        )?;
        let account = ["-n", namespace, "get", "serviceaccount", "default"];
        wait_for(
            "the namespace's default ServiceAccount",
            CHANGE_DEADLINE,
            || async {
                command::run(&mut cluster.kubectl(account))
                    .map(drop)
                    .map_err(|error| error.to_string())
            },
        )
        .await?;
        let created = Instant::now();
        apply(
            cluster,
            &json!({
                "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
                "metadata": {"name": name, "namespace": namespace}, "spec": spec,
            }),
        )?;
        Ok(Self {
            cluster,
            namespace,
            name,
            created,
        })
    }

    /// Waits for `Ready=True` and says how long that took since it was made.
    pub async fn wait_ready(&self) -> Result<Duration, Error> {
        let words = ["-n", self.namespace, "get", "dittoserver", self.name, "-o"];
        let condition = "jsonpath={range .status.conditions[?(@.type==\"Ready\")]}{.status} {.reason}: {.message}{end}";
        wait_for("the DittoServer to be ready", READY_DEADLINE, || async {
            let seen = command::run(self.cluster.kubectl(words).arg(condition))
                .map_err(|error| error.to_string())?;
            if seen.starts_with("True") {
                Ok(())
            } else {
                Err(seen)
            }
        })
        .await?;
        Ok(self.created.elapsed())
    }

    /// The administrator of its server.
    pub async fn administrator(&self) -> Result<Administrator, Error> {
        Ok(Administrator::connect(self.cluster, self.namespace, self.name, 8080).await?)
    }

    /// The log of the server.
    pub fn server_log(&self) -> Result<String, Error> {
        let pod = format!("{}-0", self.name);
        let words = ["-n", self.namespace, "logs", &pod, "-c", "dittofs"];
        Ok(command::run(&mut self.cluster.kubectl(words))?)
    }

    /// Uid and restarts of the pod.
    pub fn pod_facts(&self) -> Result<String, Error> {
        let pod = format!("{}-0", self.name);
        let facts = "jsonpath=uid {.metadata.uid}, restarts: server {.status.containerStatuses[*].restartCount}, sidecar {.status.initContainerStatuses[*].restartCount}";
        Ok(command::run(
            self.cluster
                .kubectl(["-n", self.namespace, "get", "pod", &pod, "-o"])
                .arg(facts),
        )?)
    }

    /// Changes SMB and waits until the operator has committed its Service.
    pub async fn change(
        &self,
        administrator: &Administrator,
        change: &Value,
    ) -> Result<Timed, Error> {
        let audit = self.cluster.audit();
        let mark = audit.mark()?;
        let answer = administrator.set_adapter("smb", change).await?;
        let what = format!("the Service of SMB to follow {change}");
        let entry = wait_for(&what, CHANGE_DEADLINE, || async {
            let writes = audit
                .writes_since(mark)
                .map_err(|error| error.to_string())?;
            let count = writes.len();
            writes
                .into_iter()
                .find(|entry| self.is_service_of_smb(entry))
                .ok_or(format!("{count} other writes"))
        })
        .await?;
        let took = entry
            .stage_timestamp
            .duration_since(answer.at - answer.took);
        Ok(Timed {
            took: Duration::try_from(took).unwrap_or_default(),
            answered: answer.took,
            verb: entry.verb.clone(),
            name: entry.name.clone(),
        })
    }

    fn is_service_of_smb(&self, entry: &Entry) -> bool {
        entry.resource == "services"
            && entry.namespace == self.namespace
            && entry.name.ends_with("-smb")
            && entry.user_agent.starts_with("dittofs-operator/")
    }
}

/// `kubectl apply` of one object.
fn apply(cluster: &Cluster, object: &Value) -> Result<(), Error> {
    let mut child = cluster
        .kubectl(["apply", "--server-side", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    if let Some(stdin) = child.stdin.as_mut() {
        stdin.write_all(object.to_string().as_bytes())?;
    }
    let status = child.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("kubectl apply ended with {status}").into())
    }
}
