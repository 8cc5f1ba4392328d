//! Law 3, field by field: which changes of the spec restart a running server, and which must not.

use dittofs_operator::desired::Desired;
use dittofs_operator::observe::Observed;
use dittofs_shared::labels;
use dittofs_shared::published::{Adapter, PublishedState, ServerState, ServerStatus};
use dittofs_shared::server::DittoServer;
use dittofs_suite::instance::merge;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{CustomResourceExt as _, ResourceExt as _};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::case::{bare, facts, parse, with_identity};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A change of the spec, and the parts of the roll hash that it changes.
fn rows() -> Vec<(Value, &'static [&'static str])> {
    let peers = json!([{"podSelector": {"matchLabels": {"a": "b"}}}]);
    let limits = json!({"limits": {"memory": "1Gi"}});
    let mut rows = vec![
        (json!({"image": "other:2"}), &["image"][..]),
        (json!({"resources": limits}), &["resources"]),
        (json!({"logging": {"level": "DEBUG"}}), &["config"]),
        (json!({"logging": {"format": "text"}}), &["config"]),
        (json!({"logging": {"output": "stderr"}}), &["config"]),
        (json!({"controlPlane": {"port": 9090}}), &["config"]),
        (
            json!({"controlPlane": {"exposure": "Cluster"}}),
            &["config"],
        ),
        (
            json!({"database": {"sqlite": {"path": "/data/controlplane/other.db"}}}),
            &["config"],
        ),
        (
            json!({"identity": {"jwt": {"accessTokenDuration": "5m"}}}),
            &["config"],
        ),
        (
            json!({"identity": {"jwt": {"refreshTokenDuration": "24h"}}}),
            &["config"],
        ),
        (
            json!({"identity": {"jwt": {"secretRef": {"name": "own", "key": "jwt"}}}}),
            &["secrets"],
        ),
        (
            json!({"identity": {"admin": {"username": "root"}}}),
            &["config"],
        ),
        (
            json!({"securityContext": {"runAsUser": 1000}}),
            &["security"],
        ),
        (
            json!({"podSecurityContext": {"fsGroup": 1000}}),
            &["security"],
        ),
        (json!({"terminationGracePeriodSeconds": 200}), &["grace"]),
        (json!({"storage": {"contentSize": "1Gi"}}), &["volumes"]),
        (
            json!({"pod": {"nodeSelector": {"a": "b"}}}),
            &["scheduling"],
        ),
        (
            json!({"pod": {"tolerations": [{"operator": "Exists"}]}}),
            &["scheduling"],
        ),
        (
            json!({"pod": {"affinity": {"nodeAffinity": {}}}}),
            &["scheduling"],
        ),
        (
            json!({"pod": {"topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"},
            ]}}),
            &["scheduling"],
        ),
        (
            json!({"pod": {"priorityClassName": "files"}}),
            &["scheduling"],
        ),
    ];
    let quiet = [
        json!({"identity": {"admin": {"passwordSecretRef": {"name": "own", "key": "password"}}}}),
        json!({"storage": {"metadataSize": "2Gi"}}),
        json!({"storage": {"controlPlaneSize": "2Gi"}}),
        json!({"storage": {"storageClassName": "fast"}}),
        json!({"replicas": 0}),
        json!({"rollPolicy": "Manual"}),
        json!({"paused": true}),
        json!({"adapterDiscovery": {"pollingInterval": "2s"}}),
        json!({"adapterDiscovery": {"removalHold": "2m"}}),
        json!({"adapterServices": {"type": "ClusterIP"}}),
        json!({"adapterServices": {"annotations": {"a": "b"}}}),
        json!({"adapterServices": {"labels": {"a": "b"}}}),
        json!({"adapterServices": {"nameTemplate": "{adapter}-of-{instance}"}}),
        json!({"adapterServices": {"overrides": {"smb": {"port": 445, "type": "NodePort"}}}}),
        json!({"networkPolicy": {"enabled": false}}),
        json!({"networkPolicy": {"adapters": {"from": peers}}}),
        json!({"networkPolicy": {"api": {"from": peers}}}),
        json!({"sidecar": {"image": "other:2"}}),
        json!({"pod": {"imagePullSecrets": [{"name": "pull"}]}}),
        json!({"pod": {"imagePullPolicy": "Always"}}),
        json!({"pod": {"annotations": {"a": "b"}}}),
        json!({"pod": {"labels": {"a": "b"}}}),
        json!({"sidecar": {"resources": limits}}),
        json!({"sidecar": {"logLevel": "DEBUG"}}),
    ];
    rows.extend(quiet.map(|patch| (patch, &[][..])));
    rows
}

