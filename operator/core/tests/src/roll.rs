//! Law 3, field by field: which changes of the spec restart a running server, and which must not.

use crate::fields::merge;
use crate::fields::{self, Change};
use crate::{Outcome, ensure};
use dittofs_operator_core::desired::Desired;
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::ownership::Ownership;
use dittofs_operator_core::reference;
use dittofs_operator_core::reference::rolls::{self, Rolls};
use dittofs_operator_core::secrets::KeyFacts;
use dittofs_shared::labels;
use dittofs_shared::published_state::{Adapter, PublishedState, ServerState, ServerStatus};
use dittofs_shared::reports::Reports;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::case::{bare, facts, parse, with_identity};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Fields of which the list already says what they will do, and which the operator does not act on yet.
const NOT_YET: &[&str] = &[];

fn is_not_yet(path: &str) -> bool {
    NOT_YET.iter().any(|field| path.starts_with(field))
}

/// Every change in `fields.yaml` does to the roll hash what `dittofs_operator_core::reference::rolls` says.
pub fn table() -> Outcome {
    let mut wrong = Vec::new();
    for (path, changes) in fields::all()? {
        if is_not_yet(&path) {
            continue;
        }
        let Some(rolls) = rolls::of(&path) else {
            wrong.push(format!("nothing says what {path} does"));
            continue;
        };
        let mut seen = BTreeSet::new();
        for change in &changes {
            seen.insert(effect(change).map_err(|error| format!("{path}: {error}"))?);
        }
        let expected: Vec<Vec<String>> = match rolls {
            Rolls::No | Rolls::NextPod | Rolls::Stored => vec![vec![]],
            Rolls::Yes(part) => vec![vec![part.to_owned()]],
            Rolls::When(part, _) => vec![vec![], vec![part.to_owned()]],
        };
        if !changes.is_empty() && seen != BTreeSet::from_iter(expected) {
            wrong.push(format!(
                "{path}: {rolls:?} is said, and changes change {seen:?}"
            ));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// The parts of the roll hash that a change changes while the server runs.
pub fn effect(change: &Change) -> Result<Vec<String>, Error> {
    let before = change.prepared(&json!({}));
    let after = observed(&change.applied_to(&before))?;
    let before = observed(&before)?;
    let mut parts = changed(&parts_of(&before)?, &parts_of(&running(&before, after)?)?);
    // A setting may bring its Secret or its files along. One cause is enough to name.
    if parts.len() > 1 {
        parts.retain(|part| part != "secrets" && !part.ends_with("-files"));
    }
    Ok(parts)
}

/// What is observed while the server runs with what was before.
pub fn running(before: &Observed, mut observed: Observed) -> Result<Observed, Error> {
    observed.stateful_set = Some(Arc::new(template_of(before)?));
    observed.adapters = Some(published(&[("nfs", 12049)]));
    Ok(observed)
}

/// The StatefulSet that is made of it.
pub fn template_of(observed: &Observed) -> Result<StatefulSet, Error> {
    let desired = Desired::of(&parse(observed));
    Ok(desired.stateful_set.ok_or("no StatefulSet is made")?)
}

/// A new field must be put into the list: how is it changed, and does a running server have to be restarted for it?
pub fn table_is_complete() -> Outcome {
    let fields = reference::fields::of("spec");
    let leaves = fields.iter().filter(|field| field.is_leaf());
    let leaves: BTreeSet<_> = leaves.map(|field| field.path.clone()).collect();
    let listed: BTreeSet<_> = fields::all()?.into_keys().collect();
    let silent: Vec<_> = leaves
        .iter()
        .filter(|path| rolls::of(path).is_none())
        .cloned()
        .collect();
    let missing: Vec<_> = leaves.difference(&listed).cloned().collect();
    let unknown: Vec<_> = listed.difference(&leaves).cloned().collect();
    ensure!(
        missing.is_empty() && unknown.is_empty() && silent.is_empty(),
        "operator/core/tests/fields.yaml has no change of [{}], and the schema has no [{}]; operator/core/src/reference/rolls.rs does not \
         say whether [{}] restart the server",
        missing.join(", "),
        unknown.join(", "),
        silent.join(", ")
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
            let mut secret = facts(BTreeMap::from([(key.to_owned(), length)]));
            secret.ownership = Ownership::Ours;
            observed.secrets.insert(name.to_owned(), secret);
        }
    };
    let jwt = with(&rekeyed("files-jwt-secret", "jwt-secret"))?;
    ensure!(jwt == ["secrets"], "another signing key changes {jwt:?}");
    named_secrets()?;
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

/// Another content of a Secret that the spec names, key by key.
fn named_secrets() -> Outcome {
    let tls = json!({"controlPlane": {
        "certSecretName": "tls", "clientCASecretName": "other-tls", "clientCertSecretName": "client",
    }});
    let token = json!({"metrics": {"enabled": true, "bearerTokenSecret": {"name": "own", "key": "password"}}});
    let whole = json!({"pod": {"secretRefs": [{"name": "own"}]}});
    for (spec, secret, key, rolls) in [
        (&tls, "tls", "tls.crt", false),
        (&tls, "tls", "tls.key", false),
        (&tls, "tls", "ca.crt", false),
        (&tls, "tls", "more", false),
        (&tls, "other-tls", "ca.crt", true),
        (&tls, "other-tls", "tls.crt", false),
        (&tls, "client", "tls.crt", false),
        (&token, "own", "password", true),
        (&token, "own", "jwt", false),
        (&whole, "own", "more", true),
    ] {
        let mut observed = observed(spec)?;
        let client = observed.secrets["tls"].clone();
        observed.secrets.insert("client".to_owned(), client);
        let before = parts_of(&observed)?;
        let facts = observed.secrets.get_mut(secret).ok_or("no such Secret")?;
        facts.keys.insert(
            key.to_owned(),
            KeyFacts {
                connection_problem: None,
                ..KeyFacts::of(&[b'x'; 40])
            },
        );
        let changed = changed(&before, &parts_of(&observed)?);
        let expected: &[&str] = if rolls { &["secrets"] } else { &[] };
        ensure!(
            changed == expected,
            "another {key} in Secret {secret} changes {changed:?} with {spec}"
        );
    }
    Ok(())
}

pub fn observed(patch: &Value) -> Result<Observed, Error> {
    let mut server = json!({
        "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
        "metadata": {"name": "files"},
        "spec": {"storage": {"metadataSize": "1Gi"}},
    });
    merge(&mut server["spec"], patch.clone());
    let mut observed = bare(with_identity(serde_json::from_value(server)?));
    for (name, secret) in fields::secrets() {
        let lengths = secret.into_iter().map(|(key, value)| (key, value.len()));
        observed
            .secrets
            .insert(name.to_owned(), facts(lengths.collect()));
    }
    Ok(observed)
}

pub fn published(ports: &[(&str, i64)]) -> Arc<ConfigMap> {
    let adapter = |(r#type, port): &(&str, i64)| Adapter::running(*r#type, *port);
    let state = PublishedState {
        server: ServerState {
            status: ServerStatus::Reachable,
            since: "2026-01-02T03:04:05Z".parse().unwrap(),
            message: None,
        },
        adapters: Some(ports.iter().map(adapter).collect()),
        reports: Reports::default(),
    };
    let mut config_map = ConfigMap {
        data: Some(state.encode()),
        ..ConfigMap::default()
    };
    super::signed_by_sidecar(&mut config_map);
    Arc::new(config_map)
}

/// The roll hash by its parts.
pub fn parts_of(observed: &Observed) -> Result<BTreeMap<String, String>, Error> {
    let template = template_of(observed)?.spec.ok_or("no spec")?.template;
    let annotations = template.metadata.unwrap_or_default().annotations;
    let hash = annotations
        .unwrap_or_default()
        .remove(labels::ROLL_INPUTS)
        .ok_or("no roll hash")?;
    let parts = hash.split_whitespace().filter_map(|part| {
        let (name, value) = part.split_once(':')?;
        Some((name.to_owned(), value.to_owned()))
    });
    Ok(parts.collect())
}

pub fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
        .collect()
}
