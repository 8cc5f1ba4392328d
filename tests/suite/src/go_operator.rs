//! Objects as the Go operator makes them for a `DittoServer`, so far as it matters whose they are: names, labels, owner,
//! and the way they are written (create and update, no server-side apply).

use dittofs_operator_core::optional::OptionalKind;
use dittofs_shared::crd::DittoServer;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::{Value, json};

use crate::instance::merge;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The Go operator, as far as its objects go.
#[derive(Clone, Copy, Debug)]
pub struct GoOperator {
    /// Name under which it writes: that of its program. Published images have `manager`.
    pub field_manager: &'static str,
}

/// What a spec asks of it beyond the plain server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Nothing.
    Plain,
    /// `spec.metrics` with a `ServiceMonitor`.
    Metrics,
    /// `spec.percona`.
    Percona,
}

/// Core and built-in kinds: apiVersion, kind.
const KINDS: [(&str, &str); 5] = [
    ("v1", "Secret"),
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("apps/v1", "StatefulSet"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
];

/// The kinds of which it makes objects.
pub fn kinds() -> Vec<ApiResource> {
    let built_in = KINDS.iter().map(|(version, kind)| {
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
    });
    let optional = [OptionalKind::ServiceMonitor, OptionalKind::PerconaPGCluster];
    built_in
        .chain(optional.map(OptionalKind::resource))
        .collect()
}

impl GoOperator {
    /// Makes everything that it makes for a `DittoServer` with an NFS adapter, in its order.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn reconcile(
        self,
        client: &Client,
        server: &DittoServer,
        extra: Extra,
    ) -> Result<(), Error> {
        let namespace = server.namespace().unwrap_or_default();
        let parameters = PostParams {
            field_manager: Some(self.field_manager.to_owned()),
            ..PostParams::default()
        };
        for object in objects(server, extra) {
            let resource = kinds()
                .into_iter()
                .find(|kind| object["kind"] == kind.kind)
                .ok_or("it makes no such kind")?;
            let api: Api<DynamicObject> =
                Api::namespaced_with(client.clone(), &namespace, &resource);
            let object: DynamicObject = serde_json::from_value(object)?;
            api.create(&parameters, &object).await?;
        }
        Ok(())
    }
}

fn objects(server: &DittoServer, extra: Extra) -> Vec<Value> {
    let name = server.name_any();
    let selected = json!({"app": "dittofs-server", "instance": name});
    let marked = |marks: Value| {
        let mut labels = selected.clone();
        merge(&mut labels, marks);
        labels
    };
    let service = |suffix: &str, labels: Value, port: u16| {
        json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": format!("{name}-{suffix}"), "labels": labels},
            "spec": {"selector": selected, "ports": [{"name": "api", "port": port}]}})
    };
    let policy = |suffix: &str, labels: Value, port: u16| {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": format!("{name}-{suffix}"), "labels": labels},
            "spec": {"podSelector": {"matchLabels": selected}, "policyTypes": ["Ingress"],
                "ingress": [{"ports": [{"port": port, "protocol": "TCP"}]}]}})
    };
    let secret = |suffix: &str, data: Value| {
        json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": format!("{name}-{suffix}")}, "stringData": data})
    };
    let mut headless = service("headless", selected.clone(), 8080);
    headless["spec"]["clusterIP"] = json!("None");
    let mut all = vec![
        secret("jwt-secret", json!({"jwt-secret": "0".repeat(64)})),
        secret(
            "admin-bootstrap-credentials",
            json!({"username": "admin", "password": "a-long-password"}),
        ),
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("{name}-config")},
            "data": {"config.yaml": "logging:\n    level: INFO\n"}}),
        headless,
        service("api", selected.clone(), 8080),
    ];
    all.extend(of_extra(&name, extra, &marked, &service));
    all.extend([
        stateful_set(&name, &selected),
        policy(
            "baseline",
            marked(json!({"dittofs.io/baseline-networkpolicy": "true"})),
            8080,
        ),
        secret(
            "operator-credentials",
            json!({"username": "k8s-operator", "password": "another-password"}),
        ),
        service(
            "adapter-nfs",
            marked(json!({"dittofs.io/adapter-service": "true", "dittofs.io/adapter-type": "nfs"})),
            12049,
        ),
        policy(
            "adapter-nfs",
            marked(
                json!({"dittofs.io/adapter-networkpolicy": "true", "dittofs.io/adapter-type": "nfs"}),
            ),
            12049,
        ),
    ]);
    let owner = server.controller_owner_ref(&());
    for object in &mut all {
        object["metadata"]["ownerReferences"] = json!([owner]);
    }
    all
}

fn of_extra(
    name: &str,
    extra: Extra,
    marked: &impl Fn(Value) -> Value,
    service: &impl Fn(&str, Value, u16) -> Value,
) -> Vec<Value> {
    let labels = marked(json!({"dittofs.io/metrics-service": "true"}));
    match extra {
        Extra::Plain => vec![],
        Extra::Metrics => vec![
            service("metrics", labels.clone(), 9090),
            json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
                "metadata": {"name": format!("{name}-metrics"), "labels": labels},
                "spec": {"selector": {"matchLabels": labels}, "endpoints": [{"port": "metrics"}]}}),
        ],
        Extra::Percona => vec![
            json!({"apiVersion": "pgv2.percona.com/v2", "kind": "PerconaPGCluster",
                "metadata": {"name": format!("{name}-postgres")},
                "spec": {"crVersion": "2.8.0", "postgresVersion": 16,
                    "instances": [{"name": "instance1", "replicas": 1, "dataVolumeClaimSpec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": "1Gi"}}}}],
                    "users": [{"name": "dittofs", "databases": ["dittofs"]}],
                    "backups": {"enabled": false}}}),
        ],
    }
}

fn stateful_set(name: &str, selected: &Value) -> Value {
    let claim = |template: &str| {
        json!({"metadata": {"name": template}, "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "nowhere",
            "resources": {"requests": {"storage": "1Gi"}}}})
    };
    let claims = ["metadata", "content", "controlplane"].map(claim);
    let mount = |volume: &str, path: &str| json!({"name": volume, "mountPath": path});
    let container = json!({
        "name": "dittofs", "image": "docker.io/local/dittofs:0.29.0",
        "command": ["/app/dfs"], "args": ["start", "--foreground", "--config", "/config/config.yaml"],
        "volumeMounts": [mount("config", "/config"), mount("metadata", "/data/store/metadata"),
            mount("content", "/data/store/block"), mount("controlplane", "/data/controlplane")],
        "securityContext": {"allowPrivilegeEscalation": false, "runAsNonRoot": true,
            "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}},
    });
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": {
        "replicas": 1, "serviceName": format!("{name}-headless"),
        "selector": {"matchLabels": selected},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "volumeClaimTemplates": claims,
        "template": {
            "metadata": {"labels": selected, "annotations": {"dittofs.io/config-hash": "0"}},
            "spec": {"containers": [container], "automountServiceAccountToken": false,
                "securityContext": {"fsGroup": 65532}, "terminationGracePeriodSeconds": 105,
                "volumes": [{"name": "config", "configMap": {"name": format!("{name}-config")}}]},
        },
    }})
}
