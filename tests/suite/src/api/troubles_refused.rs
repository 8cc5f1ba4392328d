//! What the API server refuses: to the StatefulSet controller, which creates the pod, and to the operator.

use dittofs_rig::wait_for;
use dittofs_shared::labels;
use dittofs_suite::instance::{API_DEADLINE, Instance, merge};
use dittofs_suite::troubleshooting::shows;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::{LimitRange, Pod, ResourceQuota, Service};
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use super::seen::{
    any_service, pod_never_runs, wait_object, wait_service_refused, without_pod, write,
};
use super::storage::with_pod;

const GROUP: &str = "admissionregistration.k8s.io";

/// What admits objects in the namespace of the test.
struct Admission<'a> {
    scene: &'a Scene,
    made: Vec<(&'static str, String)>,
}

impl Admission<'_> {
    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, "v1", kind));
        Api::all_with(self.scene.client.clone(), &kind)
    }

    async fn add(&mut self, kind: &'static str, more: Value) -> Outcome {
        let name = self.scene.namespace.clone();
        let mut object = json!({
            "apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": {"name": name},
        });
        merge(&mut object, more);
        let object = serde_json::from_value(object)?;
        self.api(kind)
            .create(&PostParams::default(), &object)
            .await?;
        self.made.push((kind, name));
        Ok(())
    }

    fn here(&self) -> Value {
        json!({"matchLabels": {"kubernetes.io/metadata.name": self.scene.namespace}})
    }

    /// Refuses to create what is a `resource` and fits `expression`.
    async fn forbid(&mut self, group: &str, resource: &str, expression: &str) -> Outcome {
        let policy = json!({"spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [group], "apiVersions": ["v1"], "resources": [resource], "operations": ["CREATE"],
            }]},
            "validations": [{"expression": format!("!({expression})"), "message": "not in this cluster"}],
        }});
        self.add("ValidatingAdmissionPolicy", policy).await?;
        let binding = json!({"spec": {
            "policyName": self.scene.namespace,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": self.here()},
        }});
        self.add("ValidatingAdmissionPolicyBinding", binding).await
    }

    /// A webhook that nobody answers, for the pods of an instance.
    async fn ask_in_vain(&mut self, instance: &str) -> Outcome {
        let webhook = json!({"webhooks": [{
            "name": "pods.example.com",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
            "namespaceSelector": self.here(),
            "objectSelector": {"matchLabels": {labels::INSTANCE: instance}},
        }]});
        self.add("ValidatingWebhookConfiguration", webhook).await
    }

    async fn end(self) -> Outcome {
        for (kind, name) in &self.made {
            self.api(kind)
                .delete(name, &DeleteParams::default())
                .await?;
        }
        Ok(())
    }
}

async fn limit(files: &Instance) -> Outcome {
    let limits: LimitRange = serde_json::from_value(json!({
        "metadata": {"name": "limits"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]},
    }))?;
    let quota: ResourceQuota = serde_json::from_value(json!({
        "metadata": {"name": "small"}, "spec": {"hard": {"pods": "0"}},
    }))?;
    let now = PostParams::default();
    files.api::<LimitRange>().create(&now, &limits).await?;
    files.api::<ResourceQuota>().create(&now, &quota).await?;
    wait_for("the quota to count", API_DEADLINE, || async {
        let quota = files.api::<ResourceQuota>().get("small").await;
        let quota = quota.map_err(|error| error.to_string())?;
        quota
            .status
            .and_then(|status| status.used)
            .map(drop)
            .ok_or_else(|| "it does not".to_owned())
    })
    .await?;
    Ok(())
}

/// Admission asks for a quota last, so that each instance meets what is meant for it.
pub async fn what_the_api_server_refuses_to_create_is_told(scene: Scene) -> Outcome {
    let mut admission = Admission {
        scene: &scene,
        made: Vec::new(),
    };
    let policed = format!(
        "has(object.metadata.labels) && object.metadata.labels[?'{}'].orValue('') == 'policed'",
        labels::INSTANCE
    );
    admission.forbid("", "pods", &policed).await?;
    admission.ask_in_vain("hooked").await?;
    let files = Instance {
        scene: scene.clone(),
        name: "files".to_owned(),
    };
    limit(&files).await?;
    let trials = [
        ("files", json!({}), "Quota exceeded"),
        (
            "limited",
            json!({"resources": {"limits": {"memory": "2Gi"}}}),
            "LimitRange too small",
        ),
        (
            "insecure",
            json!({"podSecurityContext": {"seccompProfile": {"type": "Unconfined"}}}),
            "PodSecurity refuses the pod",
        ),
        (
            "nobody",
            json!({"pod": {"serviceAccountName": "nobody"}}),
            "ServiceAccount missing",
        ),
        ("policed", json!({}), "Admission policy refuses the pod"),
        ("hooked", json!({}), "Admission webhook does not answer"),
    ];
    let mut instances = Vec::new();
    for (name, more, failure) in trials {
        let mut spec = with_pod();
        merge(&mut spec, more);
        instances.push((Instance::create(&scene, name, spec).await?, failure));
    }
    for (instance, failure) in &instances {
        shows(instance, failure).await?;
    }
    admission.end().await?;
    retries_at_once(&files).await
}

/// What the message advises has the effect that it promises.
async fn retries_at_once(files: &Instance) -> Outcome {
    // Enough for the others of this test, too, which are retried meanwhile.
    let more = json!({"spec": {"hard": {"pods": "10"}}});
    write::<ResourceQuota>(files, "somebody", "small", more).await?;
    wait_object::<ResourceQuota>(files, "small", "counts", |quota| {
        let hard = quota
            .status
            .as_ref()
            .and_then(|status| status.hard.as_ref());
        let pods = hard.and_then(|hard| hard.get("pods"));
        let is_seen = pods.is_some_and(|pods| pods.0 == "10");
        is_seen.then_some(()).ok_or_else(|| format!("{hard:?}"))
    })
    .await?;
    let words = ["rollout", "restart", "statefulset", "files"];
    let output = files.scene.kubectl(&words).output()?;
    ensure!(
        output.status.success(),
        "kubectl rollout restart: {output:?}"
    );
    let pods = files.api::<Pod>();
    wait_for("the pod to be created", API_DEADLINE, || async {
        pods.get("files-0")
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    })
    .await?;
    Ok(())
}

pub async fn what_the_operator_may_not_write_is_told(scene: Scene) -> Outcome {
    let mut admission = Admission {
        scene: &scene,
        made: Vec::new(),
    };
    let policed = "object.metadata.name.startsWith('policed')";
    admission.forbid("", "services", policed).await?;
    wait_service_refused(&scene, "policed", |_| true).await?;
    let services: Api<Service> = Api::namespaced(scene.client.clone(), &scene.namespace);
    services
        .create(&PostParams::default(), &any_service("taken-headless")?)
        .await?;
    let policed = Instance::create(&scene, "policed", without_pod()).await?;
    let taken = Instance::create(&scene, "taken", pod_never_runs()).await?;
    shows(&policed, "Admission policy refuses another object").await?;
    shows(&taken, "Name of an object taken").await?;
    admission.end().await
}