pub fn table() -> Outcome {
    let before = parts_of(&observed(&json!({}))?)?;
    let mut wrong = Vec::new();
    for (patch, expected) in rows() {
        let after = parts_of(&observed(&patch)?)?;
        let changed = changed(&before, &after);
        if changed != expected {
            wrong.push(format!(
                "{patch} changes {changed:?}, and {expected:?} is expected"
            ));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// A new field must be put into the table: does a running server have to be restarted for it?
pub fn table_is_complete() -> Outcome {
    let crd = serde_json::to_value(DittoServer::crd())?;
    let spec = crd
        .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec")
        .ok_or("the definition has no spec")?;
    let mut covered = BTreeSet::new();
    for (patch, _) in rows() {
        leaves(&patch, spec, "", &mut covered);
    }
    let mut all = BTreeSet::new();
    fields(spec, "", &mut all);
    // One kind of database only, so that there is nothing to change it to.
    let known = BTreeSet::from([".database.type".to_owned()]);
    let missing: Vec<_> = all
        .difference(&covered)
        .filter(|field| !known.contains(*field))
        .cloned()
        .collect();
    ensure!(
        missing.is_empty(),
        "no row of the table changes {}",
        missing.join(", ")
    );
    Ok(())
}

/// What changes outside the spec.
pub fn beyond_the_spec() -> Outcome {
    let base = observed(&json!({}))?;
    let before = parts_of(&base)?;
    let with = |change: &dyn Fn(&mut Observed)| -> Result<Vec<String>, Error> {
        let mut observed = base.clone();
        change(&mut observed);
        Ok(changed(&before, &parts_of(&observed)?))
    };
    let rekeyed = |name: &'static str, key: &'static str| {
        move |observed: &mut Observed| {
            let length = 48;
            let secret = facts(BTreeMap::from([(key.to_owned(), length)]));
            observed.secrets.insert(name.to_owned(), secret);
        }
    };
    let jwt = with(&rekeyed("files-jwt-secret", "jwt-secret"))?;
    ensure!(jwt == ["secrets"], "another signing key changes {jwt:?}");
    let admin = with(&rekeyed("files-admin-bootstrap-credentials", "password"))?;
    ensure!(admin.is_empty(), "a first password changes {admin:?}");
    let sidecar = with(&rekeyed("files-sidecar-credentials", "password"))?;
    ensure!(
        sidecar.is_empty(),
        "the sidecar's password changes {sidecar:?}"
    );
    let generation = with(&|observed| observed.server.metadata.generation = Some(7))?;
    ensure!(
        generation.is_empty(),
        "metadata.generation changes {generation:?}"
    );
    let labelled = with(&|observed| {
        observed
            .server
            .labels_mut()
            .insert("a".to_owned(), "b".to_owned());
    })?;
    ensure!(labelled.is_empty(), "a label changes {labelled:?}");
    for ports in [&[("nfs", 12049)][..], &[("nfs", 2049), ("smb", 445)], &[]] {
        let adapters = with(&|observed| observed.adapters = Some(published(ports)))?;
        ensure!(
            adapters.is_empty(),
            "adapters {ports:?} change {adapters:?}"
        );
    }
    Ok(())
}

fn observed(patch: &Value) -> Result<Observed, Error> {
    let mut server = json!({
        "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
        "metadata": {"name": "files"},
        "spec": {"storage": {"metadataSize": "1Gi"}},
    });
    merge(&mut server["spec"], patch.clone());
    let mut observed = bare(with_identity(serde_json::from_value(server)?));
    let own = [("jwt".to_owned(), 40), ("password".to_owned(), 12)];
    observed
        .secrets
        .insert("own".to_owned(), facts(own.into_iter().collect()));
    Ok(observed)
}

fn published(ports: &[(&str, i64)]) -> Arc<ConfigMap> {
    let adapter = |(r#type, port): &(&str, i64)| Adapter {
        r#type: (*r#type).to_owned(),
        port: *port,
        enabled: true,
        running: true,
        leaving_since: None,
    };
    let state = PublishedState {
        server: ServerState {
            status: ServerStatus::Reachable,
            since: "2026-01-02T03:04:05Z".parse().unwrap(),
            message: None,
        },
        adapters: Some(ports.iter().map(adapter).collect()),
    };
    let mut config_map = ConfigMap {
        data: Some(state.encode()),
        ..ConfigMap::default()
    };
    super::signed_by_sidecar(&mut config_map);
    Arc::new(config_map)
}

/// The roll hash by its parts.
fn parts_of(observed: &Observed) -> Result<BTreeMap<String, String>, Error> {
    let stateful_set = Desired::of(&parse(observed))
        .stateful_set
        .ok_or("no StatefulSet is made")?;
    let template = stateful_set.spec.ok_or("no spec")?.template;
    let annotations = template.metadata.unwrap_or_default().annotations;
    let hash = annotations
        .unwrap_or_default()
        .remove(labels::ROLL_HASH)
        .ok_or("no roll hash")?;
    let parts = hash.split_whitespace().filter_map(|part| {
        let (name, value) = part.split_once(':')?;
        Some((name.to_owned(), value.to_owned()))
    });
    Ok(parts.collect())
}

fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
        .collect()
}

/// Whether the table looks into this part of the schema. Types of Kubernetes itself are changed as a whole, and so are
/// the settings of single adapters.
fn is_whole(schema: &Value, path: &str) -> bool {
    const WHOLE: [&str; 7] = [
        ".pod.affinity",
        ".resources",
        ".securityContext",
        ".podSecurityContext",
        ".sidecar.resources",
        ".identity.jwt.secretRef",
        ".identity.admin.passwordSecretRef",
    ];
    schema["properties"].is_null() || WHOLE.contains(&path)
}

fn fields(schema: &Value, path: &str, all: &mut BTreeSet<String>) {
    if is_whole(schema, path) {
        all.insert(path.to_owned());
        return;
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        fields(property, &format!("{path}.{name}"), all);
    }
}

fn leaves(change: &Value, schema: &Value, path: &str, covered: &mut BTreeSet<String>) {
    if is_whole(schema, path) {
        covered.insert(path.to_owned());
        return;
    }
    for (name, value) in change.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        leaves(value, &schema["properties"][name], &path, covered);
    }
}
