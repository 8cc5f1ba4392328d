//! What the API server fills in, leaves out or spells in its own way in what users write is no difference.

use dittofs_shared::crd::DittoServer;
use dittofs_shared::labels;
use dittofs_suite::instance::Instance;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;

use super::secrets::nudge;
use super::seen::{Failed, both_exposed, ensure_quiet, of_instance, settled};

/// Volumes of many kinds, each without what has a default, and with what is not stored.
fn volumes() -> Value {
    json!([
        {"name": "a", "secret": {"secretName": "absent", "optional": true, "items": []}},
        {"name": "b", "configMap": {"name": "absent", "optional": true, "items": [{"key": "a", "path": "a"}]}},
        {"name": "c", "projected": {"sources": [
            {"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {"serviceAccountToken": {"path": "token"}},
        ]}},
        {"name": "d", "downwardAPI": {"items": [
            {"path": "a", "resourceFieldRef": {"containerName": "dittofs", "resource": "limits.cpu"}},
        ]}},
        {"name": "e", "hostPath": {"path": "/e"}},
        {"name": "f", "emptyDir": {"sizeLimit": 1_048_576, "medium": ""}},
        {"name": "g", "persistentVolumeClaim": {"claimName": "g", "readOnly": false}},
        {"name": "h", "ephemeral": {"volumeClaimTemplate": {"spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}},
        }}}},
        {"name": "i", "nfs": {"server": "192.0.2.1", "path": "/i", "readOnly": false}},
        {"name": "j", "iscsi": {
            "targetPortal": "192.0.2.1", "iqn": "iqn.2026-01.com.example:a", "lun": 0, "readOnly": false,
            "chapAuthDiscovery": false, "chapAuthSession": false,
        }},
        {"name": "k", "csi": {"driver": "csi.example.com", "readOnly": false}},
        {"name": "l", "awsElasticBlockStore": {"volumeID": "l", "partition": 0, "readOnly": false}},
        {"name": "m", "gcePersistentDisk": {"pdName": "m", "partition": 0}},
        {"name": "n", "azureDisk": {"diskName": "n", "diskURI": "https://example.com/n"}},
        {"name": "o", "rbd": {"monitors": ["192.0.2.1"], "image": "o"}},
        {"name": "p"},
    ])
}

fn pod() -> Value {
    let terms = json!({"matchExpressions": [{"key": "a", "operator": "Exists"}]});
    let others = json!({"labelSelector": {"matchLabels": {"a": "b"}}, "topologyKey": "zone"});
    json!({
        "volumes": volumes(),
        "volumeMounts": [
            {"name": "a", "mountPath": "/a", "readOnly": false, "subPath": ""},
            {"name": "f", "mountPath": "/f"},
        ],
        "env": [
            {"name": "A", "value": ""},
            {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
            {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            {"name": "D", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": 1}}},
            {"name": "E", "valueFrom": {"configMapKeyRef": {"name": "absent", "key": "a", "optional": true}}},
        ],
        "tolerations": [{"operator": "Exists"}, {"key": "a", "operator": "", "value": "b", "effect": ""}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [terms]},
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": terms}],
            },
            "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [others]},
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": others}],
            },
        },
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"a": "b"}},
        }],
        "imagePullSecrets": [{"name": "a"}],
    })
}

fn policies() -> Value {
    json!({
        "adapters": {"from": [
            {"podSelector": {}},
            {"namespaceSelector": {"matchLabels": {}, "matchExpressions": []}},
            {"ipBlock": {"cidr": "192.0.2.0/24", "except": []}},
        ]},
        "egress": {
            "rules": [
                {"ports": [
                    {"port": 443}, {"port": 53, "protocol": "UDP"}, {"port": "named"}, {"port": 1000, "endPort": 2000}, {},
                ]},
                {"to": [{"namespaceSelector": {}}]},
                {"ports": [], "to": []},
            ],
            "apiServer": {"to": [{"ipBlock": {"cidr": "192.0.2.10/32"}}]},
        },
    })
}

fn spec() -> Value {
    json!({
        "replicas": 0,
        "pod": pod(),
        "networkPolicy": policies(),
        "resources": {"limits": {"cpu": 1, "memory": "0.5Gi"}, "requests": {"cpu": "1000m"}},
        "sidecar": {"resources": {"limits": {"cpu": "0.5"}}},
        "securityContext": {
            "capabilities": {"add": [], "drop": ["ALL"]}, "seLinuxOptions": {}, "privileged": false,
        },
        "podSecurityContext": {"supplementalGroups": [], "sysctls": [], "seLinuxOptions": {"level": ""}},
        "service": {},
        "metrics": {"enabled": true, "serviceMonitor": {"enabled": true, "interval": "30s"}},
        "adapterServices": {
            "type": "NodePort",
            "serviceTemplate": {"spec": {
                "sessionAffinity": "ClientIP", "healthCheckNodePort": 0,
                "ports": [{"port": 2049, "nodePort": 0}, {"port": 111, "protocol": "UDP"}],
            }},
            "gateway": {"parentRefs": [{"name": "gateway"}]},
        },
    })
}

/// None of them came back different from what was sent.
async fn none_is_rewritten<K>(files: &Instance) -> Result<(), Failed>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + Debug + DeserializeOwned,
{
    for object in of_instance::<K>(files).await? {
        ensure!(
            !object.annotations().contains_key(labels::OVERRULED_HASH),
            "{} {} is not as it was sent: {object:?}",
            K::kind(&()),
            object.name_any()
        );
    }
    Ok(())
}

pub async fn what_the_api_server_fills_in_is_no_difference(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, "files", spec()).await?;
    settled(&scene).await?;
    let server = files.api::<DittoServer>().get("files").await?;
    let conditions = server.status.unwrap_or_default().conditions;
    ensure!(
        conditions.iter().all(|found| found.reason != "ApplyFailed"),
        "{conditions:?}"
    );
    none_is_rewritten::<StatefulSet>(&files).await?;
    none_is_rewritten::<Service>(&files).await?;
    none_is_rewritten::<NetworkPolicy>(&files).await?;
    let mark = scene.world.cluster.audit().mark()?;
    for count in 0..3 {
        nudge(&files, count).await?;
    }
    ensure_quiet(&scene, mark).await
}
